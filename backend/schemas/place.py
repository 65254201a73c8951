"""The place itself."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Frozen


class WorkerState(Frozen):
    """Whether jobs are being carried out."""

    alive: bool
    device: str | None
    message: str = Field(description="in words, with the next step where there is one")
