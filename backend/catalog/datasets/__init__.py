"""Data sets that can be picked, in any of the forms that people have."""

from __future__ import annotations

from backend.catalog.datasets.dataset import Dataset
from backend.catalog.datasets.loading import (
    BUILT_IN_DATASETS,
    check_splits,
    list_datasets,
    load_dataset,
)
from backend.catalog.datasets.splits import SPLIT_NAMES

__all__ = [
    "BUILT_IN_DATASETS",
    "SPLIT_NAMES",
    "Dataset",
    "check_splits",
    "list_datasets",
    "load_dataset",
]
