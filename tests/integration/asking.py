"""A search with one part, as most tests ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.schemas import Answers, PartKind, Query, QueryPart
from backend.services import Services


def ask(
    services: Services, run_id: str, value: str | Path, kind: PartKind = "text", **more: Any
) -> Answers:
    """The answers of one modality."""
    query = Query(parts=(QueryPart(kind=kind, value=str(value)),), **more)
    (answers,) = services.search(run_id, query).answers
    return answers
