"""CodeT5+ embedding models: T5's encoder and a projection of its first token, of unit length.

Published with code of their own, which is never run; this is the same in transformers' own parts.
Source: Wang et al., CodeT5+ (2023); Salesforce/codet5p-110m-embedding.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

import torch
from safetensors.torch import load_file
from transformers import T5Config, T5EncoderModel

from backend.catalog.encoders.files import EncoderFiles
from backend.errors import EncoderError

#: one table of weights under two names
_TIED: Final = ("body.encoder.embed_tokens.weight", "body.shared.weight")


class CodeT5p(torch.nn.Module):
    """The encoder with its projection, in the form that transformers gives aligned text towers."""

    main_input_name = "input_ids"

    def __init__(self, config: T5Config, dimension: int) -> None:
        super().__init__()
        self.config = config
        self.body: Any = T5EncoderModel(config)
        self.proj = torch.nn.Linear(config.d_model, dimension)

    def forward(self, **inputs: Any) -> Any:
        """The encoder's output."""
        return self.body(**inputs)

    def get_text_features(self, **inputs: Any) -> SimpleNamespace:
        """``pooler_output``: (n, dimension) of unit length."""
        first = self(**inputs).last_hidden_state[:, 0]
        return SimpleNamespace(
            pooler_output=torch.nn.functional.normalize(self.proj(first), dim=-1)
        )


def load_codet5p(files: EncoderFiles) -> CodeT5p:
    """The model with its weights, float32.

    Raises:
        EncoderError: weights are missing.
    """
    told = {
        key: value for key, value in files.config.items() if key not in ("model_type", "auto_map")
    }
    dimension = int(told.pop("embed_dim", 256))
    model = CodeT5p(T5Config(**told), dimension)
    weights = {
        name if name.startswith("proj.") else f"body.{name}": value
        for path in files.weights
        for name, value in load_file(path).items()
    }
    missing = model.load_state_dict(weights, strict=False).missing_keys
    lost = [name for name in missing if not (name in _TIED and any(t in weights for t in _TIED))]
    if lost:
        raise EncoderError(
            f"{files.folder} lacks {len(lost)} of the model's weights (such as {lost[0]}); they "
            "would be random. Give the folder of the complete model."
        )
    return model
