"""Picking seeds: by words, by hand, from the map's selection, at random; and those kept for a game."""

from __future__ import annotations

import secrets
from typing import Any, Final

import gradio as gr

from backend.errors import InvalidInput, IsthmusError, NotFound
from backend.schemas import Item, Query, QueryPart, Side, unpack
from backend.schemas.games import MOST_SEEDS
from backend.services import Services
from ui import drift_cards, words
from ui.components import panel
from ui.context import modality_of
from ui.guard import may_change
from ui.markup import Html

CHOICES: Final = 12
LONGEST_QUERY: Final = 500
#: of the picked ones, so many are shown
_PICTURED: Final = 24

#: ids of items of the first run's gallery
Kept = tuple[str, ...]


class Seeds:
    """Lays the fields out, and finds what is offered. The page's parts wire the events.

    Attributes:
        offered: the items that are offered now.
        kept: ids of those that were picked for a game.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.offered = gr.State([])
        self.kept = gr.State(())
        with gr.Row(elem_classes="i-searchbar", equal_height=True):
            self.text = gr.Textbox(
                placeholder="Find a seed, for example: a red circle", show_label=False,
                label="Find a seed", container=False, max_lines=1, scale=8,
                elem_classes="i-search", elem_id="i-seed-query", max_length=LONGEST_QUERY,
            )  # fmt: skip
            self.side = gr.Radio(
                [("Image", "image"), ("Caption", "text")], value="image", show_label=False,
                label="Kind of seed", container=False, scale=0, min_width=210,
                elem_id="i-seed-side",
            )  # fmt: skip
            self.random = gr.Button("Random seeds", scale=0, min_width=140, elem_id="i-random")
            self.lassoed = gr.Button(
                "From the map", scale=0, min_width=140, visible=False, elem_id="i-seed-lassoed"
            )
        self.choices = panel(elem_id="i-seeds")
        self.picked = panel(elem_id="i-picked")

    def name_things(self, run: str | None) -> Any:
        """The kinds of seeds in words of the run's items."""
        thing = words.ITEM_WORDS[modality_of(self.services, run)]
        return gr.update(choices=[(thing.capitalize(), "image"), ("Caption", "text")])

    # --- what is offered -------------------------------------------------------------------------

    def found(self, run: str, side: Side, text: str) -> list[Item]:
        """Seeds that fit the words; without words, some of the gallery."""
        kind, said = side_of(side), str(text or "").strip()[:LONGEST_QUERY]
        if not said:
            return self.services.random_items(run, kind, CHOICES, seed=0)
        return [hit.item for hit in self._search(run, kind, said, CHOICES)]

    def drawn(self, run: str, side: Side) -> list[Item]:
        """Other seeds at every call."""
        seed = secrets.randbelow(2**31)
        return self.services.random_items(run, side_of(side), CHOICES, seed=seed)

    def by_words(self, run: str, side: Side, text: str, count: int) -> Kept:
        """Ids of the items that fit some words best.

        Raises:
            InvalidInput: no words were given.
        """
        said = str(text or "").strip()[:LONGEST_QUERY]
        if not said:
            raise InvalidInput("Say in words what the seeds are to show.")
        return tuple(hit.item.id for hit in self._search(run, side_of(side), said, count))

    def _search(self, run: str, side: Side, said: str, count: int) -> Any:
        asked = Query(parts=(QueryPart(kind="text", value=said),), target=side, k=count)
        (found,) = self.services.search(run, asked).answers
        return found.hits

    def on_map(self, run: str | None, selection: str, most: int = MOST_SEEDS) -> list[Item]:
        """The items that are chosen on the map.

        Raises:
            InvalidInput: there are none of this run, or too many.
        """
        try:
            chosen = unpack(str(selection or ""))
        except InvalidInput:
            chosen = None
        if chosen is None or chosen.run != run or not len(chosen.points):
            raise InvalidInput(
                "Nothing is chosen on this run's map. Choose points there with a lasso first."
            )
        if len(chosen.points) > MOST_SEEDS:
            raise InvalidInput(
                f"{len(chosen.points):,} points are chosen on the map; a game has at most {MOST_SEEDS:,} "
                "seeds. Choose fewer."
            )
        return self.services.map_points(chosen.run, chosen.points[:most].tolist())

    def lasso_button(self, run: str | None, selection: str) -> Any:
        """The way to the map's selection, while there is one of this run."""
        try:
            chosen = unpack(str(selection or ""))
        except InvalidInput:
            chosen = None
        some = chosen is not None and chosen.run == run and len(chosen.points) > 0
        count = len(chosen.points) if chosen else 0
        return gr.update(visible=some, value=f"{count:,} from the map")

    # --- what is kept ----------------------------------------------------------------------------

    def toggled(self, kept: Kept, item: str) -> Kept:
        """The kept ones with one more, or without it.

        Raises:
            InvalidInput: there are as many as a game can have.
        """
        if item in kept:
            return tuple(each for each in kept if each != item)
        return self.joined(kept, (item,))

    def joined(self, kept: Kept, more: Kept) -> Kept:
        """The kept ones and some more, each once.

        Raises:
            InvalidInput: these are more than a game can have.
        """
        together = tuple(dict.fromkeys((*kept, *more)))
        if len(together) > MOST_SEEDS:
            raise InvalidInput(f"A game has at most {MOST_SEEDS:,} seeds. Let go of some first.")
        return together

    def tray(self, run: str | None, kept: Kept) -> Html | str:
        """The kept ones, as far as they are in the run's gallery."""
        items: list[Item] = []
        for each in kept[:_PICTURED] if run else ():
            try:
                items.append(self.services.item(str(run), each))
            except IsthmusError:
                continue
        return drift_cards.picked(items, len(kept), may_change(self.services.settings))

    def known(self, run: str, kept: Kept) -> Kept:
        """The kept ones that a run's gallery has; another run may have other items."""
        found = []
        for each in kept:
            try:
                self.services.point_of(run, each)
            except NotFound:
                continue
            found.append(each)
        return tuple(found)


def side_of(said: Any) -> Side:
    """A side that was sent; a browser can send any text."""
    return "text" if said == "text" else "image"
