"""Options that several methods share, and how an option is written down."""

from __future__ import annotations

from typing import Final

from backend.schemas import MethodOption


def integer(name: str, label: str, default: int, low: int, high: int, text: str) -> MethodOption:
    """A whole number from ``low`` to ``high``."""
    return MethodOption(
        name=name, label=label, help=text, kind="int", default=default, minimum=low, maximum=high
    )


def number(
    name: str, label: str, default: float, low: float, high: float, text: str
) -> MethodOption:
    """A number from ``low`` to ``high``."""
    return MethodOption(
        name=name, label=label, help=text, kind="float", default=default, minimum=low, maximum=high
    )


def choice(name: str, label: str, choices: tuple[str, ...], text: str) -> MethodOption:
    """One of some words; the first is the default."""
    return MethodOption(
        name=name, label=label, help=text, kind="choice", default=choices[0], choices=choices
    )


def dimension(default: int) -> MethodOption:
    """Size of the shared space."""
    return integer("dimension", "Shared dimensions", default, 2, 4096, "Size of the shared space.")


def but(
    options: tuple[MethodOption, ...], **defaults: int | float | str
) -> tuple[MethodOption, ...]:
    """The same options with other defaults."""
    unknown = set(defaults) - {option.name for option in options}
    if unknown:
        raise ValueError(f"no such options: {sorted(unknown)}")
    return tuple(
        option.model_copy(update={"default": defaults[option.name]})
        if option.name in defaults
        else option
        for option in options
    )


RIDGE: Final = number(
    "ridge", "Ridge", 0.0, 0.0, 100.0, "Added to each covariance; 0 picks the best on validation."
)

#: what every gradient-trained method has (:class:`backend.alignment.training.TrainingConfig`)
TRAINING: Final = (
    dimension(512),
    integer(
        "epochs", "Epochs", 10, 1, 10_000, "Most passes over all captions; the best heads are kept."
    ),
    integer(
        "least_steps", "Least steps", 600, 0, 1_000_000, "Small sets are passed over more often."
    ),
    integer("batch", "Batch", 512, 2, 1_048_576, "Pairs told apart from each other in one step."),
    number("learning_rate", "Learning rate", 1e-3, 1e-6, 1.0, "Peak rate of the optimiser."),
    number("weight_decay", "Weight decay", 1e-2, 0.0, 10.0, "On weights, not on biases."),
    choice("optimizer", "Optimiser", ("adamw", "lion"), "Lion wants a rate ten times smaller."),
    number("warmup", "Warm-up", 0.05, 0.0, 1.0, "Share of all steps in which the rate climbs."),
    number("noise", "Feature noise", 0.25, 0.0, 2.0, "Noise on standardised features in training."),
    integer(
        "validate_every",
        "Validate every",
        0,
        0,
        1_000_000,
        "Steps between two looks at the validation split; 0: each epoch, at least 25 steps.",
    ),
    integer(
        "patience", "Patience", 20, 1, 100_000, "Looks without gain on validation before it stops."
    ),
    choice("precision", "Precision", ("auto", "float32", "bfloat16"), "auto: bfloat16 on a GPU."),
)

#: of losses that know which captions are of one image
SIBLINGS: Final = choice(
    "siblings",
    "Captions of one image",
    ("apart", "mask", "positive"),
    "apart: never in one batch; mask: left out as negatives; positive: they count together.",
)

#: where linear maps begin
START: Final = choice(
    "start",
    "Start",
    ("cca", "random"),
    "Of the linear maps: solved by ridge CCA on the pairs, or drawn at random.",
)

#: of contrastive losses
EXTRA: Final = choice(
    "extra_captions",
    "Extra captions",
    ("no", "yes"),
    "Whether another caption of each image is a positive in each step, too.",
)

#: of SAIL's sigmoid loss
SIGMOID: Final = (
    number("logit_scale", "First scale", 20.0, 1.0, 100.0, "Of the similarities; it is learned."),
    number("logit_bias", "First bias", -10.0, -100.0, 100.0, "Of the logits; it is learned."),
)
