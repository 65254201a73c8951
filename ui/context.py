"""What the pages share: the door, and the few values that an event on one page changes on another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import gradio as gr

from backend.schemas import Modality, RunSummary
from backend.services import Services
from ui import words
from ui.uploads import Uploads

#: for what answers at once and refreshes often: no queue, no overlay
QUIET: Final[dict[str, Any]] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
#: for handlers that are given a list's choice: Gradio refuses "none chosen" and choices that came
#: since; the services say which run there is not
RAW: Final[dict[str, Any]] = {"preprocess": False}
#: for what may take a while: Gradio's progress overlay shows on the outputs
WORK: Final[dict[str, Any]] = {
    "show_progress": "minimal",
    "api_visibility": "private",
    "concurrency_limit": 4,
}
#: for clicks that change what they read: one after the other, and none is dropped for one before it
IN_TURN: Final[dict[str, Any]] = {
    "show_progress": "hidden",
    "api_visibility": "private",
    "concurrency_limit": 1,
    "trigger_mode": "multiple",
}
#: in which the pages that wait for the first run follow it
_STEPS: Final = 25


@dataclass(frozen=True)
class Context:
    """Shared by all pages of one page view. Empty text stands for none.

    Attributes:
        services: the one door.
        tabs: the pages; an output where an event leads to another page.
        uploads: the files that each page view has uploaded to search with.
        version: changes whenever anything about any run does, so every second while one is live.
        listing: changes when there is another run to pick from, or other words to say why not.
        run: the run that Explore and Map show.
        opened: the run whose details the Runs page shows.
        query: an item that Explore is to search from, set by the map.
        seed: an item that Drift is to start from, set by the map.
        use: what New run is to fill in, set by Encoders & data: a field's name, a line break, its
            value; without a name, there is more to choose from. Runs sets ``request`` and a recipe.
        sweep: the sweep that the Sweeps page shows.
        other: a second run, that Side by side shows beside ``run``.
        asked: what is searched for, as the JSON of a :class:`backend.schemas.Query`: set by Explore,
            followed by Map and Side by side; to be read with :func:`ui.queries.read`.
        selection: chosen points of ``run``'s gallery (:func:`backend.schemas.pack`), set by Map and
            Explore, followed by both.
        view: how Map shows it, as JSON (``layout``, ``colour``, ``prompt``, ``camera``, ``mode``).
        grid: a run whose pair and data set the form of a sweep is to take over, set by Runs.
        place: what the address or a link asked for when the page was opened, as JSON.
        copied: the link that was just made, as JSON.
    """

    services: Services
    tabs: gr.Tabs
    uploads: Uploads
    version: gr.Textbox
    listing: gr.Textbox
    run: gr.Textbox
    opened: gr.Textbox
    query: gr.Textbox
    seed: gr.Textbox
    use: gr.Textbox
    sweep: gr.Textbox
    grid: gr.Textbox
    other: gr.Textbox
    asked: gr.Textbox
    selection: gr.Textbox
    view: gr.Textbox
    place: gr.Textbox
    copied: gr.Textbox


def shared_fields() -> dict[str, Any]:
    """The fields of a :class:`Context`, by name, to be laid out where nobody sees them.

    Fields and not ``gr.State``: a state's change is noticed only after events that were queued.
    """
    names = [each.name for each in fields(Context) if each.type == "gr.Textbox"]
    return {
        name: gr.Textbox("", visible="hidden", label=name, elem_id=f"i-shared-{name}")
        for name in names
    }


def seen(context: Context, page: str) -> gr.Textbox:
    """A copy of the version for a page to watch: it changes only while that page is shown.

    So the pages behind the one that is open ask the server for nothing. To be called where the page
    is laid out.

    Args:
        page: its name in the address.
    """
    with gr.Column(elem_classes="i-shared"):
        copy = gr.Textbox("", visible="hidden", label="seen")
    # what is not shown is not in the document
    now = f"(version, old) => document.querySelector('#i-page-{page}') ? version : old"
    context.version.change(None, [context.version, copy], copy, js=now, **QUIET)
    return copy


def version_of(services: Services) -> str:
    """A short text that differs whenever a run, an evaluation or the worker's state does."""
    runs = [run.model_dump_json() for run in services.runs()]
    return digest([services.worker().model_dump_json(), services.evaluation_state(), *runs])


def listing_of(services: Services) -> str:
    """A short text that differs whenever the runs that can be picked do.

    While there is none, it follows how far the first one is, in steps: to every answer the browser looks
    through all that is on its pages.
    """
    ready = finished(services)
    if ready:
        return digest([part for run in ready for part in (run.id, run.name)])
    waiting = [f"{run.id} {run.status} {run.error} {_step(run)}" for run in services.runs()]
    return digest([services.worker().model_dump_json(), *waiting])


def _step(run: RunSummary) -> int | None:
    share = words.progress_share(run.progress) if run.progress else None
    return None if share is None else int(_STEPS * share)


def digest(parts: Sequence[str]) -> str:
    """A short text that differs wherever a part does, however long they are."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def finished(services: Services) -> list[RunSummary]:
    """The runs that can be explored, newest first."""
    return [run for run in services.runs() if run.status == "finished"]


def modality_of(services: Services, run: str | None) -> Modality:
    """Of a run's items; images where there is no such run."""
    return next((each.modality for each in services.runs() if each.id == run), "image")


def picker(runs: Sequence[RunSummary], chosen: str | None) -> dict[str, Any]:
    """An update of a list of runs to pick from."""
    known = {run.id for run in runs}
    return gr.update(
        choices=[(words.run_label(run), run.id) for run in runs],
        value=chosen if chosen in known else None,
        interactive=bool(runs),
    )


def offered(choices: Sequence[Any], now: Any, given: Any, **more: Any) -> dict[str, Any]:
    """An update of a list of choices that leaves the choice alone where it can stay.

    To write down again what was given would take back what somebody has chosen meanwhile.

    Args:
        choices: as the component takes them.
        now: what is to be chosen.
        given: what was chosen when the event was sent.
        more: other properties of the component.
    """
    chosen = {} if now == given else {"value": now}
    return gr.update(choices=choices, **chosen, **more)
