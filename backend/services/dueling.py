"""Duels: two runs answer one query, a person who does not know which is which says who did better."""

from __future__ import annotations

import secrets
from collections import Counter
from datetime import datetime
from typing import Final, get_args

from backend.errors import InvalidInput, IsthmusError
from backend.schemas import Duel, DuelScore, Hit, Query, QueryPart, Side, Verdict
from backend.services.mapping import Mapping
from backend.services.same_items import SameItems
from backend.settings import Settings

#: answers of each run that are shown
ANSWERS: Final = 8
#: captions that are tried until two runs answer one differently
_TRIES: Final = 12
_FIRST_WON: Final[dict[Verdict, float]] = {"left": 1.0, "right": 0.0, "tie": 0.5}


class Dueling(Mapping, SameItems):
    """Blind duels between runs, and how every run did in all of them."""

    def __init__(self, settings: Settings) -> None:
        from backend.runs.duels import Duels

        super().__init__(settings)
        self._duels = Duels(self._store.database)

    def begin_duel(self, first: str, second: str, query: Query) -> Duel:
        """Both runs' answers to a query. Which stands left is drawn by chance and told to nobody.

        Raises:
            InvalidInput: the same run twice, runs of other items, a query that is not kept or that
                both answer alike.
            NotFound: no such run, or it has no index.
            NotAllowed: the place is read-only.
        """
        self.may_change()
        self._check_met(first, second)
        query = _kept(query)
        swapped = bool(secrets.randbelow(2))
        left, right = (second, first) if swapped else (first, second)
        answers = self._best(left, query), self._best(right, query)
        if _alike(*answers):
            raise InvalidInput(
                "Both runs answer this with the same items in the same order, so there is nothing to "
                "judge. Ask for something else."
            )
        kept = self._duels.begin(first, second, query, swapped=swapped)
        return Duel(
            id=kept.id, query=self.in_words(first, query), left=answers[0], right=answers[1]
        )

    def draw_duel(self, first: str, second: str, target: Side = "image") -> Duel:
        """A duel about a caption that is drawn from the gallery; one that is answered differently.

        Raises:
            InvalidInput: as :meth:`begin_duel`; also where no such caption was found.
            NotFound: no such run, or it has no index.
            NotAllowed: the place is read-only.
        """
        self.may_change()
        self._check_met(first, second)
        drawn = self.random_items(first, "text", _TRIES, seed=secrets.randbelow(2**31))
        for item in drawn:
            part = QueryPart(kind="text", value=item.captions[0])
            query = Query(parts=(part,), target=target, k=ANSWERS)
            if not _alike(self._best(first, query), self._best(second, query)):
                return self.begin_duel(first, second, query)
        raise InvalidInput(
            f"Both runs answer {len(drawn)} captions that were drawn with the same items in the same "
            "order. Ask for something of your own, or choose runs that differ more."
        )

    def judge(self, duel_id: str, verdict: Verdict) -> Duel:
        """Keeps a verdict, once, and tells who was who.

        Raises:
            InvalidInput: no such verdict.
            NotFound: there is no such duel any more.
            NotAllowed: it was judged before, or the place is read-only.
        """
        self.may_change()
        if verdict not in get_args(Verdict):
            raise InvalidInput(f"A verdict is one of {', '.join(get_args(Verdict))}.")
        kept = self._duels.judge(duel_id, verdict)
        return Duel(
            id=kept.id,
            query=self.in_words(kept.left, kept.query),
            left=self._best(kept.left, kept.query),
            right=self._best(kept.right, kept.query),
            verdict=kept.verdict,
            runs=(kept.left, kept.right),
        )

    def duel_scores(self) -> list[DuelScore]:
        """Every run that was in a duel, the best first."""
        from backend.evaluation.preferences import MEAN, Preference, Rating, bradley_terry

        judged = self._duels.judged()
        counted = [
            Preference(each.left, each.right, _FIRST_WON[each.verdict])
            for each in judged
            if each.verdict in _FIRST_WON
        ]
        ratings = self._remembered(("ratings", tuple(counted)), lambda: bradley_terry(counted))
        counts: dict[str, Counter[str]] = {}
        last: dict[str, datetime] = {}
        for each in judged:
            for run, won in ((each.left, "left"), (each.right, "right")):
                name = {won: "won", "tie": "tied", "neither": "neither"}.get(
                    str(each.verdict), "lost"
                )
                counts.setdefault(run, Counter())[name] += 1
                if each.judged_at is not None:
                    last[run] = each.judged_at
        unknown = Rating(MEAN, (MEAN, MEAN))  # both answers were bad in all of its duels
        scores = [
            DuelScore(
                run=run,
                run_name=self._store.get_summary(run).name,
                won=told["won"],
                lost=told["lost"],
                tied=told["tied"],
                neither=told["neither"],
                rating=ratings.get(run, unknown).value,
                interval=ratings.get(run, unknown).interval,
                last=last[run],
            )
            for run, told in counts.items()
        ]
        return sorted(scores, key=lambda score: -score.rating)

    def in_words(self, run_id: str, query: Query) -> str:
        """A query as one says it: ``“a red circle” − “small”``; items by their captions."""
        said = []
        for part in query.parts:
            words = f"“{part.value}”"
            if part.kind == "item":
                words = self._caption(run_id, part.value)
            elif part.kind in ("vector", "file"):
                words = "a vector" if part.kind == "vector" else "a file of one's own"
            said.append(("− " if part.weight < 0 else "+ ") + words)
        return " ".join(said).removeprefix("+ ")

    def _check_met(self, first: str, second: str) -> None:
        if first == second:
            raise InvalidInput("A duel is between two runs. Choose another second run.")
        if not self._alike(first, second):
            raise InvalidInput(
                "These runs were tested on other items, so their answers cannot be held against each "
                "other. Choose two runs of the same data set."
            )

    def _best(self, run: str, query: Query) -> tuple[Hit, ...]:
        return self.search(run, query).answers[0].hits

    def _caption(self, run: str, item: str) -> str:
        try:
            found = self.item(run, item)
        except IsthmusError:
            return item
        return f"“{found.captions[0] if found.captions else found.text or found.image_id}”"


def _kept(query: Query) -> Query:
    """A query as it is kept: of one modality, with a few answers.

    Raises:
        InvalidInput: it has a file, which is gone tomorrow.
    """
    if any(part.kind == "file" for part in query.parts):
        raise InvalidInput(
            "A duel is kept with its query, and an uploaded file is not. Ask in words, or from an item."
        )
    target: Side = "text" if query.target == "text" else "image"
    return query.model_copy(update={"target": target, "k": ANSWERS, "within": ""})


def _alike(one: tuple[Hit, ...], other: tuple[Hit, ...]) -> bool:
    return [hit.item.id for hit in one] == [hit.item.id for hit in other]
