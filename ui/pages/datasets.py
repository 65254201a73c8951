"""The data sets' part of Encoders & data: the list, adding one, and the report before use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from backend.errors import Fault, InvalidInput, IsthmusError
from backend.schemas import DatasetInfo, InspectionState
from ui import addresses, cards, dataset_cards
from ui.components import panel
from ui.context import QUIET, WORK, Context
from ui.guard import may_change, require_changes, told
from ui.markup import Html
from ui.pages.dataset_form import DatasetForm

#: in the browser: where the report stands below the list, it is brought into view
_BELOW = """() => {
    const report = document.querySelector("#i-dataset");
    if (report && innerWidth <= 640) report.scrollIntoView({ block: "start" });
}"""

#: a default argument of this type is how Gradio hands a handler its progress
_PROGRESS = gr.Progress()


class DatasetsPart:
    """Lays the part out; its methods answer the events."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services = context.services
        self.changeable = may_change(context.services.settings)
        # a reload shows the same data set, and how far looking at it is
        self.opened = gr.BrowserState("", storage_key="isthmus-dataset", secret="isthmus")
        with gr.Row(elem_classes="i-form-row", equal_height=False):
            with gr.Column(scale=4, min_width=320, elem_classes="i-set-column"):
                self.list = panel(elem_id="i-datasets")
                self.form = DatasetForm(self.services) if self.changeable else None
            with gr.Column(scale=6, min_width=320, elem_id="i-dataset"):
                self.head = panel(elem_id="i-dataset-head")
                self.actions = panel(elem_id="i-dataset-actions")
                with gr.Row(visible=False, elem_classes="i-actions") as self.forgetting:
                    self.question = panel(elem_id="i-forget-question")
                    self.sure = gr.Button(
                        "Forget it", variant="stop", size="sm", elem_id="i-forget-sure"
                    )
                    self.keep = gr.Button("Keep it", size="sm")
                self.report = panel(elem_id="i-dataset-report")
        self.clock = gr.Timer(1.0, active=False)

    def connect(self, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        view = [self.list, self.head, self.actions, self.report, self.clock]
        for event in (tab.select, self.opened.change):
            event(self.show, self.opened, view, **QUIET)
        late = list(self.form.faults.values()) if self.form else []
        self.clock.tick(self.follow, self.opened, [*view, *late], **QUIET)
        self.list.act(self.open, None, [self.opened, self.forgetting], **QUIET).then(
            None, None, None, js=_BELOW, api_visibility="private"
        )
        outputs = [*view, context.use, context.tabs, self.forgetting, self.question]
        self.actions.act(self.on_act, self.opened, outputs, **QUIET)
        if self.form is None:
            return
        self.keep.click(lambda: gr.update(visible=False), None, self.forgetting, **QUIET)
        self.sure.click(self.forget, self.opened, [self.opened, self.forgetting, *view], **QUIET)
        form = self.form
        form.connect()
        told_at = [*form.faults.values()]
        form.go.click(self.add, form.given, [self.opened, context.use, *told_at, *view], **WORK)
        form.upload.upload(
            self.add_zip, form.upload, [self.opened, context.use, form.upload_fault, *view], **WORK
        )

    @told
    def show(self, opened: str | None) -> tuple[Any, ...]:
        """The list, and the opened data set; the clock runs while one is being looked at."""
        infos = self.services.datasets()
        states = {info.id: state for info in infos
                  if (state := self.services.inspection(info.id)) is not None}  # fmt: skip
        chosen = next((info for info in infos if info.id == opened), None)
        if opened and chosen is None and (state := self.services.inspection(opened)) is not None:
            states[opened] = state
            chosen = state.report.info if state.report else _unread(opened)
        busy = any(state.state == "running" for state in states.values())
        listing = dataset_cards.listing(infos, states, chosen.id if chosen else "")
        return listing, *self._opened(chosen, states), gr.Timer(active=busy)

    def follow(self, opened: str | None) -> tuple[Any, ...]:
        """The next second; what a first look at a data set of the Hub failed on is told at its field."""
        try:
            shown = self.show(opened)
        except gr.Error:  # said once and not every second
            late = len(self.form.faults) if self.form else 0
            return *(gr.skip(),) * 4, gr.Timer(active=False), *(gr.skip(),) * late
        if self.form is None:
            return shown
        state = self.services.inspection(opened) if opened else None
        listed = opened in {info.id for info in self.services.datasets()}
        if state is None or state.state != "failed" or state.error is None or listed:
            return *shown, *(gr.skip(),) * len(self.form.faults)
        return *shown, *self.form.at_fields(_as_error(state.error))

    def _opened(
        self, info: DatasetInfo | None, states: dict[str, InspectionState]
    ) -> tuple[Html | str, Html | str, Html | str]:
        if info is None:
            text = "What is in it appears here: splits, captions, and what is broken or doubled."
            return cards.empty("Choose a data set.", text), "", ""
        state = states.get(info.id)
        return (
            dataset_cards.head(info),
            dataset_cards.actions(info, state, self.changeable) or "",
            dataset_cards.outcome(info, state),
        )

    def open(self, event: gr.EventData) -> tuple[str, Any]:
        """Another data set is opened."""
        return str(event.arg), gr.update(visible=False)

    @told
    def on_act(self, opened: str, event: gr.EventData) -> tuple[Any, ...]:
        """A button of the opened data set."""
        act, arg = str(event.act), str(event.arg)
        stay = (gr.skip(),) * 5
        if act == "use":
            return *stay, f"dataset\n{arg}", gr.Tabs(selected="new"), gr.skip(), gr.skip()
        require_changes(self.services.settings)
        if act == "forget":
            text = (
                "Forget this data set? It leaves the list; your own files stay where they are. "
                "One that was uploaded or fetched from the Hub is deleted."
            )
            asked = cards.notice(text, "warn")
            return *stay, gr.skip(), gr.skip(), gr.update(visible=True), asked
        if act == "inspect":
            self.services.inspect_dataset(arg)
        elif act == "stop":
            self.services.cancel_inspection(arg)
        return *self.show(opened), *(gr.skip(),) * 4

    @told
    def forget(self, opened: str) -> tuple[Any, ...]:
        """Takes the opened data set off the list, after the question."""
        require_changes(self.services.settings)
        self.services.forget_dataset(opened)
        return "", gr.update(visible=False), *self.show("")

    def add(self, *given: Any) -> tuple[Any, ...]:
        """Reads the structure of a data set, lists it, and begins to look at every item of it.

        One of the Hub has to be fetched first, which is part of the looking.
        """
        require_changes(self.services.settings)
        assert self.form is not None  # there is no button without
        clear = dict.fromkeys(self.form.faults, "")
        try:
            address = self.form.address(*given)
            if not address.startswith(addresses.HUB):
                address = self.services.check_dataset(address).id
            self.services.inspect_dataset(address)
        except IsthmusError as error:
            return gr.skip(), gr.skip(), *self.form.at_fields(error), *(gr.skip(),) * 5
        return address, f"\n{address}", *clear.values(), *self.show(address)

    def add_zip(self, path: str | None, progress: gr.Progress = _PROGRESS) -> tuple[Any, ...]:
        """Unpacks an uploaded archive, lists it, and begins to look at every item of it."""
        if not path:
            raise InvalidInput("No file has arrived; choose it once more.")
        require_changes(self.services.settings)

        def report(done: int, total: int, unit: str) -> None:
            progress((done, total) if total else None, desc="Unpacking", unit=unit)

        try:
            file = Path(path)
            address = self.services.import_zip(file, file.stem, report)
            info = self.services.check_dataset(address)
            self.services.inspect_dataset(info.id)
        except IsthmusError as error:
            return gr.skip(), gr.skip(), cards.notice(str(error), "bad"), *(gr.skip(),) * 5
        return info.id, f"\n{info.id}", "", *self.show(info.id)


def _unread(address: str) -> DatasetInfo:
    """A data set that is being looked at for the first time."""
    base, _ = addresses.take_apart(address)
    name = base.rstrip("/").rsplit("/", 1)[-1]
    return DatasetInfo(
        id=address, name=name or address, description="It joins the list once it was read.",
        built_in=False,
    )  # fmt: skip


def _as_error(told: str) -> InvalidInput:
    """An error that was kept as text: a sentence, and faults below it, one a line."""
    summary, *lines = told.split("\n")
    faults = []
    for line in lines:
        where, colon, what = line.removeprefix("- ").partition(": ")
        faults.append(Fault(where, what) if colon else Fault("", where))
    return InvalidInput(summary, faults)
