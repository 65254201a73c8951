"""What a page view's map has and shows when something happens on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from ui.pages.mapping.shown import Shown

#: chosen points that are shown beside the map at first, and how many more a click shows
FIRST: Final = 60


@dataclass(frozen=True)
class Loaded:
    """What the browser has.

    Attributes:
        run: whose map.
        key: of its value.
        ready: whether that is what was asked for, and not PCA in its place.
        asked: what is searched for, as it was marked on it.
        selection: what is chosen, as it was marked on it.
    """

    run: str
    key: str
    ready: bool
    asked: str = ""
    selection: str = ""


@dataclass(frozen=True)
class Side:
    """What stands beside the map.

    Attributes:
        picked: id of the item that was picked; empty: none.
        chosen: whether the chosen points are shown and not the picked one.
        count: how many of them.
    """

    picked: str = ""
    chosen: bool = False
    count: int = FIRST


class Now(NamedTuple):
    """What every event of the page is given, in this order."""

    run: str | None
    shown: Shown
    loaded: Loaded | None
    beside: Side
    asked: str
    selection: str
    view: str
