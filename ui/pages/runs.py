"""Runs: all runs in a table, one in detail, two or more compared."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from backend.errors import NotFound
from backend.schemas import RunDetail, RunSummary
from ui import cards, duel_cards, figures, paired_cards, recipes, run_cards, score_cards, words
from ui.components import curves, heat_map, panel
from ui.context import IN_TURN, QUIET, WORK, Context, seen, version_of
from ui.guard import READONLY, may_change, require_changes, told
from ui.heat import heat_maps
from ui.markup import Html, join
from ui.pages.mistakes import MistakesFold

_LONGEST_NAME = 120
_MOST_COMPARED = 6
#: in the browser: the rows that ask for a name and whether to delete are put away
_CLOSED: Final = "() => Array(2).fill({ __type__: 'update', visible: false })"


class RunsPage:
    """Lays the page out; its methods answer the events."""

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.changeable = may_change(context.services.settings)
        self.tab = tab
        self.seen = seen(context, "runs")
        self.checked = gr.State([])
        self.told_of = gr.State([])  # the runs whose differences are shown
        if not self.changeable:
            panel(cards.notice(READONLY))
        self.swept = gr.Checkbox(
            False, label="with the runs of sweeps", visible=False, elem_id="i-runs-swept"
        )
        self.table = panel(elem_id="i-runs")
        with gr.Column(visible=False, elem_id="i-comparison") as self.comparison:
            self.compared = panel(elem_id="i-compared")
            self.paired = panel(elem_id="i-paired")
            self.compared_curves = curves(elem_id="i-compared-curves")
        with gr.Column(visible=False, elem_id="i-detail") as self.detail:
            self.head = panel(elem_id="i-detail-head")
            self._actions()
            self.curves = curves(elem_id="i-run-curves")
            self.heat = heat_map(elem_id="i-run-heat")
            with gr.Row(equal_height=False):
                self.scores = panel(elem_id="i-run-scores", min_width=320)
                self.facts = panel(elem_id="i-run-facts", min_width=320)
            self.mistakes = MistakesFold(context)

    def _actions(self) -> None:
        with gr.Row(elem_classes="i-actions"):
            self.explore = gr.Button(
                "Explore", variant="primary", size="sm", elem_id="i-do-explore"
            )
            self.map = gr.Button("Map", size="sm")
            self.stop = gr.Button("Stop", variant="stop", size="sm", elem_id="i-do-stop")
            self.resume = gr.Button("Resume", variant="primary", size="sm", elem_id="i-do-resume")
            self.finish = gr.Button("Finish with the best so far", size="sm", elem_id="i-do-finish")
            self.sweep = gr.Button("Sweep this…", size="sm", elem_id="i-do-sweep")
            self.rename = gr.Button("Rename…", size="sm", elem_id="i-do-rename")
            self.delete = gr.Button("Delete…", size="sm", elem_id="i-do-delete")
        with gr.Row(visible=False, elem_classes="i-actions") as self.renaming:
            self.name = gr.Textbox(
                label="New name", show_label=False, container=False, max_lines=1,
                max_length=_LONGEST_NAME, elem_id="i-name",
            )  # fmt: skip
            self.save = gr.Button("Save the name", variant="primary", size="sm")
            self.keep_name = gr.Button("Cancel", size="sm")
        with gr.Row(visible=False, elem_classes="i-actions") as self.deleting:
            self.question = panel(elem_id="i-delete-question")
            self.sure = gr.Button("Delete it", variant="stop", size="sm", elem_id="i-do-sure")
            self.keep = gr.Button("Keep it", size="sm")

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        opened, version = context.opened, context.version
        now = [opened, self.checked, self.swept]
        buttons = [self.explore, self.map, self.stop, self.resume, self.finish, self.sweep,
                   self.rename, self.delete]  # fmt: skip
        view = [self.swept, self.table, self.detail, self.head, *buttons, self.curves, self.heat,
                self.scores, self.facts]  # fmt: skip
        self.mistakes.connect(self.seen, self.tab)
        compared = [self.comparison, self.compared, self.compared_curves]
        changes = [self.seen.change, self.tab.select, opened.change, self.swept.input]
        gr.on(changes, self.show, now, [opened, *view], **QUIET)
        self.head.act(_sweep_of, None, [context.sweep, context.tabs], **QUIET)
        self.facts.act(self.reuse, opened, [context.use, context.tabs], **QUIET)
        rows = [self.renaming, self.deleting]
        # in the browser: an answer of the server might come after somebody has opened a row
        opened.change(None, None, rows, js=_CLOSED, **QUIET)
        # by themselves and one after the other: every query of every run is ranked once more
        differences: dict[str, Any] = {
            "fn": self.show_paired,
            "inputs": [self.checked, self.told_of],
            "outputs": [self.paired, self.told_of],
            **WORK,
            "concurrency_limit": 1,
        }
        # and once more: a table that was asked for before a run was ticked may have come after it
        self.table.act(
            self.on_act, now, [opened, self.checked, self.table, *compared], **IN_TURN
        ).then(self.ticked, now, self.table, **QUIET).then(**differences)
        self.rename.click(self.ask_name, opened, [*rows, self.name], **QUIET)
        self.delete.click(self.ask_delete, opened, [*rows, self.question], **QUIET)
        for button in (self.keep_name, self.keep):
            button.click(self.close_rows, None, rows, **QUIET)
        for event in (self.save.click, self.name.submit):
            event(self.do_rename, [opened, self.name], [version, *rows], **QUIET)
        self.sure.click(
            self.do_delete,
            [opened, self.checked],
            [version, opened, self.checked, *rows, *compared],
            **QUIET,
        ).then(**differences)
        self.stop.click(self.do_stop, opened, [version, self.stop], **QUIET)
        self.resume.click(self.do_resume, opened, version, **QUIET)
        self.finish.click(self.do_finish, opened, version, **QUIET)
        self.sweep.click(
            lambda run: (run, gr.Tabs(selected="sweeps")), opened, [context.grid, context.tabs],
            **QUIET,
        )  # fmt: skip
        for button, page in ((self.explore, "explore"), (self.map, "map")):
            button.click(
                lambda run, page=page: (run, gr.Tabs(selected=page)), opened,
                [context.run, context.tabs], **QUIET,
            )  # fmt: skip

    def show(self, opened: str | None, checked: list[str], swept: bool) -> tuple[Any, ...]:
        """The table, and the opened run in detail; the newest where none was opened."""
        runs = self.services.runs()
        if not runs:
            text = "Runs appear here as soon as one is launched on the New run page."
            nothing = cards.empty("No runs yet.", text)
            return "", gr.skip(), nothing, gr.update(visible=False), *(gr.skip(),) * 13
        listed, box = self._listed(runs, swept)
        known = {run.id for run in runs}
        now, opened = opened, opened if opened in known else (listed or runs)[0].id
        try:
            detail = self.services.run(opened)
        except NotFound:  # deleted a moment ago, by someone else
            return (gr.skip(),) * 17
        table = run_cards.table(listed, opened, checked)
        write = gr.skip() if now == opened else opened  # another may be opened by now
        return write, box, table, gr.update(visible=True), *self._detail(detail)

    def _listed(self, runs: list[RunSummary], swept: bool) -> tuple[list[RunSummary], Any]:
        """The runs of the table: those of sweeps would bury the others."""
        alone = [run for run in runs if run.sweep is None]
        others = len(runs) - len(alone)
        label = f"with the {words.count(others, 'run')} of sweeps"
        return (runs if swept else alone), gr.update(visible=others > 0, label=label)

    def _detail(self, run: RunDetail) -> tuple[Any, ...]:
        done, live = run.summary.status == "finished", run.summary.live
        again = run.summary.resumable and self.changeable
        change = self.changeable
        visible = (done, done, live and change, again, again and self._trained(run), change,
                   change, change and not live)  # fmt: skip
        lines, heat = figures.run_curves(run), heat_maps(run)
        return (
            run_cards.detail_head(run, self.services.worker()),
            *(gr.update(visible=each) for each in visible),
            gr.update(value=lines, visible=bool(lines["plots"])),
            gr.update(value=heat, visible=bool(heat["maps"])),
            join([score_cards.detail_scores(run), self._dueled(run)]),
            run_cards.detail_facts(
                run, self.changeable, self.services.indexed(run.summary.id) if done else None
            ),
        )

    def _dueled(self, run: RunDetail) -> Html | None:
        """How it did in blind duels."""
        return duel_cards.of_run(self.services.duel_scores(), run.summary.id)

    def _trained(self, run: RunDetail) -> bool:
        """Whether training had begun, so that there are heads to finish with."""
        trained = {method.id for method in self.services.methods() if method.trained}
        return run.request.method in trained and bool(run.series)

    @told
    def on_act(
        self, opened: str | None, checked: list[str], swept: bool, event: gr.EventData
    ) -> tuple[Any, ...]:
        """A click in the table: opens a run, or takes it into the comparison."""
        act, run = str(event.act), str(event.arg)
        if act == "check":
            checked = [each for each in checked if each != run] + [run] * (run not in checked)
            if len(checked) > _MOST_COMPARED:
                checked = [checked[0], *checked[2:]]  # the first one stays the baseline
            return gr.skip(), checked, self.ticked(opened, checked, swept), *self.compare(checked)
        return run, *(gr.skip(),) * 5

    def ticked(self, opened: str | None, checked: list[str], swept: bool) -> Any:
        """The table with the runs that are compared."""
        runs = self.services.runs()
        return run_cards.table(self._listed(runs, swept)[0], opened, checked) if runs else gr.skip()

    def compare(self, checked: list[str]) -> tuple[Any, Any, Any]:
        """The chosen runs side by side, from two on."""
        if len(checked) < 2:
            return gr.update(visible=False), "", None
        runs = [self.services.run(run) for run in checked]
        return gr.update(visible=True), score_cards.comparison(runs), figures.compared_curves(runs)

    def show_paired(self, checked: list[str], told_of: list[str]) -> tuple[Any, Any]:
        """Whether the chosen runs differ from the first one by more than chance."""
        if checked == told_of:
            return gr.skip(), gr.skip()
        if len(checked) < 2:
            return "", checked
        try:
            runs = [self.services.run(run).summary for run in checked]
            files = {kind: self.services.runs_table(kind, checked) for kind in paired_cards.KINDS}
        except NotFound:  # deleted a moment ago, by someone else
            return "", checked
        parts = [
            paired_cards.unfinished(runs),
            paired_cards.downloads(files, name="-".join(checked)),
        ]
        done = [run for run in runs if run.status == "finished"]
        if len(done) > 1:
            try:
                found = self.services.compare([run.id for run in done])
                parts.insert(0, paired_cards.paired(done, found))
            except NotFound as error:  # its index is gone
                parts.insert(0, cards.notice(str(error), "warn"))
        # of a run that is going on the next click asks again
        return join(parts), checked if len(done) == len(runs) else []

    def close_rows(self) -> tuple[Any, Any]:
        """Puts the rename and delete rows away."""
        return gr.update(visible=False), gr.update(visible=False)

    @told
    def reuse(self, opened: str) -> tuple[str, Any]:
        """Sends what the opened run asked for to the form of a new one."""
        return f"request\n{recipes.write(self.services.run(opened))}", gr.Tabs(selected="new")

    @told
    def ask_name(self, opened: str) -> tuple[Any, Any, Any]:
        """Opens the rename row."""
        name = self.services.run(opened).summary.name
        return gr.update(visible=True), gr.update(visible=False), name

    @told
    def ask_delete(self, opened: str) -> tuple[Any, Any, Any]:
        """Asks before anything is deleted."""
        run = self.services.run(opened)
        cycles = len(self.services.cycles(opened)) if run.summary.status == "finished" else 0
        also = f" and {words.count(cycles, 'drift cycle')}" if cycles else ""
        text = f"Delete “{run.summary.name}” with its files{also}? This cannot be undone."
        return gr.update(visible=False), gr.update(visible=True), cards.notice(text, "warn")

    @told
    def do_rename(self, opened: str, name: str) -> tuple[Any, ...]:
        """Gives the opened run another name."""
        require_changes(self.services.settings)
        self.services.rename(opened, str(name or "").strip()[:_LONGEST_NAME])
        return version_of(self.services), *self.close_rows()

    @told
    def do_delete(self, opened: str, checked: list[str]) -> tuple[Any, ...]:
        """Deletes the opened run, after the question."""
        require_changes(self.services.settings)
        self.services.delete(opened)
        left = [run for run in checked if run != opened]
        return version_of(self.services), "", left, *self.close_rows(), *self.compare(left)

    @told
    def do_stop(self, opened: str) -> tuple[Any, Any]:
        """Asks the worker to stop the opened run."""
        require_changes(self.services.settings)
        self.services.cancel(opened)
        return version_of(self.services), gr.update(visible=False)

    @told
    def do_resume(self, opened: str) -> str:
        """Goes on from the last finished step."""
        require_changes(self.services.settings)
        self.services.resume(opened)
        return version_of(self.services)

    @told
    def do_finish(self, opened: str) -> str:
        """Evaluates the best heads that training found before it was stopped."""
        require_changes(self.services.settings)
        self.services.finish_now(opened)
        return version_of(self.services)


def _sweep_of(event: gr.EventData) -> tuple[str, Any]:
    """The way to the sweep that a run is a cell of."""
    return str(event.arg), gr.Tabs(selected="sweeps")
