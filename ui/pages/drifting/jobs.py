"""Jobs that are opened beside each other in a list, stopped, resumed and deleted there."""

from __future__ import annotations

from typing import Final

from backend.services import Services
from ui.guard import require_changes

#: opened beside each other
MOST_OPEN: Final = 4

#: ids of evaluations, in the order in which they were opened
Opened = tuple[str, ...]


def toggled(opened: Opened, name: str) -> Opened:
    """The opened ones with one more or without it; the last one stays open."""
    rest = tuple(each for each in opened if each != name)
    together = rest if len(rest) < len(opened) and rest else (*rest, name)
    return together[-MOST_OPEN:]


def change(services: Services, act: str, name: str) -> None:
    """Stops, resumes or deletes one; anything else a browser sends is passed over.

    Raises:
        gr.Error: the place is read-only.
        IsthmusError: it cannot be.
    """
    require_changes(services.settings)
    if act == "stop":
        services.cancel_evaluation(name)
    elif act == "resume":
        services.resume_evaluation(name)
    elif act == "delete":
        services.delete_evaluation(name)


def names_of(plain: list[str], told: list[str], ids: list[str]) -> list[str]:
    """Names that tell some jobs apart: the plain ones where these do, else with what is told of each.

    Args:
        plain: of their runs.
        told: what was asked for.
        ids: of the jobs, which always do.
    """
    if len(set(plain)) == len(plain):
        return plain
    named = [f"{name}, {more}" if more else name for name, more in zip(plain, told, strict=True)]
    return [
        name if named.count(name) == 1 else f"{name} ({ids[place]})"
        for place, name in enumerate(named)
    ]
