"""Image models of the library timm, in the form in which transformers gives its own.

timm is optional: it is imported when such a model is asked for and at no other time.
"""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, Final

import torch
from PIL import Image
from safetensors.torch import load_file

from backend.catalog.encoders.files import EncoderFiles
from backend.errors import EncoderError

#: what timm's families call their blocks or stages
_BODIES: Final = ("stages", "layers", "blocks")


class TimmModel(torch.nn.Module):
    """A timm model that gives ``last_hidden_state``, ``pooler_output`` and ``hidden_states``.

    Layer 0 is what goes into the first block or stage, layer L what comes out of the L-th. The
    pooler is what timm's classifier would see.
    """

    main_input_name = "pixel_values"

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.config = SimpleNamespace(model_type="timm")
        self.body = body
        # timm's own mark of networks that keep the channels last
        self._channels_last = str(getattr(body, "output_fmt", "")) == "NHWC"

    def forward(self, pixel_values: Any, output_hidden_states: bool = False) -> SimpleNamespace:
        """The output for (n, 3, height, width) pictures."""
        states: list[Any] = []
        hooks = self._listen(states) if output_hidden_states else []
        try:
            hidden = self.body.forward_features(pixel_values)
        finally:
            for hook in hooks:
                hook.remove()
        return SimpleNamespace(
            last_hidden_state=self._ordered(hidden),
            pooler_output=self.body.forward_head(hidden, pre_logits=True),
            hidden_states=tuple(map(self._ordered, states)),
        )

    def _listen(self, states: list[Any]) -> list[Any]:
        """Has every block write down what it gives this thread, and the first one what it takes."""
        thread = threading.get_ident()  # others may be running the same model

        def note(state: Any) -> None:
            if threading.get_ident() == thread:
                states.append(state)

        name = next(name for name in _BODIES if len(getattr(self.body, name, ())))
        blocks = list(getattr(self.body, name))
        hooks = [blocks[0].register_forward_pre_hook(lambda _, given: note(given[0]))]
        hooks += [block.register_forward_hook(lambda _, __, out: note(out)) for block in blocks]
        return hooks

    def _ordered(self, hidden: Any) -> Any:
        """Channels before positions."""
        return hidden.permute(0, 3, 1, 2) if hidden.ndim == 4 and self._channels_last else hidden


class TimmProcessor:
    """timm's own preprocessing for evaluation, called as image processors of transformers are.

    Args:
        files: of the model.

    Raises:
        EncoderError: timm is not installed.
    """

    def __init__(self, files: EncoderFiles) -> None:
        data = _timm().data
        told = data.resolve_data_config(pretrained_cfg=files.config["pretrained_cfg"])
        self._transform = data.create_transform(**told, is_training=False)

    def __call__(self, images: Image.Image, return_tensors: str = "pt") -> dict[str, Any]:
        """``pixel_values``: (1, 3, height, width)."""
        pixels = self._transform(images)[None]
        return {"pixel_values": pixels if return_tensors == "pt" else pixels.numpy()}


def load_timm(files: EncoderFiles) -> tuple[TimmModel, list[str]]:
    """The model, and the names of the weights that its files do not hold.

    Raises:
        EncoderError: timm is not installed, or does not know the architecture.
    """
    timm = _timm()
    name, told = str(files.config["architecture"]), files.config["pretrained_cfg"]
    if not timm.is_model(name):
        raise EncoderError(
            f"timm {timm.__version__} knows no model {name}. Install a newer timm, or choose another "
            "encoder."
        )
    options = dict(files.config.get("model_args") or {}) | {"num_classes": 0}
    body = timm.create_model(name, pretrained=False, pretrained_cfg=told, **options)
    weights = {key: value for path in files.weights for key, value in load_file(path).items()}
    missing = body.load_state_dict(weights, strict=False).missing_keys
    return TimmModel(body), [f"body.{key}" for key in missing]


def _timm() -> Any:
    try:
        import timm
        import timm.data
    except Exception as error:  # a torchvision for another torch fails in ways of its own
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise EncoderError(
            f"This encoder needs timm, which cannot be imported ({reason}). Install it with `pip "
            "install timm` and a torchvision that was made for the installed torch, or choose an "
            "encoder of transformers."
        ) from error
    return timm
