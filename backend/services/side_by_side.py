"""Two runs of the same items beside each other: whose neighbours changed, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from backend.errors import InvalidInput
from backend.schemas import Changed, ChangedPoints, Colouring, Hit, Side
from backend.services.two_runs import TwoRuns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.exploration.changes import Space
    from backend.exploration.points import Drawn

Among = Literal["other", "both"]

#: points that are looked at; a sample of larger galleries, with all of it searched
_ASKED: Final = 20_000
_MOST_NEIGHBOURS: Final = 100
_MOST_SHOWN: Final = 200
#: of each run's nearest that are shown
_SHOWN_HITS: Final = 5
#: where many have kept as little, so many times the neighbours decide, at so many points
_WIDER: Final = 5
_CLOSE: Final = 600


class _Common(NamedTuple):
    """Items that two galleries have.

    Attributes:
        first, second: both spaces, in the same rows.
        points: those rows as points of the first gallery.
    """

    first: Space
    second: Space
    points: NDArray[np.int64]


class SideBySide(TwoRuns):
    """Two runs' neighbours held against each other."""

    def changed_points(
        self, first: str, second: str, k: int = 10, count: int = 24, among: Among = "other"
    ) -> ChangedPoints:
        """The points of which fewest nearest are the same in both runs.

        Args:
            k: nearest that are compared.
            count: points that are told; of captions in the same words one.
            among: whose nearest: of the other modality, or so many of each.

        Raises:
            InvalidInput: the same run twice, runs of other data sets, or numbers out of range.
            NotFound: no such run, or it has no index.
        """
        _check(k, among)
        count = min(max(1, count), _MOST_SHOWN)
        return self._remembered(
            ("changed", first, second, k, count, among),
            lambda: self._changed_points(first, second, k, count, among),
        )

    def _changed_points(
        self, first: str, second: str, k: int, count: int, among: Among
    ) -> ChangedPoints:
        from backend.exploration.changes import chance_kept
        from backend.exploration.points import Drawn

        common = self._common(first, second)
        sizes = len(common.first.image), len(common.first.text)
        asked = Drawn.evenly(*sizes, _ASKED)
        kept = _shares(common, asked, k, among)
        rows = [*asked.image, *(asked.text + sizes[0])]
        points: list[Changed] = []
        seen: set[str] = set()
        for place in _fewest_first(common, asked, kept, k, among):
            (item,) = self.map_points(first, [int(common.points[rows[place]])])
            words = item.captions[0] if item.side == "text" else item.id
            if words not in seen:
                seen.add(words)
                hits = [self._across(run, item.id) for run in (first, second)]
                told = {"kept": float(kept[place]), "first": hits[0], "second": hits[1]}
                points.append(Changed.model_validate({"item": item, **told}))
            if len(points) == count:
                break
        return ChangedPoints(
            runs=(first, second),
            items=sum(sizes),
            neighbours=k,
            among=among,
            judged=len(asked),
            kept=float(kept.mean()),
            chance=chance_kept(*sizes, k, asked, among),
            points=tuple(points),
        )

    def changed_colouring(
        self,
        first: str,
        second: str,
        points: NDArray[np.int32],
        k: int = 10,
        among: Among = "other",
    ) -> Colouring:
        """The share of nearest that both runs have in common, of points of the first run's gallery.

        Those that the second run does not have are not numbers.

        Args:
            points: rising.

        Raises:
            InvalidInput: as :meth:`changed_points`.
            NotFound: no such run, or it has no index.
        """
        import numpy as np

        from backend.exploration.points import Drawn

        _check(k, among)
        common = self._common(first, second)
        rows = np.searchsorted(common.points, points)
        there = np.isin(points, common.points)
        values = np.full(len(points), np.nan, np.float32)
        asked = Drawn.of(rows[there], len(common.first.image))
        values[there] = self._remembered(
            ("colouring", first, second, k, among, np.asarray(points).tobytes()),
            lambda: _shares(common, asked, k, among),
        )
        return Colouring(name="neighbours kept", labels=(), values=values)

    def _common(self, first: str, second: str) -> _Common:
        import numpy as np

        from backend.exploration.changes import Space

        self.check_beside(first, second)
        one, other = self._space(first).gallery, self._space(second).gallery
        images = len(one.indexes["image"])
        points, spaces = [], ([], [])  # type: ignore[var-annotated]
        sides: tuple[Side, Side] = ("image", "text")
        for side in sides:
            mine, theirs = one.indexes[side], other.indexes[side]
            if list(mine.ids) == list(theirs.ids):
                rows = np.arange(len(mine))
                vectors = mine.vectors(), theirs.vectors()
            else:
                rows = np.array([r for r, name in enumerate(mine.ids) if name in theirs.row_of])
                match = [theirs.row_of[mine.ids[int(row)]] for row in rows]
                vectors = mine.vectors()[rows], theirs.vectors()[match]
            points.append(rows if side == "image" else images + rows)
            for space, some in zip(spaces, vectors, strict=True):
                space.append(some)
        if min(len(rows) for rows in points) == 0:
            raise InvalidInput(
                "These runs have no item in common. Choose two of the same data set."
            )
        return _Common(Space(*spaces[0]), Space(*spaces[1]), np.concatenate(points))

    def _across(self, run: str, item: str) -> tuple[Hit, ...]:
        """What of the other modality is nearest to an item, its own pair marked."""
        gallery = self._space(run).gallery
        target: Side = "text" if item.startswith("image") else "image"
        return gallery.search(gallery.vector(item), target, _SHOWN_HITS, gallery.owner(item))


def _shares(common: _Common, asked: Drawn, k: int, among: Among) -> NDArray[np.float32]:
    from backend.exploration.changes import neighbours_kept

    return neighbours_kept(common.first, common.second, asked, k, among)


def _fewest_first(
    common: _Common, asked: Drawn, kept: NDArray[np.float32], k: int, among: Among
) -> NDArray[np.int64]:
    """Places among those asked, the least kept first; of equal ones by a wider look."""
    import numpy as np

    from backend.exploration.points import Drawn

    least = np.sort(kept)[: _MOST_SHOWN + 1][-1]
    equal = np.flatnonzero(kept == least)
    equal = equal[np.linspace(0, len(equal) - 1, min(len(equal), _CLOSE)).round().astype(np.int64)]
    close = np.sort(np.concatenate([np.flatnonzero(kept < least), equal]))
    split = len(asked.image)
    some = Drawn(asked.image[close[close < split]], asked.text[close[close >= split] - split])
    wider = _shares(common, some, _WIDER * k, among)
    found: NDArray[np.int64] = close[np.lexsort((close, wider, kept[close]))]
    return found


def _check(k: int, among: str) -> None:
    """Raises where no such neighbours can be compared."""
    if among not in ("other", "both"):
        raise InvalidInput("Neighbours are of the other modality, or of both.")
    if not 1 <= k <= _MOST_NEIGHBOURS:
        raise InvalidInput(f"Compare 1 to {_MOST_NEIGHBOURS} neighbours.")
