"""An entry of the register."""

from __future__ import annotations

from dataclasses import dataclass

from backend.schemas import MethodInfo


@dataclass(frozen=True)
class Method:
    """A method and the module under ``recipes`` whose ``fit(train, val, context)`` carries it out."""

    info: MethodInfo
    module: str
