"""What is kept open within a budget of memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """What knows how much memory it takes."""

    @property
    def memory_bytes(self) -> int: ...


Thing = TypeVar("Thing", bound=Sized)


class Kept(Generic[Thing]):
    """Open things by name. Where they take more than the budget, those that were not asked for longest are
    let go; the one that was asked for last stays, whatever it takes. Whoever still uses one keeps it open.

    Args:
        budget_bytes: for all together.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._things: OrderedDict[str, Thing] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return name in self._things

    def __len__(self) -> int:
        return len(self._things)

    def get(self, name: str) -> Thing | None:
        """The thing, which counts as asked for; None where it is not open."""
        if name in self._things:
            self._things.move_to_end(name)
        return self._things.get(name)

    def put(self, name: str, thing: Thing) -> None:
        """Keeps a thing open, and lets others go to make room."""
        self._things[name] = thing
        self._things.move_to_end(name)
        # counted anew each time: an index may take more once it has been searched
        while len(self._things) > 1 and self._taken() > self._budget:
            self._things.popitem(last=False)

    def drop(self, name: str) -> None:
        """Lets a thing go, where it is open."""
        self._things.pop(name, None)

    def clear(self) -> None:
        """Lets everything go."""
        self._things.clear()

    def _taken(self) -> int:
        return sum(thing.memory_bytes for thing in self._things.values())
