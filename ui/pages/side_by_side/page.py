"""Side by side: two runs are chosen once for answers, maps and duels."""

from __future__ import annotations

from typing import Any, Protocol

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import RunSummary
from backend.services import Services
from ui import cards, run_cards, words
from ui.components import panel
from ui.context import QUIET, RAW, Context, finished
from ui.markup import tag
from ui.pages.side_by_side.answers import AnswersPart
from ui.pages.side_by_side.duel import DuelPart
from ui.pages.side_by_side.maps import MapsPart


class Part(Protocol):
    """What stands behind one of the page's own tabs."""

    def __init__(self, context: Context) -> None: ...

    def connect(self, page: gr.Tab, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out.

        Args:
            page: the page's tab.
            tab: the part's.
        """
        ...


#: id in the address (?part=), the name on the tab, what stands there; in the order shown
PARTS: dict[str, tuple[str, type[Part]]] = {
    "answers": ("Answers", AnswersPart),
    "maps": ("Maps", MapsPart),
    "duel": ("Duel", DuelPart),
}


class SideBySidePage:
    """Lays the parts out behind tabs of their own; A is the run that all pages show."""

    part_ids = tuple(PARTS)

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.tab = tab
        self.waiting = panel(elem_id="i-compare-waiting")
        with gr.Row(elem_classes="i-toolbar i-compare-runs"):
            self.one = gr.Dropdown([], label="Run A", scale=3, elem_id="i-compare-one")
            self.swap = gr.Button(
                "⇄", scale=0, min_width=46, elem_id="i-compare-swap", elem_classes="i-swap"
            )
            self.two = gr.Dropdown([], label="Run B", scale=3, elem_id="i-compare-two")
        self.laid: list[tuple[Part, gr.Tab]] = []
        with gr.Tabs(
            selected=self.part_ids[0], elem_id="i-compare-tabs", elem_classes="i-parts"
        ) as self.parts:
            for name, (label, kind) in PARTS.items():
                with gr.Tab(label, id=name) as part:
                    self.laid.append((kind(context), part))

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        both = [context.run, context.other]
        pickers = [self.one, self.two, self.waiting]
        changes = [*(field.change for field in both), context.listing.change, self.tab.select]
        gr.on(changes, self.pick, both, pickers, **QUIET)
        gr.on([self.tab.select, context.run.change], self.second, both, context.other,
              js=_ONCE_OPENED, **QUIET)  # fmt: skip
        self.one.input(self.choose_first, [self.one, *both], both, **QUIET, **RAW)
        self.two.input(lambda run: run, self.two, context.other, **QUIET, **RAW)
        self.swap.click(lambda one, two: (two or one, one), both, both, **QUIET)
        self.waiting.act(lambda: gr.Tabs(selected="new"), None, context.tabs, **QUIET)
        for part, tab in self.laid:
            part.connect(self.tab, tab)

    def pick(self, one: str | None, two: str | None) -> tuple[Any, Any, Any]:
        """The two lists of runs; until there are two, what to do."""
        ready = finished(self.services)
        return _picker(ready, one), _picker(ready, two), self._waiting(ready)

    def _waiting(self, ready: list[RunSummary]) -> str:
        services = self.services
        if not ready:
            return run_cards.first_start(services.runs(), services.worker(), services.settings.demo)
        if len(ready) < 2:
            return cards.empty(
                "A second run is needed.",
                "Launch another run on the same data set, with another encoder or method, and compare "
                "the two here.",
                tag("div.i-row.centre", cards.button("New run", "new", kind="primary")),
            )
        return ""

    def second(self, one: str | None, two: str | None) -> Any:
        """A second run where none is chosen, or the first one is: the best of those on the same items."""
        known = {run.id for run in finished(self.services)}
        if not one or (two in known and two != one):
            return gr.skip()
        return best_beside(self.services, one) or gr.skip()

    def choose_first(self, chosen: str, one: str | None, two: str | None) -> tuple[Any, Any]:
        """Another run A; where it was run B, the two change places."""
        return chosen, one if chosen == two else gr.skip()


#: in the browser: nothing is chosen before the page was opened
_ONCE_OPENED = "(one, two) => [document.querySelector('#i-compare-two') ? one : '', two]"


def best_beside(services: Services, run: str) -> str:
    """Another finished run, of the same items where there is one; empty where there is none."""
    try:
        alike = [each.id for each in services.runs_alike(run) if each.id != run]
    except IsthmusError:
        alike = []
    others = [each.id for each in finished(services) if each.id != run]
    return next(iter([*alike, *others]), "")


def _picker(ready: list[RunSummary], chosen: str | None) -> Any:
    known = {run.id for run in ready}
    return gr.update(
        choices=[(words.run_label(run), run.id) for run in ready],
        value=chosen if chosen in known else None,
        interactive=len(ready) > 1,
    )
