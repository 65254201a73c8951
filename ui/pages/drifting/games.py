"""Games: chains from many seeds as jobs, watched while they are played, several beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr

from backend.errors import IsthmusError, NotFound
from backend.schemas import EvaluationSummary
from backend.schemas.drift_scores import DriftComparison
from backend.schemas.games import GameRequest
from ui import cards, drift_figures, evaluation_cards, game_cards
from ui.components import curves, panel
from ui.context import QUIET, RAW, WORK, Context, offered, version_of
from ui.drift_figures import Shown
from ui.guard import may_change, require_changes, told
from ui.markup import Html
from ui.pages.drifting import jobs
from ui.pages.drifting.elsewhere import Elsewhere
from ui.pages.drifting.game_chains import GameChains
from ui.pages.drifting.game_form import GameForm
from ui.pages.drifting.jobs import MOST_OPEN, Opened
from ui.pages.drifting.seeds import Kept, Seeds

#: in the browser: what was just written is fetched
_FETCH: Final = "() => setTimeout(() => document.querySelector('#i-game-file')?.click(), 80)"
#: in the browser: only while the part is in the document
_SHOWN: Final = "(now, old) => document.querySelector('#i-game-scores') ? now : old"

#: components -> what they become; all others stay as they are
Updates = dict[Any, Any]


class GamesPart:
    """Lays the part out; its methods answer the events."""

    def __init__(self, context: Context, runs: gr.Dropdown, seeds: Seeds) -> None:
        self.context = context
        self.services = context.services
        self.runs = runs
        self.seeds = seeds
        self.changeable = may_change(context.services.settings)
        self.opened = gr.State(())
        with gr.Column(elem_classes="i-shared"):
            self.seen = gr.Textbox("", visible="hidden", label="seen")
            self.file = gr.DownloadButton(visible="hidden", elem_id="i-game-file")
        with gr.Row(elem_classes="i-form-row", equal_height=False):
            with gr.Column(scale=4, min_width=300, elem_classes="i-evaluate-form"):
                with gr.Column(visible=self.changeable, elem_classes="i-evaluate-fields"):
                    self.form = GameForm(context.services)
                    self.fault = panel(elem_id="i-game-fault")
                    self.go = gr.Button("Play", variant="primary", elem_id="i-game-go")
                    self.elsewhere = Elsewhere(context, self.form)
                self.list = panel(elem_id="i-game-list")
            with gr.Column(scale=7, min_width=320, elem_classes="i-game-result"):
                with gr.Row(elem_classes="i-actions", visible=False) as self.taking:
                    self.backbone = gr.Dropdown(
                        [], label="Similarity by", container=False, filterable=False, scale=0,
                        min_width=220, elem_id="i-game-backbone",
                    )  # fmt: skip
                    self.html = gr.Button("Report as HTML", size="sm", elem_id="i-game-html")
                    self.pdf = gr.Button("as PDF", size="sm", elem_id="i-game-pdf")
                    self.zip = gr.Button("Chains as ZIP", size="sm", elem_id="i-game-zip")
                self.scores = panel(elem_id="i-game-scores")
                self.curves = curves(elem_id="i-game-curves")
                self.compared = panel(elem_id="i-game-compared")
                self.attributes = curves(elem_id="i-game-attributes")
        self.chains = GameChains(context)

    def connect(self, seen: gr.Textbox, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out.

        Args:
            seen: changes whenever a game or a run does while the page is shown.
            tab: the part's.
        """
        form, chains, context = self.form, self.chains, self.context
        form.connect(QUIET)
        chains.connect()
        now = [self.opened, self.backbone, chains.place, chains.on_map.loaded]
        view = [
            self.opened, self.list, self.taking, self.backbone, self.scores, self.curves, self.compared,
            self.attributes, chains.place, *chains.parts,
        ]  # fmt: skip
        seen.change(None, [seen, self.seen], self.seen, js=_SHOWN, **QUIET)
        gr.on([self.seen.change, tab.select], self.show, now, view, **QUIET, **RAW)
        tab.select(form.measures, None, form.backbones, **QUIET)
        self.backbone.input(self.show, now, view, **QUIET, **RAW)
        self.list.act(self.on_act, now, [*view, context.version], **QUIET, **RAW)
        asked = [self.runs, self.seeds.kept, context.selection, self.opened]
        self.go.click(
            self.play, [*asked, *form.fields], [self.fault, self.opened, context.version],
            **WORK, **RAW,
        ).success(self.show, now, view, **QUIET, **RAW)  # fmt: skip
        self.elsewhere.connect(self.opened).success(self.show, now, view, **QUIET, **RAW)
        for button, write in (
            (self.html, self.write_html), (self.pdf, self.write_pdf), (self.zip, self.write_zip),
        ):  # fmt: skip
            button.click(write, self.opened, self.file, **WORK).success(
                None, None, None, js=_FETCH, **QUIET
            )

    # --- playing ---------------------------------------------------------------------------------

    def play(
        self, runs: list[str], kept: Kept, selection: str, opened: Opened, *given: Any
    ) -> tuple[Any, Any, Any]:
        """Puts a game of each run into the queue; what cannot be is said above the button."""
        require_changes(self.services.settings)
        try:
            if not runs:
                raise NotFound("Choose at least one finished run above.")
            request = self.form.request(
                runs, self.seeds, tuple(kept), selection, self._same(opened), *given
            )
            made = self.services.start_game(runs, request)
        except IsthmusError as error:
            return cards.notice(str(error), "bad"), gr.skip(), gr.skip()
        # beside those that have the same seeds; anything else could not be compared
        beside = opened if given[0] == "same" else ()
        together = tuple(dict.fromkeys((*beside, *(each.id for each in made))))
        return "", together[-MOST_OPEN:], version_of(self.services)

    def _same(self, opened: Opened) -> Kept:
        """The seeds of the first game that is open."""
        for game in self._games(opened):
            return GameRequest.model_validate(game.request).seeds
        return ()

    def _games(self, opened: Sequence[str]) -> list[EvaluationSummary]:
        """Those that are open and still there, in the order in which they were opened."""
        known = {each.id: each for each in self.services.games()}
        return [known[each] for each in opened if each in known]

    # --- what is shown ---------------------------------------------------------------------------

    def show(self, opened: Opened, backbone: str | None, place: int, loaded: str) -> Updates:
        """The list of games, and what those that are open came to; at first the newest is."""
        made = self.services.games()
        known = [each.id for each in made]
        kept = tuple(each for each in opened or () if each in known) or tuple(known[:1])
        listing = evaluation_cards.listing(
            made, kept, self.services.worker(), self._line, self.changeable, "Played"
        )
        updates: Updates = {self.opened: kept, self.list: listing}
        if not kept:
            return updates | self._nothing()
        games = self._games(kept)
        shown = self._shown(games)
        names = game_cards.backbones(shown)
        by = backbone if backbone in names else names[0] if names else ""
        return updates | {
            self.taking: gr.update(visible=bool(shown)),
            self.backbone: offered(names, by or None, backbone, visible=len(names) > 1),
            self.scores: game_cards.scores(shown, by) if shown else "",
            self.curves: drift_figures.game_curves(shown, by),
            self.compared: self._compared(shown, by),
            self.attributes: drift_figures.attribute_curves(shown),
            **self.chains.show(games, self._names(games), place, loaded),
        }

    def _nothing(self) -> Updates:
        text = (
            "Choose seeds and operators and press Play: chains from all of them, scored, with intervals."
            if self.changeable
            else "This place is read-only: the games of its runs would appear here."
        )
        return {
            self.taking: gr.update(visible=False),
            self.scores: cards.empty("No game yet.", text),
            self.curves: {"plots": []},
            self.compared: "",
            self.attributes: {"plots": []},
            **self.chains.nothing(),
        }

    def _line(self, game: EvaluationSummary) -> str:
        return game_cards.line(GameRequest.model_validate(game.request), game.run_name)

    def _names(self, games: Sequence[EvaluationSummary]) -> list[str]:
        """What the open games are called: by their runs; where these are alike, by their operators, too."""
        requests = [GameRequest.model_validate(game.request) for game in games]
        return jobs.names_of(
            [game.run_name or "made elsewhere" for game in games],
            [game_cards.operators(request) or "nearest" for request in requests],
            [game.id for game in games],
        )

    def _shown(self, games: Sequence[EvaluationSummary]) -> list[Shown]:
        """What the games came to, or so far; one that has not begun has nothing to show."""
        found = []
        for place, (game, name) in enumerate(zip(games, self._names(games), strict=True)):
            try:
                report = self.services.game_report(game.id) or self.services.game_curves(game.id)
            except IsthmusError:
                continue
            found.append(Shown(game.id, name, drift_figures.colour_of(place), report))
        return found

    def _compared(self, shown: Sequence[Shown], by: str) -> Html | str:
        """The first game against each other one; a fault is told in its place."""
        done = [game for game in shown if not game.report.partial]
        if len(done) < 2:
            return ""
        first, found = done[0], []
        for other in done[1:]:
            result: DriftComparison | str
            try:
                result = self.services.compare_games(first.id, other.id, by)
            except IsthmusError as error:
                result = str(error)
            found.append((other, result))
        return game_cards.compared(first, found)

    @told
    def on_act(
        self, opened: Opened, backbone: str | None, place: int, loaded: str, event: gr.EventData
    ) -> Updates:
        """A click in the list: a game is opened beside the others or closed, stopped, resumed, deleted."""
        act, arg = str(event.act), str(event.arg)
        if act == "open":
            return self.show(jobs.toggled(opened, arg), backbone, place, loaded)
        jobs.change(self.services, act, arg)
        shown = self.show(opened, backbone, place, loaded)
        return shown | {self.context.version: version_of(self.services)}

    # --- taking away -----------------------------------------------------------------------------

    @told
    def write_html(self, opened: Opened) -> Any:
        """The open games as one page that needs nothing else."""
        return self._file(self.services.report_html(self._open(opened)))

    @told
    def write_pdf(self, opened: Opened) -> Any:
        """The same to print."""
        return self._file(self.services.report_pdf(self._open(opened)))

    @told
    def write_zip(self, opened: Opened) -> Any:
        """The chains of the open games, in the paper's layout."""
        return self._file(self.services.zip_games(self._open(opened)))

    def _open(self, opened: Opened) -> list[str]:
        games = [game.id for game in self._games(opened)]
        if not games:
            raise NotFound("No game is open. Open one in the list first.")
        return games

    def _file(self, path: Path) -> Any:
        return gr.update(value=str(path))
