"""Methods that are trained by gradient."""

from __future__ import annotations

from typing import Final

from backend.alignment.register.method import Method
from backend.alignment.register.options import (
    EXTRA,
    SIBLINGS,
    SIGMOID,
    START,
    TRAINING,
    but,
    choice,
    integer,
    number,
)
from backend.schemas import MethodInfo, MethodOption

_LION: Final = but(TRAINING, optimizer="lion", learning_rate=1e-4, weight_decay=1e-4, warmup=0.1)
_HIDDEN: Final = integer("hidden", "Hidden units", 512, 8, 16384, "Width of the hidden layer.")
_DROPOUT: Final = number("dropout", "Dropout", 0.1, 0.0, 0.9, "Share of activations left out.")


def _unpaired(most: int, batch: int, text: str) -> tuple[MethodOption, MethodOption]:
    return (
        integer("unpaired", "Unpaired rows", most, 0, 10_000_000, text),
        integer(
            "unpaired_batch", "Unpaired batch", batch, 2, 65_536, "Of each side, joining each step."
        ),
    )


TRAINED: Final = (
    Method(
        MethodInfo(
            id="linear-infonce",
            name="Linear + InfoNCE",
            summary="One linear head a side, trained to tell the right caption from a batch of "
            "others. The default: strong from a few hundred pairs up.",
            paper="van den Oord et al. 2018; Radford et al. 2021 (two-sided form)",
            family="trained",
            trained=True,
            options=(*TRAINING, START, EXTRA, SIBLINGS),
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
            family="trained",
            trained=True,
            options=(*TRAINING, _HIDDEN, START, EXTRA, SIBLINGS),
        ),
        "infonce",
    ),
    Method(
        MethodInfo(
            id="sail",
            name="SAIL",
            summary="Gated heads, the sigmoid loss and a second caption of each image. For sets "
            "of hundreds of thousands of pairs and more; large heads.",
            paper="Zhang et al. 2025 (SAIL); Zhai et al. 2023 (sigmoid loss)",
            family="trained",
            trained=True,
            options=(
                *but(_LION, noise=0.5),
                choice(
                    "head",
                    "Head",
                    ("star", "mlp", "linear"),
                    "star: the paper's gated head; mlp: one hidden layer, four times as wide.",
                ),
                integer(
                    "width",
                    "Star width",
                    8,
                    1,
                    16,
                    "Hidden units per input; a batch of 4,096 at 1,024 inputs and width 8 takes "
                    "about 0.6 GB of activations a side.",
                ),
                *but((EXTRA,), extra_captions="yes"),
                *SIGMOID,
                choice(
                    "siblings",
                    "Captions of one image",
                    ("apart", "positive"),
                    "apart: never in one batch; positive: where they meet, they are positives.",
                ),
            ),
        ),
        "sail",
    ),
    Method(
        MethodInfo(
            id="sail-probe",
            name="SAIL's linear probe",
            summary="One linear map a side with the sigmoid loss: a yardstick for how well two "
            "encoders can be aligned at all.",
            paper="Zhang et al. 2025 (SAIL)",
            family="trained",
            trained=True,
            options=(*but(_LION, learning_rate=1e-3, noise=0.5), *SIGMOID),
        ),
        "sail_probe",
    ),
    Method(
        MethodInfo(
            id="freeze-align",
            name="freeze-align",
            summary="Projectors on every token, then their mean. Choose it where the encoder's "
            "token features are stored (pooling=tokens) and pairs are many.",
            paper="Maniparambil et al. 2025 (freeze-align)",
            family="trained",
            trained=True,
            uses_tokens=True,
            options=(
                *but(TRAINING, weight_decay=0.02),
                integer("hidden", "Hidden units", 0, 0, 16384, "0: as many as shared dimensions."),
                _DROPOUT,
                SIBLINGS,
            ),
        ),
        "freeze_align",
    ),
    Method(
        MethodInfo(
            id="structure",
            name="STRUCTURE",
            summary="Aligns while each modality keeps its neighbourhoods. Choose it with few pairs, "
            "hundreds to tens of thousands.",
            paper="Gröger et al. 2025 (STRUCTURE)",
            family="trained",
            trained=True,
            uses_unpaired=True,
            options=(
                *but(TRAINING, noise=0.75),
                choice(
                    "base",
                    "Base loss",
                    ("infonce-fixed", "infonce-learned", "sigmoid"),
                    "InfoNCE at a fixed temperature (the paper's), or at a learned one; or SAIL's "
                    "sigmoid loss.",
                ),
                number(
                    "temperature",
                    "Temperature",
                    0.05,
                    0.001,
                    1.0,
                    "Of InfoNCE, the first one where it is learned; of the regulariser, too.",
                ),
                number(
                    "structure_weight",
                    "Structure weight",
                    10.0,
                    0.0,
                    100_000.0,
                    "Lambda of the regulariser; not the same for another base loss or batch.",
                ),
                integer(
                    "structure_warmup",
                    "Structure warm-up",
                    0,
                    0,
                    1_000_000,
                    "Steps in which it climbs; 0: 1,000, but at most a tenth of all steps.",
                ),
                number(
                    "structure_temperature",
                    "Structure temperature",
                    0.0,
                    0.0,
                    1.0,
                    "Of the regulariser alone; 0: the temperature above.",
                ),
                integer(
                    "levels",
                    "Levels",
                    1,
                    1,
                    8,
                    "Steps of the neighbourhood walk that are compared; above 1 the batch may have "
                    "4,096 rows at most.",
                ),
                choice(
                    "weighting", "Levels weigh", ("none", "inverse"), "none: alike; inverse: 1/l."
                ),
                choice(
                    "divergence",
                    "Divergence",
                    ("reverse-kl", "jensen-shannon"),
                    "reverse-kl is what the released code computes under the other's name.",
                ),
                number("margin", "Margin", 0.0, 0.0, 100.0, "A divergence below it costs nothing."),
                choice(
                    "head",
                    "Head",
                    ("linear", "low-rank"),
                    "low-rank: a gated branch beside the linear map.",
                ),
                integer("rank", "Rank", 64, 1, 4096, "Of the low-rank branch."),
                _DROPOUT,
                number("gate", "First gate", 0.5, 0.001, 0.999, "Of the low-rank branch."),
                *_unpaired(
                    0, 512, "Items and captions without partners that join the regulariser."
                ),
                START,
                *but((EXTRA,), extra_captions="yes"),
                SIBLINGS,
            ),
        ),
        "structure",
    ),
    Method(
        MethodInfo(
            id="sotalign",
            name="SOTAlign",
            summary="A closed-form teacher guides the heads on items and captions without "
            "partners. Choose it with few pairs and much unpaired data.",
            paper="SOTAlign 2026 (arXiv 2602.23353)",
            family="trained",
            trained=True,
            uses_unpaired=True,
            options=(
                *but(TRAINING, batch=256, noise=0.75),
                number(
                    "ridge", "Teacher's ridge", 0.1, 0.0, 100.0, "Of the ridge CCA on unit rows."
                ),
                number(
                    "pairs_weight", "Pairs' weight", 1.0, 0.0, 1000.0, "Of the sigmoid loss, a1."
                ),
                number("plan_weight", "Plan's weight", 3e-3, 0.0, 1000.0, "Of KLOT, a2."),
                number("epsilon", "Entropy", 0.05, 0.001, 10.0, "Of the heads' transport plan."),
                number("epsilon_teacher", "Teacher's entropy", 0.005, 0.001, 10.0, "Of its plan."),
                integer("iterations", "Iterations", 30, 1, 10_000, "Of Sinkhorn, in each step."),
                *SIGMOID,
                *_unpaired(100_000, 128, "Items and captions without partners, at most."),
                START,
            ),
        ),
        "sotalign",
    ),
    Method(
        MethodInfo(
            id="fusemix",
            name="FuseMix",
            summary="InfoNCE on mixtures of two pairs, made before the heads. Against overfitting, "
            "where pairs are few.",
            paper="Vouitsis et al. 2024 (FuseMix)",
            family="trained",
            trained=True,
            options=(
                *TRAINING,
                number("alpha", "Alpha", 1.0, 0.0, 100.0, "Of Beta(alpha, alpha); 0: no mixing."),
                choice("head", "Head", ("linear", "mlp"), "mlp: a hidden layer beside it."),
                _HIDDEN,
                START,
            ),
        ),
        "fusemix",
    ),
    Method(
        MethodInfo(
            id="sdm",
            name="Similarity distribution matching",
            summary="Matches the distribution of similarities in a batch to the labels'. For sets "
            "where many captions are true of an image.",
            paper="Jiang and Ye 2023 (IRRA)",
            family="trained",
            trained=True,
            options=(
                *TRAINING,
                number("temperature", "Temperature", 0.02, 0.001, 1.0, "Fixed."),
                START,
                choice(
                    "siblings",
                    "Captions of one image",
                    ("apart", "positive"),
                    "apart: never in one batch; positive: where they meet, they share the mass.",
                ),
            ),
        ),
        "sdm",
    ),
    Method(
        MethodInfo(
            id="barlow",
            name="Barlow Twins",
            summary="Matching dimensions correlate, all others do not; no negatives. A control for "
            "what contrast between pairs adds.",
            paper="Zbontar et al. 2021",
            family="trained",
            trained=True,
            options=(
                *but(TRAINING, dimension=128),
                number(
                    "off_diagonal",
                    "Off-diagonal weight",
                    0.0051,
                    0.0,
                    10.0,
                    "Of correlations between different dimensions.",
                ),
                *but((START,), start="random"),
            ),
        ),
        "barlow",
    ),
)
