"""The frame around the pages: header, tabs, footer, and the one clock that notices changes."""

from __future__ import annotations

import threading
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gradio as gr

from backend.services import Services
from ui import theme
from ui.cards import button
from ui.components import panel, scripts
from ui.context import QUIET, Context, finished, listing_of, version_of
from ui.guard import may_change
from ui.markup import Html, tag
from ui.pages.data import DataPage
from ui.pages.drift import DriftPage
from ui.pages.evaluating.page import EvaluatePage
from ui.pages.explore import ExplorePage
from ui.pages.map import MapPage
from ui.pages.new_run import NewRunPage
from ui.pages.runs import RunsPage
from ui.pages.sweeps import SweepsPage

Page = (
    ExplorePage | MapPage | DriftPage | EvaluatePage | RunsPage | DataPage | NewRunPage | SweepsPage
)

#: id in the address (?tab=) and the name on the tab, in the order shown
TABS = {
    "explore": "Explore",
    "map": "Map",
    "drift": "Drift",
    "evaluate": "Evaluate",
    "runs": "Runs",
    "data": "Encoders & data",
    "new": "New run",
    "sweeps": "Sweeps",
}


def build(services: Services) -> gr.Blocks:
    """The whole app as one Blocks. Cheap: nothing of a run is read before a page asks for it."""
    frame = Frame(services)
    demo = gr.Blocks(title="Isthmus", fill_width=True, analytics_enabled=False)
    with demo:
        with gr.Column(elem_classes="i-shared"):
            # fields and not gr.State: a state's change is noticed only after events that were queued
            shared = [gr.Textbox("", visible="hidden", label="shared") for _ in range(13)]
        header = panel(frame.header(), elem_id="i-header")
        with gr.Tabs(selected="explore", elem_id="i-tabs") as tabs:
            context = Context(services, tabs, *shared)
            pages = _pages(context)
        gr.HTML(_footer(), apply_default_css=False, elem_id="i-footer")
        clock = gr.Timer(1.0, active=False)

        for page in pages:
            page.connect()
        noticed = [context.version, context.listing, clock]
        parts = [page.parts for page in pages if isinstance(page, EvaluatePage | DataPage)]
        shown = [context.run, context.opened, context.sweep]
        demo.load(frame.open, None, [tabs, *parts, *shown, *noticed], **QUIET)
        clock.tick(frame.tick, None, noticed, **QUIET)
        tabs.select(frame.tick, None, noticed, **QUIET)
        context.listing.change(frame.follow, context.run, context.run, **QUIET)
        context.version.change(frame.header, None, header, **QUIET)
        # a launch or a resume changes the version while the clock stands still: it wakes here
        context.version.change(frame.wake, None, [context.listing, clock], **QUIET)
        header.act(lambda: gr.Tabs(selected="new"), None, tabs, **QUIET)
    _calm(demo)
    return demo


def _calm(demo: gr.Blocks) -> None:
    """Lets every listener hear once of a change of what the pages share.

    By default Gradio's page puts a change off while its last answer is under way, and then raises it
    anew for all that listen to it: two that take a while keep each other going for ever.
    """
    shared = {name for name, block in demo.blocks.items() if block.visible == "hidden"}
    heard = Counter(target for each in demo.fns.values() for target in each.targets)
    for each in demo.fns.values():
        some = [target for target in each.targets if target[0] in shared and heard[target] > 1]
        if some and each.trigger_mode == "always_last":
            each.trigger_mode = "multiple"


def _pages(context: Context) -> list[Page]:
    kinds: dict[str, type[Page]] = {
        "explore": ExplorePage,
        "map": MapPage,
        "drift": DriftPage,
        "evaluate": EvaluatePage,
        "runs": RunsPage,
        "data": DataPage,
        "new": NewRunPage,
        "sweeps": SweepsPage,
    }
    pages = []
    for name, label in TABS.items():
        with gr.Tab(label, id=name, elem_id=f"i-page-{name}") as tab:
            pages.append(kinds[name](context, tab))
    return pages


