"""Methods that are solved, not trained: seconds, and the bar that training has to clear."""

from __future__ import annotations

from typing import Final

from backend.alignment.register.method import Method
from backend.alignment.register.options import RIDGE, choice, dimension, integer, number
from backend.schemas import MethodInfo

ANCHORS: Final = integer(
    "anchors",
    "Anchors",
    5000,
    2,
    100_000,
    "Training pairs drawn, one caption an image; also the size of the shared space.",
)

CLOSED_FORM: Final = (
    Method(
        MethodInfo(
            id="ridge-cca",
            name="Ridge CCA",
            summary="Closed form: the most correlated directions of both spaces. Seconds, no "
            "tuning; the bar that training has to clear.",
            paper="Hotelling 1936; Vinod 1976 (ridge)",
            family="closed form",
            trained=False,
            options=(
                dimension(256),
                RIDGE,
                choice(
                    "scaling",
                    "Scaling",
                    ("standardised", "unit rows"),
                    "What is done to features first: mean 0 and variance 1 each, or rows of length "
                    "one, then mean 0 (SOTAlign's teacher, with ridge 0.1 and no weighting).",
                ),
                choice(
                    "weighting",
                    "Weighting",
                    ("correlation", "none"),
                    "Whether a direction counts by its correlation.",
                ),
            ),
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
            family="closed form",
            trained=False,
            options=(RIDGE,),
        ),
        "procrustes",
    ),
    Method(
        MethodInfo(
            id="ridge",
            name="Ridge regression",
            summary="Closed form: predicts one side's features from the other's. The target space "
            "stays as it is, which suits an encoder one trusts.",
            paper="Hoerl and Kennard 1970",
            family="closed form",
            trained=False,
            options=(
                RIDGE,
                choice(
                    "direction",
                    "Direction",
                    ("image-to-text", "text-to-image"),
                    "Which side is predicted into the other's space.",
                ),
            ),
        ),
        "ridge_regression",
    ),
    Method(
        MethodInfo(
            id="csa",
            name="CSA",
            summary="Closed form: canonical directions, each weighted by how well the sides agree in "
            "it. Made for few pairs: some hundreds to some thousands.",
            paper="Li, Chinchali, Topcu 2025 (CSA)",
            family="closed form",
            trained=False,
            options=(
                integer(
                    "dimension",
                    "Canonical dimensions",
                    0,
                    0,
                    4096,
                    "Directions kept; 0 picks the best of a few on validation.",
                ),
                RIDGE,
            ),
        ),
        "csa",
    ),
    Method(
        MethodInfo(
            id="asif",
            name="ASIF",
            summary="Nothing is fitted: an item is told by the training pairs it is most like. Pairs "
            "can be traced and taken away; wants thousands of pairs and strong encoders.",
            paper="Norelli et al. 2023 (ASIF)",
            family="closed form",
            trained=False,
            options=(
                ANCHORS,
                integer(
                    "non_zeros",
                    "Kept similarities",
                    800,
                    1,
                    100_000,
                    "Largest similarities of an item that count; all, with fewer anchors.",
                ),
                number(
                    "exponent",
                    "Exponent",
                    0.0,
                    0.0,
                    100.0,
                    "Similarities are raised to it; 0 picks the best on validation.",
                ),
            ),
        ),
        "asif",
    ),
    Method(
        MethodInfo(
            id="relative",
            name="Relative representations",
            summary="Nothing is fitted: cosines to shared anchors. The plainest of all; shows what the "
            "encoders agree on by themselves.",
            paper="Moschella et al. 2023",
            family="closed form",
            trained=False,
            options=(
                ANCHORS,
                choice(
                    "preparation",
                    "Preparation",
                    ("none", "centred"),
                    "centred takes the mean of each side away first; not in the paper.",
                ),
            ),
        ),
        "relative",
    ),
)
