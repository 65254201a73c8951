"""Sweeps: launch a grid of runs, watch its matrix fill, read recall over the amount of training data."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.errors import IsthmusError, NotFound
from backend.schemas import SweepDetail
from ui import cards, sweep_cards, sweep_figures, words
from ui.components import curves, panel
from ui.context import QUIET, RAW, WORK, Context, offered, seen, version_of
from ui.guard import READONLY, may_change, require_changes, told
from ui.pages.sweep_form import SweepForm

_LONGEST_NAME = 120
_DIRECTIONS = ("text_to_image", "image_to_text")


class SweepsPage:
    """Lays the page out; its methods answer the events."""

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.tab = tab
        self.services = context.services
        self.changeable = may_change(context.services.settings)
        self.seen = seen(context, "sweeps")
        self.names = {method.id: method.name for method in self.services.methods()}
        self.form: SweepForm | None = None
        if self.changeable:
            with gr.Accordion(
                "New sweep: encoder pairs × methods × numbers of training images", open=False,
                elem_classes="i-fold", elem_id="i-new-sweep",
            ) as self.fold, gr.Column(elem_classes="i-form wide"):  # fmt: skip
                self.form = SweepForm(self.services)
                self.go = gr.Button("Launch the sweep", variant="primary", elem_id="i-sweep-go")
        else:
            panel(cards.notice(READONLY))
        self.list = panel(elem_id="i-sweeps")
        with gr.Column(visible=False, elem_id="i-sweep") as self.opened:
            self.head = panel(elem_id="i-sweep-head")
            self._actions()
            self._results()

    def _actions(self) -> None:
        with gr.Row(elem_classes="i-actions"):
            self.stop = gr.Button("Stop all", variant="stop", size="sm", elem_id="i-sweep-stop")
            self.resume = gr.Button(
                "Resume", variant="primary", size="sm", elem_id="i-sweep-resume"
            )
            self.rename = gr.Button("Rename…", size="sm", elem_id="i-sweep-rename")
            self.delete = gr.Button("Delete…", size="sm", elem_id="i-sweep-delete")
        with gr.Row(visible=False, elem_classes="i-actions") as self.renaming:
            self.name = gr.Textbox(
                label="New name", show_label=False, container=False, max_lines=1,
                max_length=_LONGEST_NAME, elem_id="i-sweep-new-name",
            )  # fmt: skip
            self.save = gr.Button("Save the name", variant="primary", size="sm")
            self.keep_name = gr.Button("Cancel", size="sm")
        with gr.Row(visible=False, elem_classes="i-actions") as self.deleting:
            self.question = panel(elem_id="i-sweep-question")
            self.sure = gr.Button("The sweep alone", size="sm", elem_id="i-sweep-sure")
            self.all = gr.Button(
                "With all its runs", variant="stop", size="sm", elem_id="i-sweep-sure-runs"
            )
            self.keep = gr.Button("Keep it", size="sm")

    def _results(self) -> None:
        with gr.Row(elem_classes="i-toolbar"):
            self.size = gr.Radio(
                [], label="Training images", elem_id="i-sweep-size", scale=4, min_width=300
            )
            self.direction = gr.Radio(
                [(words.direction(each, "image"), each) for each in _DIRECTIONS],
                value=_DIRECTIONS[0], label="Direction", elem_id="i-sweep-direction", scale=3,
            )  # fmt: skip
        self.matrix = panel(elem_id="i-sweep-matrix")
        self.legend = panel(kind="i-about", elem_id="i-sweep-legend")
        self.pair = gr.Dropdown([], label="Encoder pair of the curves", elem_id="i-sweep-pair")
        self.curves = curves(elem_id="i-sweep-curves")
        self.facts = panel(elem_id="i-sweep-facts")

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context, tab = self.context, self.tab
        opened, version = context.sweep, context.version
        picks = [self.size, self.direction, self.pair]
        buttons = [self.stop, self.resume, self.rename, self.delete]
        results = [*picks, self.matrix, self.legend, self.curves]
        view = [opened, self.list, self.opened, self.head, *buttons, *results, self.facts]
        changes = [self.seen.change, opened.change, tab.select]
        gr.on(changes, self.show, [opened, *picks], view, **QUIET, **RAW)
        changes = [self.size.input, self.direction.input, self.pair.input]
        gr.on(changes, self.show_results, [opened, *picks], results, **QUIET, **RAW)
        rows = [self.renaming, self.deleting]
        opened.change(_closed, None, rows, **QUIET)
        self.list.act(_argument, None, opened, **QUIET)
        leave = [context.opened, context.tabs]
        self.matrix.act(self.open_run, None, leave, **QUIET)
        self.stop.click(self.do_stop, opened, version, **WORK)
        self.resume.click(self.do_resume, opened, version, **WORK)
        self.rename.click(self.ask_name, opened, [*rows, self.name], **QUIET)
        self.delete.click(self.ask_delete, opened, [*rows, self.question], **QUIET)
        gr.on([self.keep_name.click, self.keep.click], _closed, None, rows, **QUIET)
        changes = [self.save.click, self.name.submit]
        gr.on(changes, self.do_rename, [opened, self.name], rows, **QUIET).then(
            self.show, [opened, *picks], view, **QUIET, **RAW
        )
        for button, runs in ((self.sure, False), (self.all, True)):
            button.click(
                lambda sweep, runs=runs: self.do_delete(sweep, runs), opened,
                [version, opened, *rows], **WORK,
            ).then(self.show, [opened, *picks], view, **QUIET, **RAW)  # fmt: skip
        self._connect_form()

    def _connect_form(self) -> None:
        context, form = self.context, self.form
        if form is None:
            return
        form.connect()
        self.tab.select(self.unfold, None, self.fold, **QUIET)
        result = [context.version, context.sweep, self.fold, *form.told]
        self.go.click(self.launch, form.given, result, **WORK)
        taken = [form.dataset, form.modality, form.first.field, form.second.field, form.pairs,
                 form.own]  # fmt: skip
        context.grid.change(self.take, context.grid, [context.grid, self.fold, *taken], **QUIET)

    # --- showing --------------------------------------------------------------------------------

    def unfold(self) -> Any:
        """The form is open where there is no sweep yet, and as it was left where there is one."""
        form = self.form
        assert form is not None  # not wired without
        return gr.skip() if self.services.sweeps() else gr.update(open=True)

    def show(
        self, opened: str | None, size: str | None, direction: str | None, pair: str | None
    ) -> tuple[Any, ...]:
        """The list, and the opened sweep; the newest where none was opened."""
        sweeps = self.services.sweeps()
        if not sweeps:
            text = (
                "A sweep runs every method on every encoder pair, with few and with many training "
                "images. Fill in the form above, or press “Sweep this” on a run's details."
            )
            nothing = cards.empty("No sweeps yet.", text)
            return "", nothing, gr.update(visible=False), *(gr.skip(),) * 12
        known = [each.id for each in sweeps]
        now, opened = opened, opened if opened in known else known[0]
        try:
            detail = self.services.sweep(opened)
        except NotFound:  # deleted a moment ago, by someone else
            return (gr.skip(),) * 15
        change, live = self.changeable, detail.summary.live
        again = any(cell.run is not None and cell.run.resumable for cell in detail.cells)
        visible = (live and change, again and change, change, change and not live)
        return (
            gr.skip() if now == opened else opened,  # another may be opened by now
            sweep_cards.table(sweeps, opened),
            gr.update(visible=True),
            sweep_cards.head(detail.summary),
            *(gr.update(visible=each) for each in visible),
            *self._results_of(detail, size, direction, pair),
            sweep_cards.facts(detail),
        )

    def show_results(
        self, opened: str | None, size: str | None, direction: str | None, pair: str | None
    ) -> tuple[Any, ...]:
        """Another number of images, direction or pair."""
        try:
            detail = self.services.sweep(str(opened or ""))
        except NotFound:
            return (gr.skip(),) * 6
        return self._results_of(detail, size, direction, pair)

    def _results_of(
        self, detail: SweepDetail, size: str | None, direction: str | None, pair: str | None
    ) -> tuple[Any, ...]:
        request = detail.summary.request
        modality = sweep_cards.modality_of(detail)
        sizes = [(sweep_cards.size_label(each), sweep_cards.size_id(each))
                 for each in request.train_images]  # fmt: skip
        several = len(sizes) > 1
        if several:
            sizes.append(("side by side", sweep_cards.EACH))
        usual = sweep_cards.EACH if several and len(request.pairs) < 3 else sizes[0][1]
        given = (size, direction, pair)
        size = size if size in {value for _, value in sizes} else usual
        direction = direction if direction in _DIRECTIONS else _DIRECTIONS[0]
        pairs = {"\n".join(each): each for each in request.pairs}
        key = pair if pair in pairs else next(iter(pairs))
        total = sweep_cards.training_items(self.services.datasets(), request.dataset)
        lines = sweep_figures.efficiency(detail, pairs[key], direction, self.names, total)
        directions = [(words.direction(each, modality), each) for each in _DIRECTIONS]
        return (
            offered(sizes, size, given[0], visible=several,
                    label=f"Training {words.ITEM_WORDS[modality]}s"),
            offered(directions, direction, given[1]),
            offered([(sweep_cards.pair_label(each), name) for name, each in pairs.items()],
                    key, given[2], visible=several and len(pairs) > 1),
            sweep_cards.matrix(detail, size, direction, self.names),
            sweep_cards.legend(detail, direction),
            gr.update(value=lines, visible=bool(lines["plots"])),
        )  # fmt: skip

    # --- changing -------------------------------------------------------------------------------

    @told
    def take(self, run: str | None) -> tuple[Any, ...]:
        """Takes over a run's pair and data set, and lets it be sent again."""
        if not run or self.form is None:
            return (gr.skip(),) * 8
        return "", gr.update(open=True), *self.form.take(run)

    def launch(self, *given: Any) -> tuple[Any, ...]:
        """Launches the grid; faults are told at their fields and nothing that was typed is lost."""
        require_changes(self.services.settings)
        form = self.form
        assert form is not None  # there is no button without
        try:
            sweep = self.services.launch_sweep(form.request(*given))
        except IsthmusError as error:
            return *(gr.skip(),) * 3, *form.at_fields(error)
        return version_of(self.services), sweep.id, gr.update(open=False), *form.at_fields(None)

    def open_run(self, event: gr.EventData) -> tuple[str, Any]:
        """A cell of the matrix."""
        return str(event.arg), gr.Tabs(selected="runs")

    @told
    def do_stop(self, opened: str) -> str:
        """Stops what runs and takes the rest out of the queue; what was done is kept."""
        require_changes(self.services.settings)
        self.services.cancel_sweep(opened)
        return version_of(self.services)

    @told
    def do_resume(self, opened: str) -> str:
        """Puts every run that did not finish back into the queue."""
        require_changes(self.services.settings)
        self.services.resume_sweep(opened)
        return version_of(self.services)

    @told
    def ask_name(self, opened: str) -> tuple[Any, Any, str]:
        """Opens the rename row."""
        name = self.services.sweep(opened).summary.name
        return gr.update(visible=True), gr.update(visible=False), name

    @told
    def ask_delete(self, opened: str) -> tuple[Any, Any, Any]:
        """Asks before anything is deleted."""
        detail = self.services.sweep(opened)
        runs = sum(cell.run is not None for cell in detail.cells)
        text = (
            f"Delete “{detail.summary.name}”? Its {words.count(runs, 'run')} can stay on the Runs "
            "page, or go with it. This cannot be undone."
        )
        return gr.update(visible=False), gr.update(visible=True), cards.notice(text, "warn")

    @told
    def do_rename(self, opened: str, name: str) -> tuple[Any, Any]:
        """Gives the opened sweep another name."""
        require_changes(self.services.settings)
        self.services.rename_sweep(opened, str(name or "").strip()[:_LONGEST_NAME])
        return _closed()

    @told
    def do_delete(self, opened: str, runs: bool) -> tuple[Any, ...]:
        """Deletes the opened sweep, after the question."""
        require_changes(self.services.settings)
        self.services.delete_sweep(opened, with_runs=runs)
        return version_of(self.services), "", *_closed()


def _closed() -> tuple[Any, Any]:
    """Puts the rename and delete rows away."""
    return gr.update(visible=False), gr.update(visible=False)


def _argument(event: gr.EventData) -> str:
    """Which row of the list was chosen."""
    return str(event.arg)
