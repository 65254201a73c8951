"""What is done to features before they are compared: outliers clamped, then rows of length one.

Language models have a few dimensions of enormous values, which would decide every neighbour by
themselves. platonic-rep clamps first and normalises second; STRUCTURE's layer search only normalises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import Fault, InvalidInput

_LEAST: Final = 1e-12  # rows shorter than this stay as they are


def working(features: NDArray[np.generic]) -> NDArray[np.floating]:
    """Floats that can be computed with: double stays double, halves become single precision."""
    single = features.dtype.kind == "f" and features.dtype != np.float64
    rows: NDArray[np.floating] = features.astype(np.float32 if single else np.float64, copy=False)
    return rows


def unit_rows(features: NDArray[np.generic]) -> NDArray[np.floating]:
    """(n, d) -> (n, d) rows of length one, in the precision of :func:`working`; a row of 0 stays 0."""
    rows = working(features)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    scaled: NDArray[np.floating] = rows / np.maximum(lengths, _LEAST)[:, None].astype(rows.dtype)
    return scaled


def outlier_threshold(
    features: NDArray[np.generic], quantile: float = 0.95, exact: bool = True
) -> float:
    """The absolute value beyond which platonic-rep calls an entry an outlier.

    Args:
        features: (n, d), or (n, layers, d): then one threshold serves all layers.
        quantile: in [0, 1).
        exact: the entry at that place among all sorted absolute values, without interpolation. Not
            exact: the mean over items of each item's own quantile, which sorts no whole tensor.
    """
    sizes = np.abs(working(features))
    if exact:
        place = int(quantile * sizes.size)
        return float(np.partition(sizes.reshape(-1), place)[place])
    per_item = np.quantile(sizes.reshape(len(sizes), -1), quantile, axis=1)
    return float(per_item.mean())


def clamp_outliers(
    features: NDArray[np.generic], quantile: float = 0.95, exact: bool = True
) -> NDArray[np.floating]:
    """Features with every entry brought into plus or minus :func:`outlier_threshold`.

    Sparse features, of which so many entries are 0 that the threshold is, too, are left as they are:
    platonic-rep would make all of them 0.
    """
    limit = outlier_threshold(features, quantile, exact)
    if limit == 0:
        return working(features)
    clamped: NDArray[np.floating] = np.clip(working(features), -limit, limit)
    return clamped


def check_aligned(
    features: Sequence[NDArray[np.generic]], names: Sequence[str], least: int = 2
) -> int:
    """The number of items that all of these describe. Looks at shapes alone.

    Args:
        features: each (n, d), the same n.
        names: what each is, in words, for the error.
        least: items without which nothing can be said.

    Raises:
        InvalidInput: there are none, the rows do not correspond, or they are too few.
    """
    if not features:
        raise InvalidInput("There are no features to compare; give at least one array a side.")
    rows = features[0].shape[0] if features[0].ndim else 0
    faults: list[Fault] = []
    for array, name in zip(features, names, strict=True):
        if array.ndim != 2 or array.shape[1] == 0:
            faults.append(Fault(name, f"of shape {array.shape}; expected (items, dimensions)"))
        elif len(array) != rows:
            faults.append(Fault(name, f"{len(array)} rows, but {rows} in {names[0]}"))
    if faults:
        raise InvalidInput("Give features in which row i is the same item everywhere.", faults)
    if rows < least:
        raise InvalidInput(
            f"Only {rows} pairs, too few to compare representations; give at least {least}."
        )
    return rows


def check_finite(features: NDArray[np.generic], name: str) -> None:
    """Refuses features with values that are not finite: they would be nobody's neighbours.

    Raises:
        InvalidInput: naming the first such row.
    """
    strange = ~np.isfinite(features).all(axis=1)
    if strange.any():
        raise InvalidInput(
            "Features must be finite; extract these again, in single precision where halves overflow.",
            [Fault(f"{name}, row {int(strange.argmax())}", "holds a value that is not finite")],
        )
