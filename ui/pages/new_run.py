"""New run: choose what to align and how, launch, watch."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.errors import InvalidInput, IsthmusError
from ui import cards, run_cards
from ui.components import panel
from ui.context import QUIET, WORK, Context, seen, version_of
from ui.guard import READONLY, may_change, require_changes, told
from ui.markup import Html, tag
from ui.pages.run_form import RunForm


class NewRunPage:
    """Lays the page out; its methods answer the events."""

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.tab = tab
        self.services = context.services
        self.changeable = may_change(context.services.settings)
        self.seen = seen(context, "new")
        self.mine = gr.BrowserState("", storage_key="isthmus-run", secret="isthmus")
        self.form: RunForm | None = None
        with gr.Row(elem_classes="i-form-row", equal_height=False):
            with gr.Column(scale=6, min_width=320, elem_classes="i-form"):
                if self.changeable:
                    self.form = RunForm(self.services)
                else:
                    panel(cards.notice(READONLY))
            with gr.Column(scale=4, min_width=320, elem_classes="i-launch"):
                self.activity = panel(elem_id="i-activity")
                self.error = panel(elem_id="i-launch-error")
                # at the same place: what was launched here is stopped here
                self.stop = gr.Button(
                    "Stop", variant="stop", visible=False, elem_id="i-launch-stop"
                )
                self.go = gr.Button(
                    "Launch", variant="primary", visible=self.changeable, elem_id="i-launch-button"
                )

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context, form = self.context, self.form
        shown = [self.activity, self.stop, self.go]
        changes = [self.seen.change, self.mine.change, self.tab.select]
        gr.on(changes, self.show, self.mine, shown, **QUIET)
        leads = [context.run, context.opened, context.sweep, context.tabs]
        self.activity.act(self.on_act, None, [context.version, *leads], **QUIET)
        if form is None:
            return
        form.connect(self.tab, context.use)
        result = [context.version, self.mine, self.error, *form.told]
        self.go.click(self.launch, form.given, result, **WORK)
        self.stop.click(self.do_stop, self.mine, context.version, **QUIET)

    def show(self, mine: str | None) -> tuple[Html, Any, Any]:
        """Live runs with their progress; else how the run launched from this browser ended.

        Of a sweep's many runs only those that are at work are shown one by one.
        """
        worker = self.services.worker()
        runs = self.services.runs()
        live = [run for run in reversed(runs) if run.live]
        own = next((run for run in runs if run.id == mine and not run.live), None)
        alone = [run for run in live if run.sweep is None or run.status == "running"]
        parts = [run_cards.progress(run, worker, self.changeable) for run in alone]
        parts.extend(run_cards.queued_sweeps(runs))
        if own is not None:
            parts.append(run_cards.outcome(own, self.changeable))
        if not worker.alive:
            parts.insert(0, cards.notice(worker.message, "warn"))
        if not parts:
            text = "Nothing is running. Launch makes features, trains, evaluates and draws the map."
            parts.append(tag("p.i-soft", text))
        own_live = any(run.id == mine for run in live)
        launch = gr.update(
            value="Queue this one too" if live else "Launch",
            variant="secondary" if own_live else "primary",
        )
        stop = gr.update(visible=own_live and self.changeable)
        return tag("div.i-activity", parts), stop, launch

    @told
    def on_act(self, event: gr.EventData) -> tuple[Any, ...]:
        """A button of a progress card."""
        act, arg = str(event.act), str(event.arg)
        stay = gr.skip()
        if act == "explore":
            return stay, arg, stay, stay, gr.Tabs(selected="explore")
        if act == "open":
            return stay, stay, arg, stay, gr.Tabs(selected="runs")
        if act == "sweep":
            return stay, stay, stay, arg, gr.Tabs(selected="sweeps")
        require_changes(self.services.settings)
        if act == "stop":
            self.services.cancel(arg)
        elif act == "resume":
            self.services.resume(arg)
        return version_of(self.services), *(stay,) * 4

    @told
    def do_stop(self, mine: str) -> str:
        """Stops the run that was launched from this browser; what it has done is kept."""
        require_changes(self.services.settings)
        self.services.cancel(mine)
        return version_of(self.services)

    def launch(self, *given: Any) -> tuple[Any, ...]:
        """Launches the run; faults are told at their fields and nothing that was typed is lost."""
        require_changes(self.services.settings)
        assert self.form is not None  # there is no button without
        form, options = self.form, given[-1]
        _, clear = form.at_fields(None, options)
        try:
            run = self.services.launch(form.request(given))
        except InvalidInput as error:
            rest, at = form.at_fields(error, options)
            return gr.skip(), gr.skip(), cards.notice(rest, "bad"), *at
        except IsthmusError as error:
            return gr.skip(), gr.skip(), cards.notice(str(error), "bad"), *clear
        return version_of(self.services), run.id, "", *clear
