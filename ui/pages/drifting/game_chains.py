"""The chains of the games that are open: seed by seed, all games in step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import EvaluationSummary, MapView
from backend.schemas.games import GameChain, GameStep
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
        with gr.Column(elem_classes="i-shared"):
            self.made = gr.Textbox("", visible="hidden", label="made")
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
            self.on_map.loaded, self.made,
        ]  # fmt: skip

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        self.turner.act(
            self.turn,
            [self.games, self.place, self.on_map.loaded],
            [self.place, *self.parts],
            **QUIET,
        )
        # encoders may have to be loaded for it, and the strips do not wait
        self.made.change(
            self.with_made, [self.games, self.place], self.on_map.map, **QUIET,
            trigger_mode="always_last",
        )  # fmt: skip

    def nothing(self) -> Updates:
        """No game is open."""
        return {
            self.turner: "", self.strips: "", self.below: gr.update(visible=False), self.games: [],
            self.made: "",
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
        run = _mapped_run(games)
        try:
            view = self.on_map.view(run) if run and lanes else None
        except IsthmusError:
            view = None
        if view is None:
            return {
                self.on_map.map: gr.update(value=None), self.on_map.loaded: "", self.made: "",
            }  # fmt: skip
        points, key = self.on_map.points(view, loaded)
        tracks = self.on_map.lines(view, lanes, made=self._made(view, lanes, known_only=True))
        return {
            self.on_map.map: gr.update(**points, tracks=tracks),
            self.on_map.loaded: key,
            self.made: _made_key(key, lanes),
        }

    def with_made(self, games: Sequence[tuple[str, str, str]], place: int) -> Any:
        """The same lines with stations also where something was made."""
        run, lanes = _mapped_run(games), self._lanes(games, place)
        if not run or not any(_is_made(step) for lane in lanes for step in lane.chain.steps):
            return gr.skip()
        view = self.on_map.view(run)
        made = self._made(view, lanes, known_only=False)
        return gr.update(tracks=self.on_map.lines(view, lanes, made=made))

    def _made(
        self, view: MapView, lanes: Sequence[Lane], known_only: bool
    ) -> list[Mapping[int, Sequence[float]]]:
        """Where the map's space puts what was made, of each lane."""
        if not any(_is_made(step) for lane in lanes for step in lane.chain.steps):
            return []
        return [
            self.services.place_chain(
                view.run, lane.id, lane.chain.seed.id, lane.chain.repeat, view.layout, known_only
            )
            for lane in lanes
        ]


def _mapped_run(games: Sequence[tuple[str, str, str]]) -> str:
    """The first game's run; chains made elsewhere have none."""
    return next((run for _, _, run in games if run), "")


def _is_made(step: GameStep) -> bool:
    return step.item is None and bool(step.text or step.picture)


def _made_key(key: str, lanes: Sequence[Lane]) -> str:
    """A text that differs whenever something else was made; empty where nothing was."""
    counts = [sum(map(_is_made, lane.chain.steps)) for lane in lanes]
    if not any(counts):
        return ""
    told = [
        f"{lane.id}/{lane.chain.seed.id}/{lane.chain.repeat}/{count}"
        for lane, count in zip(lanes, counts, strict=True)
    ]
    return " ".join([key, *told])


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
