"""The frame around the pages: header, tabs, footer, and the one clock that notices changes."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import gradio as gr

from backend.services import Services
from ui import api, keys, links, theme
from ui.components import panel, scripts
from ui.context import QUIET, Context, shared_fields
from ui.frame import PARTED, Frame
from ui.guard import shelter
from ui.hearing import hear_while_open
from ui.markup import tag
from ui.pages.data import DataPage
from ui.pages.drifting.page import DriftPage
from ui.pages.evaluating.page import EvaluatePage
from ui.pages.exploring.page import ExplorePage
from ui.pages.mapping.page import MapPage
from ui.pages.new_run import NewRunPage
from ui.pages.runs import RunsPage
from ui.pages.side_by_side.page import SideBySidePage
from ui.pages.sweeps import SweepsPage
from ui.uploads import Uploads

Page = (
    ExplorePage
    | MapPage
    | SideBySidePage
    | DriftPage
    | EvaluatePage
    | RunsPage
    | DataPage
    | NewRunPage
    | SweepsPage
)

#: id in the address (?tab=) and the name on the tab, in the order shown
TABS = {
    "explore": "Explore",
    "map": "Map",
    "compare": "Side by side",
    "drift": "Drift",
    "evaluate": "Evaluate",
    "runs": "Runs",
    "data": "Encoders & data",
    "new": "New run",
    "sweeps": "Sweeps",
}

#: shared fields that say what is shown: a page hears of them while it is open. The others are wishes,
#: which one page fulfils
_HEARD: Final = ("run", "other", "opened", "asked", "selection", "view", "listing")

#: events of which the last one says what is wanted
_LAST_COUNTS: Final = frozenset(
    "change input typed release select expand collapse pick clear lasso camera".split()
)

#: events that wait for their turn, of all viewers together
_MOST_WAITING: Final = 64

#: in the browser: which page and part a link is asked for; what the address is to say now
_PLACED: Final = "(place, ...fields) => [isthmus.place(), ...fields]"
_WRITTEN: Final = "(value) => isthmus.at({{ {}: value }})"


def build(services: Services) -> gr.Blocks:
    """The whole app as one Blocks. Cheap: nothing of a run is read before a page asks for it."""
    frame = Frame(services, tuple(TABS))
    demo = gr.Blocks(title="Isthmus", fill_width=True, analytics_enabled=False)
    with demo:
        with gr.Column(elem_classes="i-shared"):
            shared = shared_fields()
        header = panel(frame.header(), elem_id="i-header")
        told = panel(elem_id="i-told")
        with gr.Tabs(selected=next(iter(TABS)), elem_id="i-tabs") as tabs:
            context = Context(services, tabs, Uploads(), **shared)
            open_at, pages = _pages(context)
        footer = panel(frame.footer(""), elem_id="i-footer")
        gr.HTML(keys.dialog(), apply_default_css=False, elem_id="i-help")
        gr.HTML(tag("div.i-toast", role="status"), apply_default_css=False, elem_id="i-toast")
        clock = gr.Timer(1.0, active=False)

        # before all others that listen to them, which are answered one after the other
        for field, name in ((context.run, "run"), (context.sweep, "sweep")):
            field.change(None, field, None, js=_WRITTEN.format(name), **QUIET)
        wired = {}
        for page, name in zip(pages, open_at, strict=True):
            before = len(demo.fns)
            page.connect()
            wired[name] = list(demo.fns.values())[before:]
        hear_while_open(wired, open_at, [getattr(context, name) for name in _HEARD])
        api.publish(services, frame.presence.asked)
        noticed = [context.version, context.listing, clock]
        fields = [getattr(context, name) for name in links.FIELDS]
        parts = [page.parts for kind in PARTED for page in pages if isinstance(page, kind)]
        demo.load(
            frame.open, None, [tabs, *parts, *fields, told, context.place, *noticed], **QUIET
        ).then(None, context.place, None, js="isthmus.opened", **QUIET)
        demo.unload(frame.leave)
        clock.tick(frame.tick, None, noticed, **QUIET)
        tabs.select(frame.tick, None, noticed, **QUIET)
        context.listing.change(frame.follow, context.run, context.run, **QUIET)
        context.version.change(frame.header, None, header, **QUIET)
        # a launch or a resume changes the version while the clock stands still: it wakes here
        context.version.change(frame.wake, None, [context.listing, clock], **QUIET)
        header.act(
            frame.on_act, [context.place, *fields], [tabs, context.copied], js=_PLACED, **QUIET
        ).then(None, context.copied, None, js="isthmus.copied", **QUIET)
        context.run.change(frame.footer, context.run, footer, **QUIET)
    _calm(demo)
    shelter(demo)
    # who comes when so many wait is told to try again, and does not wait for ever
    demo.queue(max_size=_MOST_WAITING)
    return demo


def _calm(demo: gr.Blocks) -> None:
    """Lets every listener hear of what is wanted last, and once of a change that several listen to.

    While an answer is under way, Gradio's page by default drops what a listener would hear: somebody who
    chooses again at once, or goes on to another part of a page, is not answered. A change it puts
    off, and then raises it anew for all that listen to it: two that take a while keep each other going
    for ever. What is put off comes without what was told with it, such as which points were chosen.

    And progress is noted where it shows, if it does, and not on every output: the page keeps a note for
    each component that it was ever noted on and, at every event, looks all of them up in its whole tree.
    """
    heard = Counter(target for each in demo.fns.values() for target in each.targets)
    for each in demo.fns.values():
        kinds = {kind for _, kind in each.targets}
        if each.trigger_mode == "always_last" or kinds <= _LAST_COUNTS:
            alone = all(heard[target] == 1 for target in each.targets)
            put_off = alone and not each.collects_event_data
            each.trigger_mode = "always_last" if put_off else "multiple"
        if each.show_progress_on is None:
            panels = [output for output in each.outputs if isinstance(output, gr.HTML)]
            each.show_progress_on = [] if each.show_progress == "hidden" else panels or None


def _pages(context: Context) -> tuple[dict[str, gr.Tab], list[Page]]:
    """The tabs by name, and what is in them, in the order shown."""
    kinds: dict[str, type[Page]] = {
        "explore": ExplorePage,
        "map": MapPage,
        "compare": SideBySidePage,
        "drift": DriftPage,
        "evaluate": EvaluatePage,
        "runs": RunsPage,
        "data": DataPage,
        "new": NewRunPage,
        "sweeps": SweepsPage,
    }
    tabs, pages = {}, []
    for name, label in TABS.items():
        with gr.Tab(label, id=name, elem_id=f"i-page-{name}") as tabs[name]:
            pages.append(kinds[name](context, tabs[name]))
    return tabs, pages


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
        "head": scripts() + _head(),
        "favicon_path": theme.ASSETS / "favicon.svg",
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "mcp_server": api.mcp_installed(),
        "show_error": False,
        "share": False,
        "quiet": True,
        "prevent_thread_lock": True,
        # a look at oneself that gives up after three seconds: on a busy machine or behind a proxy the
        # app would not open
        "_frontend": False,
    }


def _head() -> str:
    """What the page knows before it is painted: where it is, how a link is copied, what its parts hear."""
    parts = [f"(() => {{\n{theme.script(name)}\n}})();" for name in ("address", "links", "bells")]
    return "\n".join(["<script>", *parts, "</script>"])
