"""Values that published code gave on fixed inputs (tests/golden)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FOLDER = Path(__file__).resolve().parent.parent / "golden"


@cache
def arrays() -> dict[str, NDArray[Any]]:
    """All inputs, floats in double precision."""
    with np.load(_FOLDER / "golden.npz") as file:
        return {
            name: file[name].astype(np.float64) if file[name].dtype.kind == "f" else file[name]
            for name in file.files
        }


@cache
def _entries() -> dict[str, dict[str, Any]]:
    entries = json.loads((_FOLDER / "golden.json").read_text("utf-8"))["entries"]
    return {entry["name"]: entry for entry in entries}


def value(name: str) -> Any:
    """One entry's value."""
    return _entries()[name]["value"]


def assert_golden(mine: Any, name: str, **looser: float) -> None:
    """Compares with an entry by its own tolerance, or a looser one that the test states."""
    tolerance = _entries()[name]["tolerance"] | looser
    np.testing.assert_allclose(mine, value(name), **tolerance)


def unit(rows: NDArray[Any]) -> NDArray[Any]:
    """Rows of length one."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
