"""All methods under one interface: options in, a fitted alignment out.

Light to import: a recipe's numerics are loaded when it is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from backend.alignment.register.closed_form import CLOSED_FORM
from backend.alignment.register.method import Method
from backend.alignment.register.trained import TRAINED
from backend.alignment.register.unpaired import UNPAIRED
from backend.errors import Fault, InvalidInput
from backend.reporting import Report
from backend.schemas import MethodOption

if TYPE_CHECKING:
    from backend.alignment.base import Alignment
    from backend.alignment.pairs import PairedFeatures, Unpaired

OnMetrics = Callable[[int, dict[str, float]], None]
Options = Mapping[str, int | float | str]


@dataclass(frozen=True)
class Context:
    """What a recipe may use beside the pairs.

    Attributes:
        options: every option of the method with its effective value.
        seed: decides every random draw.
        device: ``cpu`` or ``cuda:N``.
        folder: for checkpoints; the same folder again means: continue.
        report, on_metrics: how progress is told.
        unpaired: training items and captions beside the pairs, for methods that learn from them.
        basis: tells the features from others of the same shape; a checkpoint of other ones is not
            gone on from.
        room: bytes that a training's heads, kept at some of its steps, may take; 0: none are kept.
    """

    options: Options
    seed: int
    device: str
    folder: Path
    report: Report
    on_metrics: OnMetrics
    unpaired: Unpaired | None = None
    basis: str = ""
    room: int = 0


METHODS: Final[dict[str, Method]] = {
    method.info.id: method for method in (*TRAINED, *CLOSED_FORM, *UNPAIRED)
}


def resolve_options(method_id: str, options: Options) -> dict[str, int | float | str]:
    """Every option of a method with its effective value.

    Raises:
        InvalidInput: an unknown method, or every option that is unknown or out of bounds.
    """
    if method_id not in METHODS:
        known = ", ".join(METHODS)
        raise InvalidInput(
            "Pick a method from the list.",
            [Fault("method", f"{method_id!r} is not one of {known}")],
        )
    known_options = {option.name: option for option in METHODS[method_id].info.options}
    faults = [
        Fault(name, f"is not an option of {method_id}; it has {', '.join(known_options)}")
        for name in options
        if name not in known_options
    ]
    resolved: dict[str, int | float | str] = {}
    for name, option in known_options.items():
        try:
            resolved[name] = _checked(option, options.get(name, option.default))
        except ValueError as error:
            faults.append(Fault(name, str(error)))
    if faults:
        raise InvalidInput(f"Some options of {method_id} cannot be used; correct them.", faults)
    return resolved


def _checked(option: MethodOption, value: int | float | str) -> int | float | str:
    if option.kind == "choice":
        if value not in option.choices:
            raise ValueError(f"is {value!r}; allowed: {', '.join(option.choices)}")
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"is {value!r}; a number is needed") from None
    low, high = option.minimum, option.maximum
    if (
        number != number
        or (low is not None and number < low)
        or (high is not None and number > high)
    ):
        raise ValueError(f"is {value}; allowed: {low:g} to {high:g}")
    if option.kind == "int":
        if number != int(number):
            raise ValueError(f"is {value}; a whole number is needed")
        return int(number)
    return number


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Fits a method on training pairs; validation pairs choose, the test split is not here to be seen.

    Raises:
        InvalidInput: too few pairs, or options that do not fit the features.
        Cancelled: from ``context.report``; checkpoints stay, the same call continues.
        TrainingDiverged: the loss is not finite.
    """
    for name, pairs in (("train", train), ("val", val)):
        if len(pairs.image) < 2:
            raise InvalidInput(
                f"The {name} split has {len(pairs.image)} usable images; at least 2 are needed. "
                "Check the data set's report for what was set aside."
            )
        if len(np.unique(pairs.image_of_text)) < 2:
            raise InvalidInput(
                f"The {name} split has captions of fewer than 2 images; nothing can be told apart. "
                "Check the data set's report for what was set aside."
            )
    recipe = import_module(f"backend.alignment.recipes.{METHODS[method_id].module}")
    alignment: Alignment = recipe.fit(method_id, train, val, context)
    return alignment
