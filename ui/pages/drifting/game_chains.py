"""The chains of the games that are open: seed by seed, all games in step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import EvaluationSummary
from backend.schemas.games import GameChain
from ui import drift_cards, drift_figures, faces, words
from ui.cards import button
from ui.components import curves, panel
from ui.context import QUIET, Context
from ui.drift_cards import Lane
from ui.markup import Html, tag
from ui.pages.drifting.given import whole
from ui.pages.drifting.on_map import DriftMap

#: strips and curves of a game's chain go together
_GROUP: Final = drift_figures.GROUP

Updates = dict[Any, Any]


class GameChains:
    """Lays the strips out and turns the pages.

    Attributes:
        place: which chain is shown, counted from 0 in the order of the seeds.
        parts: the components that :meth:`show` sets.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services = context.services
        self.place = gr.State(0)
        self.games = gr.State([])
        self.turner = panel(elem_id="i-game-turner")
        self.strips = panel(script="strips", elem_id="i-game-strips")
        with gr.Row(elem_classes="i-drift-below", visible=False) as self.below:
            with gr.Column(scale=4, min_width=300):
                self.curves = curves(elem_id="i-game-chain-curves")
            with gr.Column(scale=5, min_width=320):
                self.on_map = DriftMap(context, "i-game-map")
        self.parts = [
            self.games, self.turner, self.strips, self.below, self.curves, self.on_map.map,
            self.on_map.loaded,
        ]  # fmt: skip

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        self.turner.act(
            self.turn,
            [self.games, self.place, self.on_map.loaded],
            [self.place, *self.parts],
            **QUIET,
        )

    def nothing(self) -> Updates:
        """No game is open."""
        return {
            self.turner: "", self.strips: "", self.below: gr.update(visible=False), self.games: [],
        }  # fmt: skip

    def show(
        self, games: Sequence[EvaluationSummary], names: Sequence[str], place: int, loaded: str
    ) -> Updates:
        """One seed's chains of all games that are open."""
        named = [(game.id, name, game.run or "") for game, name in zip(games, names, strict=True)]
        return {self.games: named, **self._strips(named, place, loaded)}

    def turn(
        self, games: list[tuple[str, str, str]], place: int, loaded: str, event: gr.EventData
    ) -> Updates:
        """The next seed, the one before, or one far from here."""
        moves = {"next": place + 1, "before": place - 1, "first": 0}
        return self._strips(games, moves.get(str(event.act), place), loaded)

    def _strips(self, games: Sequence[tuple[str, str, str]], place: int, loaded: str) -> Updates:
        total = self._total(games)
        if not total:
            return self.nothing()
        at = max(0, min(total - 1, whole(place, 0)))
        lanes = self._lanes(games, at)
        key = "/".join([*(game for game, _, _ in games), str(at)])
        updates: Updates = {
            self.place: at,
            self.turner: _turner(at, total, lanes),
            self.strips: drift_cards.strips(lanes, _GROUP, key),
            self.below: gr.update(visible=bool(lanes)),
            self.curves: drift_figures.chain_curves(lanes),
        }
        return updates | self._mapped(games, lanes, loaded)

    def _total(self, games: Sequence[tuple[str, str, str]]) -> int:
        """Chains of the game that has most."""
        counts = [0]
        for game, _, _ in games:
            try:
                counts.append(self.services.game_size(game)[0])
            except IsthmusError:
                continue
        return max(counts)

    def _lanes(self, games: Sequence[tuple[str, str, str]], at: int) -> list[Lane]:
        """The first game's chain at a place, and what the others made of the same seed."""
        lanes: list[Lane] = []
        seed: tuple[str, int] | None = None
        for place, (game, name, _) in enumerate(games):
            chain = self._chain(game, at, seed)
            if chain is None:
                continue
            seed = seed or (chain.seed.id, chain.repeat)
            lanes.append(Lane(name, drift_figures.colour_of(place), chain, game))
        return lanes

    def _chain(self, game: str, at: int, seed: tuple[str, int] | None) -> GameChain | None:
        try:
            if seed is not None:
                return self.services.game_chain(game, *seed)
            return next(iter(self.services.game_chains(game, at, 1)), None)
        except IsthmusError:
            return None

    def _mapped(
        self, games: Sequence[tuple[str, str, str]], lanes: Sequence[Lane], loaded: str
    ) -> Updates:
        """The chains on the map of the first run, where it has one."""
        run = next((run for _, _, run in games if run), "")
        if not run or not lanes:
            return {self.on_map.map: gr.update(value=None), self.on_map.loaded: ""}
        try:
            view = self.on_map.view(run)
        except IsthmusError:
            return {self.on_map.map: gr.update(value=None), self.on_map.loaded: ""}
        points, key = self.on_map.points(view, loaded)
        tracks = self.on_map.lines(view, lanes)
        return {self.on_map.map: gr.update(**points, tracks=tracks), self.on_map.loaded: key}


def _turner(at: int, total: int, lanes: Sequence[Lane]) -> Html:
    """Which seed's chains these are, and the way to the others."""
    seed = lanes[0].chain.seed if lanes else None
    return tag(
        "div.i-turner",
        tag("h3", "Chains"),
        button("‹", "before", aria_label="The seed before"),
        tag("b", f"{at + 1:,} of {words.count(total, 'chain')}"),
        button("›", "next", aria_label="The next seed"),
        tag("span.i-soft", f"from “{faces.described(seed)}”" if seed else ""),
    )
