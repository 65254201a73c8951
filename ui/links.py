"""What the pages show as a link, and a link as what the pages show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import gradio as gr

from backend.errors import InvalidInput, NotFound, StorageError
from backend.schemas import PageState
from backend.services import Services
from ui import queries

#: the shared fields that a link holds, as :class:`ui.context.Context` names them
FIELDS: Final = ("run", "other", "opened", "sweep", "asked", "selection", "view")
#: what was shown when no link was opened
NOTHING: Final = PageState()

_OWN_FILE: Final = "The picture or recording of your own that was searched with is not part of it."


def keep(services: Services, place: str, fields: Sequence[Any]) -> dict[str, str]:
    """Keeps what is shown and says how to come back to it; never raises for what can be told.

    Args:
        place: page and part with a space between them, as the browser's script read them.
        fields: the texts of :data:`FIELDS`.

    Returns:
        ``address`` to be copied (what follows the app's own address, or a whole one), ``note`` to be
        told beside.
    """
    page, _, part = str(place or "").partition(" ")
    named = dict(zip(FIELDS, (str(text or "") for text in fields), strict=True))
    try:
        state, note = _state(page, part, named)
        return {"address": _address(f"?link={services.keep_link(state)}"), "note": note}
    except (InvalidInput, StorageError) as error:
        plain = {"tab": page, "part": part, "run": named["run"]}
        told = urlencode({key: value for key, value in plain.items() if value})
        return {"address": _address(f"?{told}"), "note": _first_line(error)}


def _state(page: str, part: str, named: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """The state to be kept, and what of it cannot be."""
    state: dict[str, Any] = {**named, "page": page, "part": part}
    query, note = queries.parse(named["asked"]), ""
    if query:
        kept = tuple(part for part in query.parts if part.kind != "file")
        note = _OWN_FILE if len(kept) < len(query.parts) else ""
        query = query.model_copy(update={"parts": kept}) if kept else None
    state["asked"] = query.model_dump() if query else None
    state["view"] = _read_view(named["view"])
    return state, note


def _read_view(text: str) -> Any:
    """How the map is shown; a browser can send any text."""
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise InvalidInput("How the map is shown cannot be put into a link.") from error


def _address(query: str) -> str:
    """Where a link leads: beside the page's own address, or the page at the Hub that shows a Space."""
    space = gr.utils.get_space()
    return f"https://huggingface.co/spaces/{space}{query}" if space else query


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def opened(services: Services, code: str, runs: set[str]) -> tuple[PageState, str]:
    """What a link leads to, and what is to be told of it.

    Args:
        code: as it stands in the address.
        runs: that can be explored.
    """
    try:
        state = services.link(code)
    except NotFound as error:
        return NOTHING, str(error)
    if state.run and state.run not in runs:
        gone = {"run": "", "selection": "", "view": {}}
        return state.model_copy(update=gone), (
            "The run of this link is not here any more; another run is shown."
        )
    return state, ""


def texts(state: PageState) -> dict[str, str]:
    """What the shared fields hold in a state."""
    plain = {name: getattr(state, name) for name in FIELDS if name not in ("asked", "view")}
    return plain | {
        "asked": state.asked.model_dump_json() if state.asked else "",
        "view": json.dumps(state.view) if state.view else "",
    }