class Frame:
    """Answers the events of the frame: a page is opened, the clock ticks, something changed."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._warmed = threading.Event()

    def open(self, request: gr.Request) -> tuple[Any, ...]:
        """The page has been painted: warms up, and goes to the tab, run and sweep in the address."""
        if not self._warmed.is_set():
            self._warmed.set()  # only now: heavy libraries would hold up the first paint
            threading.Thread(target=self.services.warm_up, name="warm-up", daemon=True).start()
        asked = dict(request.query_params)
        tab = asked.get("tab", "explore")
        # what is open is known before anything can be clicked: a late answer must not change it
        runs = {run.id for run in finished(self.services)}
        alone = [run.id for run in self.services.runs() if run.sweep is None]
        sweeps = [sweep.id for sweep in self.services.sweeps()]
        run, part = asked.get("run", ""), asked.get("part", "")
        elsewhere = tab in TABS and tab != "explore"
        return (
            # a late answer must not take back someone who has already gone to another page
            gr.Tabs(selected=tab) if elsewhere else gr.skip(),
            *(
                gr.Tabs(selected=part) if part in page.part_ids else gr.skip()
                for page in (EvaluatePage, DataPage)
            ),
            run if run in runs else "",
            next(iter(alone), ""),
            next(
                (sweep for sweep in sweeps if sweep == asked.get("sweep")), next(iter(sweeps), "")
            ),
            *self.tick(),
        )

    def tick(self) -> tuple[str, str, Any]:
        """What the pages watch; the clock stops while there is nothing to wait for."""
        services = self.services
        runs = services.runs()
        busy = any(run.live for run in runs) or services.evaluations_live() > 0
        if may_change(services.settings):
            busy = busy or not services.worker().alive or (not runs and services.settings.demo)
        return version_of(services), listing_of(services), gr.Timer(active=busy)

    def wake(self) -> tuple[str, Any]:
        """What was changed on this page is watched from now on.

        It never stops the clock: what ended between the last tick and now is not told here, and no tick
        would come to tell it. The tick that sees that all has ended does.
        """
        _, listing, clock = self.tick()
        return listing, clock if clock.active else gr.skip()

    def follow(self, run: str) -> Any:
        """The run to explore: the one chosen while it is there, else the newest finished one."""
        ready = finished(self.services)
        if run in {each.id for each in ready}:
            return gr.skip()
        return ready[0].id if ready else ""

    def header(self) -> Html:
        """The name, the state of the worker, and the way to a new run."""
        return _header(self.services)


def launch_options(services: Services) -> dict[str, Any]:
    """What ``Blocks.launch`` is given: looks, and what may be read from this disk."""
    settings = services.settings
    # at the Hub, the address to listen on is given by the place
    at_hub = gr.utils.get_space() is not None
    return {
        "server_name": None if at_hub else settings.host,
        "server_port": settings.port,
        "allowed_paths": [str(settings.thumbnails_dir), str(settings.data_dir / "reports")],
        "max_file_size": f"{settings.max_upload_mb}mb",
        "theme": theme.theme(),
        "css": theme.css(),
        "js": theme.script("shell"),
        "head": scripts(),
        "favicon_path": theme.ASSETS / "favicon.svg",
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "show_error": False,
        "share": False,
        "quiet": True,
        "prevent_thread_lock": True,
    }


def _header(services: Services) -> Html:
    worker = services.worker()
    live = sum(run.live for run in services.runs())
    live += services.evaluations_live()
    state = "busy" if live and worker.alive else "good" if worker.alive else "warn"
    word = (
        f"{live} live"
        if live and worker.alive
        else "Ready"
        if worker.alive
        else "Waiting for the worker"
    )
    # "auto" until the worker has found out what there is
    known = worker.device and worker.device != "auto"
    device = f" · {worker.device}" if known else ""
    pill = tag("span", tag("i"), word + device, class_=f"i-pill {state}", title=worker.message)
    toggle = tag(
        "button.i-icon", type="button", data_theme_toggle=True, title="Light or dark",
        aria_label="Switch between light and dark",
    )  # fmt: skip
    return tag(
        "header.i-header",
        tag("span.i-mark", aria_hidden="true"),
        tag("h1", "Isthmus"),
        tag("span.i-tagline", "where images and text meet"),
        tag("span.i-space"),
        pill,
        toggle,
        button("New run", "new", kind="primary small"),
    )


def _footer() -> Html:
    try:
        number = version("isthmus")
    except PackageNotFoundError:  # run from a checkout, as it usually is
        number = "0.1"
    return tag(
        "footer.i-footer",
        tag("span", f"Isthmus {number}"),
        tag(
            "span", "Nothing leaves this machine: no analytics, no fonts or scripts from elsewhere."
        ),
        tag(
            "span",
            tag("kbd", "/"),
            " search · ",
            tag("kbd", "1"),
            "–",
            tag("kbd", str(len(TABS))),
            " pages",
        ),
    )
