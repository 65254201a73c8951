"""How alike two representations of the same items are, before any alignment.

Definitions as in platonic-rep (Huh et al. 2024), every one on row-aligned features (n, d):

preparation   clamping outliers, unit rows; done first, by the caller
neighbours    lists of nearest neighbours, and how many entries two of them share
knn           mutual kNN, cycle kNN, and the two that look at the order within the lists
kernels       CKA, linear and RBF, biased and unbiased
grams         the same under many permutations, of few items whose kernels can be held
cknna         CKA over mutual nearest neighbours
subspaces     SVCCA

A score by itself says little: :mod:`backend.evaluation.calibration` says what chance would give.
"""

from __future__ import annotations

from backend.evaluation.similarity.cknna import (
    NeighbourKernel,
    cknna,
    neighbour_kernel,
    permuted_cknna,
)
from backend.evaluation.similarity.grams import (
    Grams,
    expected_cka,
    grams,
    permuted_cka,
)
from backend.evaluation.similarity.kernels import (
    LinearKernel,
    both_linear_cka,
    cka,
    linear_cka,
)
from backend.evaluation.similarity.knn import (
    cycle_knn,
    edit_distance_knn,
    expected_cycles,
    found_again,
    lcs_knn,
    mutual_knn,
    overlaps,
    permuted_cycles,
)
from backend.evaluation.similarity.neighbours import (
    Lists,
    nearest_neighbours,
    relabelled,
    shared_neighbours,
)
from backend.evaluation.similarity.preparation import (
    clamp_outliers,
    outlier_threshold,
    unit_rows,
    working,
)
from backend.evaluation.similarity.subspaces import (
    leading,
    permuted_svcca,
    svcca,
)

__all__ = [
    "Grams",
    "LinearKernel",
    "Lists",
    "NeighbourKernel",
    "both_linear_cka",
    "cka",
    "cknna",
    "clamp_outliers",
    "cycle_knn",
    "edit_distance_knn",
    "expected_cka",
    "expected_cycles",
    "found_again",
    "grams",
    "lcs_knn",
    "leading",
    "linear_cka",
    "mutual_knn",
    "nearest_neighbours",
    "neighbour_kernel",
    "outlier_threshold",
    "overlaps",
    "permuted_cka",
    "permuted_cknna",
    "permuted_cycles",
    "permuted_svcca",
    "relabelled",
    "shared_neighbours",
    "svcca",
    "unit_rows",
    "working",
]
