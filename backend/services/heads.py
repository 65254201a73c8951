"""How large a method's heads are, told by its options without importing torch.

The shapes are those of :mod:`backend.alignment.heads`, counted by hand; a test builds each kind and
compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: kinds of the methods that name theirs in no option
_KINDS: Final = {"sail-probe": "norm-linear", "freeze-align": "projector"}
#: what SAIL's option ``head`` stands for
_SAIL: Final = {"star": "star", "mlp": "norm-mlp", "linear": "norm-linear"}
#: SAIL's MLP is so many times as wide as its input
_MLP_WIDTH: Final = 4
_STAR_WIDTH: Final = 8
_DIMENSION: Final = 1024
#: options that decide a head's size
_SETTINGS: Final = ("hidden", "width", "rank")
#: hidden activations of a star head that a step keeps for its gradient: both maps, the clipped gate,
#: the product, and half of one for the clip's and ReLU6's masks
_STAR_ACTIVATIONS: Final = 4.5


def head_parameters(
    method: str, options: Mapping[str, int | float | str], image: int, text: int
) -> int:
    """Numbers in both heads of a method; as though they were linear where nothing else is told.

    Args:
        method: its id.
        options: every option with its effective value.
        image, text: widths of the features.
    """
    kind = kind_of(method, options)
    dimension = int(options.get("dimension", 0)) or max(image, text, _DIMENSION)
    if "anchors" in options:
        return (image + text) * int(options["anchors"])
    settings = {name: int(value) for name, value in options.items() if name in _SETTINGS}
    return sum(
        count(kind, inputs, dimension, settings, text=side == "text")
        for side, inputs in (("image", image), ("text", text))
    )


def step_activations(
    method: str, options: Mapping[str, int | float | str], image: int, text: int
) -> int:
    """Numbers that one training step keeps beside the heads; counted where heads are wide alone."""
    if kind_of(method, options) != "star":
        return 0
    hidden = (image + text) * int(options.get("width", _STAR_WIDTH))
    return int(_STAR_ACTIVATIONS * int(options.get("batch", 0)) * hidden)


def kind_of(method: str, options: Mapping[str, int | float | str]) -> str:
    """Which of :data:`backend.alignment.heads.KINDS` a method fits."""
    told = str(options.get("head", ""))
    if method == "sail":
        return _SAIL[told]
    if told or method in _KINDS:
        return told or _KINDS[method]
    return "mlp" if options.get("hidden") else "linear"


def count(
    kind: str, inputs: int, outputs: int, settings: Mapping[str, int], *, text: bool = False
) -> int:
    """Numbers in one head, biases included.

    Args:
        kind: of :data:`backend.alignment.heads.KINDS`.
        inputs, outputs: dimensions.
        settings: ``hidden``, ``width`` or ``rank``, where the kind has one.
        text: a projector has a second map on the text side, and one for the whole picture on the
            other, where it takes tokens, as is assumed.
    """
    match kind:
        case "mlp":
            hidden = settings["hidden"]
            return _map(inputs, outputs) + _map(inputs, hidden) + _map(hidden, outputs)
        case "star":
            hidden = inputs * settings.get("width", _STAR_WIDTH)
            return 2 * inputs + 2 * _map(inputs, hidden) + _map(hidden, outputs)
        case "norm-mlp":
            hidden = inputs * _MLP_WIDTH
            return 2 * inputs + _map(inputs, hidden) + _map(hidden, outputs)
        case "norm-linear":
            return 2 * inputs + _map(inputs, outputs)
        case "low-rank":
            rank = settings.get("rank", outputs)
            return inputs * outputs + rank * (inputs + outputs) + 1
        case "projector":
            hidden = settings.get("hidden") or outputs
            one = 2 * inputs + _map(inputs, outputs) + _map(inputs, hidden) + _map(hidden, outputs)
            return one + 2 * _map(outputs, outputs) + 2 * outputs if text else 2 * one
        case _:
            return _map(inputs, outputs)


def _map(inputs: int, outputs: int) -> int:
    """A linear map with its bias."""
    return (inputs + 1) * outputs
