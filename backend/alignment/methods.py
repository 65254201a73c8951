"""The register of methods: what the picker shows, and which recipe carries it out.

Light to import: a recipe's numerics are loaded when it is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backend.errors import Fault, InvalidInput
from backend.reporting import Report
from backend.schemas import MethodInfo, MethodOption

if TYPE_CHECKING:
    from backend.alignment.base import Alignment
    from backend.alignment.pairs import PairedFeatures

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
    """

    options: Options
    seed: int
    device: str
    folder: Path
    report: Report
    on_metrics: OnMetrics


@dataclass(frozen=True)
class Method:
    """A method and the module under ``recipes`` whose ``fit(train, val, context)`` carries it out."""

    info: MethodInfo
    module: str


def _integer(name: str, label: str, default: int, low: int, high: int, text: str) -> MethodOption:
    return MethodOption(
        name=name, label=label, help=text, kind="int", default=default, minimum=low, maximum=high
    )


def _number(
    name: str, label: str, default: float, low: float, high: float, text: str
) -> MethodOption:
    return MethodOption(
        name=name, label=label, help=text, kind="float", default=default, minimum=low, maximum=high
    )


_TRAINED_DIMENSION, _CCA_DIMENSION = (
    _integer("dimension", "Shared dimensions", default, 2, 4096, "Size of the shared space.")
    for default in (512, 256)
)
_TRAINING: Final = (
    _TRAINED_DIMENSION,
    _integer(
        "epochs", "Epochs", 20, 1, 1000, "Most passes over all captions; the best one is kept."
    ),
    _integer(
        "least_steps", "Least steps", 1000, 0, 1_000_000, "Small sets are passed over more often."
    ),
    _integer("batch", "Batch", 512, 2, 65536, "Pairs told apart from each other in one step."),
    _number("learning_rate", "Learning rate", 1e-3, 1e-6, 1.0, "Peak rate of AdamW."),
    _number("weight_decay", "Weight decay", 1e-2, 0.0, 10.0, "On weights, not on biases."),
    _number(
        "noise", "Feature noise", 0.25, 0.0, 2.0, "Noise on standardised features in training."
    ),
    _integer(
        "patience", "Patience", 5, 1, 1000, "Epochs without gain on validation before it stops."
    ),
)
_RIDGE: Final = _number(
    "ridge", "Ridge", 0.0, 0.0, 100.0, "Added to each covariance; 0 picks the best on validation."
)

METHODS: Final[dict[str, Method]] = {
    method.info.id: method
    for method in (
        Method(
            MethodInfo(
                id="linear-infonce",
                name="Linear + InfoNCE",
                summary="One linear head a side, trained to tell the right caption from a batch of "
                "others. The default: strong from a few hundred pairs up.",
                paper="van den Oord et al. 2018; Radford et al. 2021 (two-sided form)",
                trained=True,
                options=_TRAINING,
            ),
            "infonce",
        ),
        Method(
            MethodInfo(
                id="mlp-infonce",
                name="MLP + InfoNCE",
                summary="A hidden layer beside the linear head. Worth a try with more than about "
                "10,000 pairs; overfits below.",
                paper="van den Oord et al. 2018; heads as in Maniparambil et al. 2025 (freeze-align)",
                trained=True,
                options=(
                    *_TRAINING,
                    _integer("hidden", "Hidden units", 512, 8, 16384, "Width of the hidden layer."),
                ),
            ),
            "infonce",
        ),
        Method(
            MethodInfo(
                id="ridge-cca",
                name="Ridge CCA",
                summary="Closed form: the most correlated directions of both spaces. Seconds, no "
                "tuning; the bar that training has to clear.",
                paper="Hotelling 1936; Vinod 1976 (ridge)",
                trained=False,
                options=(_CCA_DIMENSION, _RIDGE),
            ),
            "ridge_cca",
        ),
        Method(
            MethodInfo(
                id="procrustes",
                name="Orthogonal Procrustes",
                summary="Closed form: whitens both spaces and turns one onto the other. A rotation "
                "only, so it shows how alike the two geometries already are.",
                paper="Schönemann 1966",
                trained=False,
                options=(_RIDGE,),
            ),
            "procrustes",
        ),
        Method(
            MethodInfo(
                id="ridge",
                name="Ridge regression",
                summary="Closed form: predicts the text features from the image features. The text "
                "space stays as it is, which suits a text encoder one trusts.",
                paper="Hoerl and Kennard 1970",
                trained=False,
                options=(_RIDGE,),
            ),
            "ridge_regression",
        ),
    )
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
    recipe = import_module(f"backend.alignment.recipes.{METHODS[method_id].module}")
    alignment: Alignment = recipe.fit(method_id, train, val, context)
    return alignment
