"""What the frame around the pages answers: a page is opened or left, the clock ticks, something changed."""

from __future__ import annotations

import json
import threading
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import PageState
from backend.services import Services
from ui import links
from ui.cards import button, notice
from ui.context import finished, listing_of, version_of
from ui.guard import may_change
from ui.markup import Html, tag
from ui.pages.data import DataPage
from ui.pages.drifting.page import DriftPage
from ui.pages.evaluating.page import EvaluatePage
from ui.pages.side_by_side.page import SideBySidePage
from ui.presence import Presence

#: pages that have tabs of their own, in the order in which :meth:`Frame.open` sets them
PARTED = (SideBySidePage, DriftPage, EvaluatePage, DataPage)


class Frame:
    """Answers the events of the frame.

    Args:
        services: the one door.
        pages: ids of the pages, as in the address.
    """

    def __init__(self, services: Services, pages: tuple[str, ...]) -> None:
        self.services = services
        self.pages = pages
        self.presence = Presence(services.rest)
        self._warmed = threading.Event()

    def open(self, request: gr.Request) -> tuple[Any, ...]:
        """The page has been painted: warms up, and goes to what the address or its link says."""
        self.presence.came(str(request.session_hash))
        if not self._warmed.is_set():
            self._warmed.set()  # only now: heavy libraries would hold up the first paint
            threading.Thread(target=self.services.warm_up, name="warm-up", daemon=True).start()
        asked = dict(request.query_params)
        # what is open is known before anything can be clicked: a late answer must not change it
        runs = {run.id for run in finished(self.services)}
        if asked.get("link"):
            state, told = links.opened(self.services, str(asked["link"]), runs)
        else:
            state, told = _of_address(asked), ""
        page = state.page if state.page in self.pages else self.pages[0]
        place = {"tab": page, "part": state.part, "run": state.run, "sweep": state.sweep}
        return (
            # a late answer must not take back someone who has already gone to another page
            gr.Tabs(selected=page) if page != self.pages[0] else gr.skip(),
            *(
                gr.Tabs(selected=state.part) if state.part in parted.part_ids else gr.skip()
                for parted in PARTED
            ),
            # empty they are at first: a late answer must not empty what somebody has filled meanwhile
            *(text or gr.skip() for text in self._fields(state, runs)),
            notice(told, "warn") if told else "",
            json.dumps(place),
            *self.tick(),
        )

    def _fields(self, state: PageState, runs: set[str]) -> list[str]:
        """What the shared fields hold at first, as :data:`ui.links.FIELDS` names them."""
        alone = [run.id for run in self.services.runs() if run.sweep is None]
        sweeps = [sweep.id for sweep in self.services.sweeps()]
        told = links.texts(state)
        told["run"] = state.run if state.run in runs else ""
        told["opened"] = state.opened or next(iter(alone), "")
        told["sweep"] = state.sweep if state.sweep in sweeps else next(iter(sweeps), "")
        return [told[name] for name in links.FIELDS]

    def leave(self, request: gr.Request) -> None:
        """A page was closed, or its browser is gone."""
        self.presence.left(str(request.session_hash))

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

    def on_act(self, event: gr.EventData, place: str, *fields: str) -> tuple[Any, str]:
        """A button of the header: to a new run, or a link to what is shown.

        Args:
            place: page and part that are shown.
            fields: those that a link holds.
        """
        if str(event.act) == "link":
            return gr.skip(), json.dumps(links.keep(self.services, place, fields))
        return gr.Tabs(selected="new"), ""

    def header(self) -> Html:
        """The name, the state of the worker, and the way to a new run."""
        services = self.services
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
        return _header(
            tag("span", tag("i"), word + device, class_=f"i-pill {state}", title=worker.message)
        )

    def footer(self, run: str | None) -> Html:
        """Version, what the shown run was made with, where data goes, and the way to the keys."""
        made = None
        if run:
            try:
                detail = self.services.run(str(run))
            except IsthmusError:  # deleted a moment ago
                detail = None
            if detail is not None:
                made = tag("span", made_with(detail.summary.dataset, detail.configuration))
        return tag(
            "footer.i-footer",
            tag("span", f"Isthmus {_version()}"),
            made,
            tag(
                "span",
                "Nothing leaves this machine: no analytics, no fonts or scripts from elsewhere.",
            ),
            tag("button.i-link", tag("kbd", "?"), " keys", type="button", data_help=True),
        )


def made_with(dataset: str, configuration: dict[str, Any]) -> str:
    """Data set and encoders of a run, each encoder with the commit it was read at."""
    parts = [_short(dataset)]
    for side in ("image", "text"):
        name = configuration.get(f"{side}_encoder")
        commit = configuration.get(f"{side}_revision")
        if name:
            parts.append(_short(str(name)) + (f" @ {str(commit)[:7]}" if commit else ""))
    return " · ".join(parts)


def _short(name: str) -> str:
    """The last part of a folder on this machine, anything else as it is."""
    return name.rstrip("/").rsplit("/", 1)[-1] if name.startswith("/") else name


def _of_address(asked: dict[str, str]) -> PageState:
    """The page of a plain address (?tab=&part=&run=&sweep=); what cannot be is passed over."""
    state = links.NOTHING
    for name, key in (("page", "tab"), ("part", "part"), ("run", "run"), ("sweep", "sweep")):
        try:
            state = PageState.model_validate(state.model_dump() | {name: asked.get(key, "")})
        except ValueError:
            continue
    return state


def _version() -> str:
    try:
        return version("isthmus")
    except PackageNotFoundError:  # run from a checkout, as it usually is
        return "0.1"


def _header(pill: Html) -> Html:
    toggle = tag(
        "button.i-icon", type="button", data_theme_toggle=True, title="Light or dark",
        aria_label="Switch between light and dark",
    )  # fmt: skip
    return tag(
        "header.i-header",
        tag("a.i-skip", "Skip to the page", href="#i-tabs"),
        tag("span.i-mark", aria_hidden="true"),
        tag("h1", "Isthmus"),
        tag("span.i-tagline", "where images and text meet"),
        tag("span.i-space"),
        pill,
        toggle,
        button("Copy link", "link", kind="small", title="A link to exactly what is shown"),
        button("New run", "new", kind="primary small"),
    )
