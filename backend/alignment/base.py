"""A fitted alignment: two heads, how they were made, and how they are kept.

On disk: ``heads.safetensors`` and ``alignment.json``. Never pickle.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from backend.alignment.heads import Head, HeadConfig
from backend.errors import NotFound
from backend.schemas import Side

_WEIGHTS: Final = "heads.safetensors"
_CARD: Final = "alignment.json"
_CHUNK: Final = 8192


class Alignment:
    """Maps either side's features into the shared space.

    Args:
        method: the method's id.
        heads: one for each side.
        details: plain JSON values about the fit (chosen epoch, chosen ridge, ...).
    """

    def __init__(self, method: str, heads: dict[Side, Head], details: dict[str, Any]) -> None:
        self.method = method
        self.heads = {side: head.eval() for side, head in heads.items()}
        self.details = details

    @property
    def dimension(self) -> int:
        """Of the shared space."""
        return self.heads["image"].config.outputs

    def transform(self, side: Side, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Features (n, d_side) -> embeddings (n, dimension) float32, unit rows."""
        head = self.heads[side]
        if features.ndim != 2 or features.shape[1] != head.config.inputs:
            raise ValueError(
                f"{side} features of shape {features.shape}; expected (n, {head.config.inputs})"
            )
        result = np.empty((len(features), head.config.outputs), np.float32)
        with torch.inference_mode():
            for start in range(0, len(features), _CHUNK):
                rows = np.asarray(features[start : start + _CHUNK], np.float32)
                result[start : start + _CHUNK] = head(torch.from_numpy(rows)).numpy()
        return result

    def save(self, folder: Path) -> None:
        """Writes both files; the card is renamed into place last and makes the pair whole."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"{side}.{name}": value.contiguous()
            for side, head in self.heads.items()
            for name, value in head.state_dict().items()
        }
        save_file(tensors, folder / _WEIGHTS)
        card = {
            "method": self.method,
            "heads": {side: head.config.to_dict() for side, head in self.heads.items()},
            "details": self.details,
        }
        partial = folder / f"{_CARD}.part"
        partial.write_text(json.dumps(card, indent=2), encoding="utf-8")
        partial.replace(folder / _CARD)


def load_alignment(folder: Path) -> Alignment:
    """The alignment saved in ``folder``.

    Raises:
        NotFound: nothing whole is there.
    """
    if not (folder / _CARD).is_file() or not (folder / _WEIGHTS).is_file():
        raise NotFound(f"There are no heads in {folder}; resume the run or launch it again.")
    card = json.loads((folder / _CARD).read_text(encoding="utf-8"))
    tensors = load_file(folder / _WEIGHTS)
    heads: dict[Side, Head] = {}
    for side in ("image", "text"):
        head = Head(HeadConfig(**card["heads"][side]))
        own = {
            n.removeprefix(f"{side}."): t for n, t in tensors.items() if n.startswith(f"{side}.")
        }
        head.load_state_dict(own)
        heads[side] = head
    return Alignment(card["method"], heads, card["details"])
