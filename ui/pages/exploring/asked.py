"""What one page view asks of a gallery, and every way in which that changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from math import log2
from typing import Final, Self, cast

from backend.errors import InvalidInput
from backend.schemas import MOST_PARTS, PartKind, Query, QueryPart, Side, Target
from ui import queries

#: how many answers there can be asked for
DEPTHS: Final = (24, 50, 100, 200)
#: steps that double a weight, and how many there are either way
STEPS: Final = 4
MOST_STEPS: Final = 8
#: changes of the shared field that are remembered until they are heard of again
_MOST_ECHOES: Final = 32
_WHOLE: Final = (0.0, 0.0, 1.0, 1.0)
_LEAST_EDGE: Final = 0.02

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Asked:
    """The query as parts, how it is searched, and what the other pages were told of it.

    Attributes:
        parts: what is searched with together; empty: nothing is asked.
        target: what is searched among.
        k: answers of each modality.
        where: attribute -> allowed values.
        within: a packed selection that is searched; empty: everything.
        hide: whether near-duplicates are left out.
        cropping: the part whose region is being chosen.
        found: ids of the last answers.
        ticket: the newest text that was typed when this was asked.
        told: what the shared field holds as far as this page knows.
        echoes: what was put there and has not been heard of again, oldest first.
        heard_last: what the field was last heard to hold.
    """

    parts: tuple[QueryPart, ...] = ()
    target: Target = "image"
    k: int = DEPTHS[0]
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    within: str = ""
    hide: bool = False
    cropping: int | None = None
    found: tuple[str, ...] = ()
    ticket: int = 0
    told: str = ""
    echoes: tuple[str, ...] = ()
    heard_last: str = ""

    # --- what is asked ---------------------------------------------------------------------------

    def query(self) -> Query | None:
        """What the services are asked; None where nothing is."""
        if not self.parts:
            return None
        return Query(
            parts=self.parts, target=self.target, k=self.k, where=dict(self.where),
            within=self.within, hide_duplicates=self.hide,
        )  # fmt: skip

    def of(self, query: Query, parts: tuple[QueryPart, ...]) -> Self:
        """A query that came from elsewhere, with those of its parts that may be asked for."""
        return replace(
            self, parts=parts, target=query.target, k=query.k, where=dict(query.where),
            within=query.within, hide=query.hide_duplicates, cropping=None,
        )  # fmt: skip

    @property
    def spoken(self) -> int | None:
        """The part that the search bar holds: the first words that are searched for."""
        return next(
            (
                at
                for at, part in enumerate(self.parts)
                if part.kind in ("text", "said") and part.weight > 0
            ),
            None,
        )

    @property
    def words(self) -> str:
        """What stands in the search bar."""
        return "" if self.spoken is None else self.parts[self.spoken].value

    # --- changes of the parts --------------------------------------------------------------------

    def said(self, text: str, kind: PartKind = "text") -> Self:
        """Other words in the bar: they take the place of those before, beside all other parts."""
        text = " ".join(text.split())
        at = self.spoken
        if at is None:
            if not text:
                return self
            self._room()
            new = QueryPart(kind=kind, value=text)
            return self._fresh((new, *self.parts))
        if not text:
            return self.without(at)
        changed = self.parts[at].model_copy(update={"kind": kind, "value": text})
        return self._fresh(self._with(at, changed))

    def only(self, part: QueryPart | None) -> Self:
        """A new query of one part, or none."""
        return self._fresh((part,) if part else ())

    def plus(self, part: QueryPart) -> Self:
        """One part more. The same once more counts more, or turns round.

        Raises:
            InvalidInput: there are as many as there can be.
        """
        same = [
            at
            for at, known in enumerate(self.parts)
            if (known.kind, known.value) == (part.kind, part.value) and not known.crop
        ]
        if not same:
            self._room()
            return self._fresh((*self.parts, part))
        at = same[0]
        old = self.parts[at].weight
        turned = (old > 0) != (part.weight > 0)
        step = steps_of(old) + (0 if turned else STEPS)
        return self._fresh(self._with(at, _weighed(self.parts[at], step, part.weight > 0)))

    def without(self, at: int) -> Self:
        """All parts but one."""
        self._check(at)
        return self._fresh(self.parts[:at] + self.parts[at + 1 :])

    def turned(self, at: int) -> Self:
        """A part that is searched for is searched away from, and the other way round."""
        self._check(at)
        part = self.parts[at]
        return self._fresh(
            self._with(at, part.model_copy(update={"weight": -part.weight})), self.cropping
        )

    def weighed(self, at: int, steps: int) -> Self:
        """A part counts 2 ** (steps / 4) times as much as it would by itself."""
        self._check(at)
        part = self.parts[at]
        return self._fresh(self._with(at, _weighed(part, steps, part.weight > 0)), self.cropping)

    def cropped(self, at: int, box: Box) -> Self:
        """Only a region of a part's picture; all of it gives it whole again.

        Raises:
            InvalidInput: there is no such region.
        """
        self._check(at)
        left, top, right, bottom = box
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise InvalidInput("This is no region of the picture; draw it anew.")
        if min(right - left, bottom - top) < _LEAST_EDGE:
            raise InvalidInput("This region is too small; draw a larger one.")
        crop = None if box == _WHOLE else box
        changed = self.parts[at].model_copy(update={"crop": crop})
        return self._fresh(self._with(at, changed), at)

    def _fresh(self, parts: tuple[QueryPart, ...], cropping: int | None = None) -> Self:
        return replace(self, parts=parts, cropping=cropping, k=DEPTHS[0])

    def _with(self, at: int, part: QueryPart) -> tuple[QueryPart, ...]:
        return (*self.parts[:at], part, *self.parts[at + 1 :])

    def _check(self, at: int) -> None:
        if not 0 <= at < len(self.parts):
            raise InvalidInput("This part of the query is gone.")

    def _room(self) -> None:
        if len(self.parts) >= MOST_PARTS:
            raise InvalidInput(f"A query has at most {MOST_PARTS} parts; remove one first.")

    # --- changes of how it is searched -----------------------------------------------------------

    def filtered(self, attribute: str, values: Collection[str]) -> Self:
        """Only what has one of some values; with none of them, whatever it has."""
        where = {name: kept for name, kept in self.where.items() if name != attribute}
        if values:
            where[attribute] = tuple(values)
        return replace(self, where=where, k=DEPTHS[0])

    def among(self, target: str) -> Self:
        """Another modality, or both."""
        known = target if target in ("image", "text", "both") else "image"
        return replace(self, target=cast(Target, known), k=DEPTHS[0])

    def deeper(self, k: int) -> Self:
        """More answers."""
        return replace(self, k=k if k in DEPTHS else DEPTHS[0])

    @property
    def sides(self) -> tuple[Side, ...]:
        """The modalities that are searched."""
        return ("image", "text") if self.target == "both" else (self.target,)

    # --- what the other pages are told -----------------------------------------------------------

    def tell(self) -> tuple[Self, str | None]:
        """What the shared field is to hold, and with it noted; None where it does already."""
        text = queries.write(self.query())
        if text == self.told:
            return self, None
        echoes = (*self.echoes, text)[-_MOST_ECHOES:]
        return replace(self, told=text, echoes=echoes), text

    def heard(self, text: str) -> tuple[Self, bool]:
        """What the shared field holds now, and whether somebody else has put it there.

        The field tells of this page's own changes, too, later and not of each; without telling them
        apart, two quick searches would take each other back for ever.
        """
        if text in self.echoes:
            left = self.echoes[self.echoes.index(text) + 1 :]
            return replace(self, echoes=left, heard_last=text), False
        if text == self.told:
            return replace(self, heard_last=text), False
        return replace(self, told=text, echoes=(), heard_last=text), True

    def is_late(self, text: str) -> bool:
        """Whether this is what the field held before it could know of this page's last changes.

        An event that only reads the field may have been sent before the answer that changed it: what it
        brings is no wish of anybody.
        """
        return text in self.echoes or (bool(self.echoes) and text == self.heard_last)


def steps_of(weight: float) -> int:
    """The nearest step of a weight's slider."""
    return max(-MOST_STEPS, min(MOST_STEPS, round(STEPS * log2(abs(weight)))))


def _weighed(part: QueryPart, steps: int, towards: bool) -> QueryPart:
    size = 2.0 ** (max(-MOST_STEPS, min(MOST_STEPS, steps)) / STEPS)
    return part.model_copy(update={"weight": size if towards else -size})
