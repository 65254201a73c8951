"""Answers what is asked of a gallery, as markup. Faults are told beside the query, not instead of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from backend.errors import InvalidInput, IsthmusError, NotFound
from backend.schemas import MOST_HITS, Item, Modality, QueryPart, SearchResult, Selection, unpack
from backend.services import Services
from ui import cards, faces, run_cards, search_cards, words
from ui.context import modality_of
from ui.markup import Html, tag
from ui.pages.exploring.asked import DEPTHS, Asked, steps_of

_SAMPLE: Final = 24
_EXAMPLES: Final = (
    "a red circle",
    "two blue squares",
    "a striped star",
    "a heart inside a ring",
    "a yellow flower on a wooden table",
)
#: letters of a part that are shown in its chip
_LABEL: Final = 80


class Answering:
    """What the page shows for what is asked."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def waiting(self) -> Html:
        """How far the first run is."""
        services = self.services
        return run_cards.first_start(services.runs(), services.worker(), services.settings.demo)

    def answer(self, run: str, asked: Asked, told: str = "") -> tuple[Html, Asked]:
        """The query as chips and its answers; and what is asked, with the answers' ids.

        Args:
            told: what is wrong with what was just tried.
        """
        notice = cards.notice(told, "bad") if told else None
        query = asked.query()
        if query is None:
            return tag("div", notice, self._nothing_asked(run, asked)), replace(asked, found=())
        result: SearchResult | None = None
        try:
            result = self.services.search(run, query)
            found = search_cards.answered(result, self._deeper(result, asked.k))
        except IsthmusError as error:
            found = cards.notice(str(error), "bad")
        ids = tuple(hit.item.id for part in result.answers for hit in part.hits) if result else ()
        page = tag("div", notice, self._asked(run, asked, result), found)
        return page, replace(asked, found=ids)

    def _deeper(self, result: SearchResult, k: int) -> list[int]:
        more = any(len(part.hits) == k < part.searched for part in result.answers)
        return [depth for depth in DEPTHS if k < depth <= MOST_HITS] if more else []

    # --- nothing is asked ------------------------------------------------------------------------

    def _nothing_asked(self, run: str, asked: Asked) -> Html:
        try:
            some = [
                (side, self.services.random_items(run, side, _SAMPLE // len(asked.sides), seed=0))
                for side in asked.sides
            ]
            begin = search_cards.examples(self._examples(run))
        except IsthmusError as error:
            return cards.notice(str(error), "bad")
        shown = [search_cards.sample(items, side, at == 0) for at, (side, items) in enumerate(some)]
        return tag(
            "div", begin,
            search_cards.filters(asked.where, self._points(run, asked.within), "", waiting=True),
            tag("div", shown, class_="i-both" if len(shown) > 1 else None),
        )  # fmt: skip

    def _examples(self, run: str) -> list[str]:
        summary = self.services.run(run).summary
        if summary.dataset in {info.id for info in self.services.datasets() if info.built_in}:
            return list(_EXAMPLES)
        items = self.services.random_items(run, "text", 4, seed=0)
        return [item.captions[0] for item in items]

    def named(self, run: str, asked: Asked) -> str:
        """What is asked, in words: its parts with their signs."""
        modality = modality_of(self.services, run)
        said = ""
        for part in asked.parts:
            sign = "−" if part.weight < 0 else "+"
            label = self._seen(run, part, modality)[0]
            said += f" {sign} {label}{'…' if len(label) == _LABEL else ''}"
        return said.removeprefix(" + ").strip()

    # --- the query as chips ----------------------------------------------------------------------

    def _asked(self, run: str, asked: Asked, result: SearchResult | None) -> list[Html | None]:
        modality = modality_of(self.services, run)
        seen = [self._seen(run, part, modality) for part in asked.parts]
        chips = [
            search_cards.part_chip(
                at, part, label, face,
                steps_of(part.weight) if len(asked.parts) > 1 else None, bool(source),
            )
            for at, (part, (label, face, source)) in enumerate(zip(asked.parts, seen, strict=True))
        ]  # fmt: skip
        alone = asked.spoken is not None and len(asked.parts) > 1
        left = search_cards.left_words(result, modality) if result else ""
        return [
            search_cards.query(chips, alone),
            self._crop(asked, seen),
            search_cards.filters(asked.where, self._points(run, asked.within), left, waiting=False),
        ]

    def _crop(self, asked: Asked, seen: Sequence[tuple[str, Html | None, str]]) -> Html | None:
        at = asked.cropping
        if at is None or at >= len(seen) or not seen[at][2]:
            return None
        label, _, source = seen[at]
        return search_cards.crop(at, asked.parts[at], source, label)

    def _seen(self, run: str, part: QueryPart, modality: Modality) -> tuple[str, Html | None, str]:
        """A part in words, its small picture, and where its picture is, if a region can be chosen."""
        if part.kind == "item":
            try:
                item = self.services.item(run, part.value)
            except NotFound:
                return part.value[:_LABEL], None, ""
            return self._seen_item(item, part)
        if part.kind == "file":
            path = Path(part.value)
            if modality != "image":
                return path.name[:_LABEL], None, ""
            source = words.file_url(path)
            alt = "the picture searched with"
            return path.name[:_LABEL], search_cards.small_picture(source, alt, part.crop), source
        if part.kind == "vector":
            numbers = len(part.value.replace(",", " ").split())
            return f"a vector of {words.count(numbers, 'number')}", None, ""
        return f"“{part.value}”", None, ""

    def _seen_item(self, item: Item, part: QueryPart) -> tuple[str, Html | None, str]:
        label = faces.described(item)[:_LABEL]
        if item.thumbnail is None:
            return label, None, ""
        source = words.file_url(item.thumbnail)
        face = search_cards.small_picture(source, label, part.crop)
        pictured = item.side == "image" and item.modality == "image"
        return label, face, source if pictured else ""

    # --- what is kept where the run changes ------------------------------------------------------

    def fitting(self, run: str, asked: Asked) -> tuple[Asked, str]:
        """What is asked as it can be asked of a run: what is of another gallery is let go, and told.

        Raises:
            NotFound: the run cannot be opened.
        """
        self.services.random_items(run, "image", 0, seed=0)
        kept = tuple(part for part in asked.parts if self._is_here(run, part))
        lost = len(kept) < len(asked.parts)
        attributes = self.services.attributes(run) if asked.where else {}
        where = {
            name: here
            for name, values in asked.where.items()
            if (here := tuple(value for value in values if value in attributes.get(name, ())))
        }
        within = asked.within if self.selected(run, asked.within) else ""
        told = "What is of another run's gallery is not part of the query any more." if lost else ""
        return replace(asked, parts=kept, where=where, within=within, cropping=None), told

    def _is_here(self, run: str, part: QueryPart) -> bool:
        if part.kind != "item":
            return True
        try:
            self.services.item(run, part.value)
        except NotFound:
            return False
        return True

    def selected(self, run: str | None, packed: str) -> Selection | None:
        """The selection that is shared, where it is of this run."""
        try:
            selection = unpack(packed)
        except InvalidInput:
            return None
        return selection if selection and selection.run == run else None

    def _points(self, run: str, packed: str) -> int:
        selection = self.selected(run, packed)
        return len(selection.points) if selection else 0
