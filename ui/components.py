"""The components of our own, each a ``gr.HTML`` with a script from ``assets/``.

``gr.Plot`` has no click event and makes a new plot on every update (lost zoom, leaked WebGL contexts),
so map and curves own their plotly node and redraw it in place. These are functions and not subclasses
because Gradio writes a stub file beside every module that subclasses a component.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import gradio as gr

from ui.markup import tag
from ui.theme import script

#: what each kind of component is made of, and the events it raises; sent once with the page
_KINDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "panel": (("panel",), ("act",)),
    "weights": (("panel", "weights"), ("act",)),
    "twins": (("panel", "twins"), ("act",)),
    "duel": (("panel", "duel"), ("act",)),
    "strips": (("panel", "stops", "strips"), ("act",)),
    "search": (("search",), ("typed",)),
    "results": (("results", "crop"), ("act",)),
    "fields": (("fields",), ("typed",)),
    "curves": (("plot", "stops", "cursor", "curves"), ()),
    "heat": (("plot", "heat"), ()),
    "scatter": (("plot", "scatter"), ()),
    "gap": (("plot", "stops", "gap"), ("moved",)),
    "map": (
        (
            "plot",
            "map-data",
            "map-camera",
            "map-painter",
            "map-overlay",
            "map-hover",
            "map-choose",
            "map-pointer",
            "map-legend",
            "map-bar",
            "map-frames",
            "map-metro",
            "map-group",
            "map-save",
            "map",
        ),
        ("pick", "clear", "lasso", "camera", "framed"),
    ),
}


def scripts() -> str:
    """The scripts of all components for the head of the page: one function a kind.

    A component names its function: with its script in every one of many panels, a third of what is
    sent before the first paint would be that.
    """
    kinds = [
        f"isthmus.{kind} = (element, trigger, props, server, watch) => {{\n{_text(kind)}\n}};"
        for kind in _KINDS
    ]
    return "\n".join(["<script>window.isthmus = {};", *kinds, "</script>"])


def _text(kind: str) -> str:
    return "".join(script(name) for name in _KINDS[kind][0])


def _begin(kind: str) -> str:
    """What a component runs once it is on the page; Gradio finds its events' names in here."""
    events = ", ".join(f"'{event}'" for event in _KINDS[kind][1])
    return f"isthmus.{kind}(element, trigger, props, server, watch, [{events}]);"


@cache
def _plotly_head() -> str:
    """plotly.js as installed with plotly, found without importing it; nothing is fetched."""
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("plotly is missing; install requirements.txt.")
    path = Path(found.origin).parent / "package_data" / "plotly.min.js"
    gr.set_static_paths([path])
    return f'<script src="gradio_api/file={path}"></script>'


def panel(
    value: str = "",
    *,
    kind: str = "",
    script: Literal["panel", "twins", "duel", "strips"] = "panel",
    **options: Any,
) -> gr.HTML:
    """Markup from :mod:`ui.markup`. Elements with ``data-act`` raise the event ``act``.

    The event's data has ``act`` and ``arg`` (the element's ``data-arg``). Updates change the page in
    place, so focus and scrolling stay.

    Args:
        kind: a class of its own.
        script: ``twins`` has what is pointed at light up wherever else it stands (``data-twin``);
            ``duel`` has a duel judged by keys, too (:func:`ui.duel_cards.duel`); ``strips`` keeps film
            strips in step (:func:`ui.drift_cards.strips`).
    """
    return gr.HTML(
        value,
        js_on_load=_begin(script),
        apply_default_css=False,
        elem_classes=["i-panel", kind],
        **options,
    )


def weights(value: str = "", **options: Any) -> gr.HTML:
    """A panel in which a slider marks what is at its weight; see :func:`ui.conflict_cards.weighed`."""
    return gr.HTML(
        value,
        js_on_load=_begin("weights"),
        apply_default_css=False,
        elem_classes=["i-panel"],
        **options,
    )


def search_bar(longest: int, **options: Any) -> gr.HTML:
    """The field that a search is typed into, with its button.

    Its value is the ``text`` and its ``ticket``, which counts the changes of it. Raises ``typed`` once
    typing rests, and at once on Enter. An update of ``said`` (``text``, ``ticket``) puts other words
    there, unless something newer than that ticket has been typed meanwhile. A picture that is pasted or
    dropped goes to the upload field ``#i-upload``.

    Args:
        longest: letters at most.
    """
    field = tag(
        "input", type="text", placeholder="Describe what you are looking for", aria_label="Query",
        maxlength=longest, autocomplete="off", enterkeyhint="search",
    )  # fmt: skip
    return gr.HTML(
        {"text": "", "ticket": 0},
        html_template=tag("div.i-search", field, tag("button.i-button.primary", "Search")),
        js_on_load=_begin("search"),
        apply_default_css=False,
        said=None,
        **options,
    )


def search_results(**options: Any) -> gr.HTML:
    """A panel of answers, as one markup. Raises ``act`` as a panel does.

    An update of ``answer`` (``html``, the ``ticket`` of the words it answers, and whether it is of a
    ``fresh`` query) is shown unless newer words have been typed; see :func:`search_bar`.
    """
    return gr.HTML(
        "",
        js_on_load=_begin("results"),
        apply_default_css=False,
        elem_classes=["i-panel"],
        answer=None,
        **options,
    )


def fields(value: dict[str, Any], **options: Any) -> gr.HTML:
    """A form described by :mod:`ui.forms`; the value holds what stands in it.

    Raises ``typed`` with the ``name`` of a field whenever something is typed or ticked. An update of
    ``faults`` (name -> sentence) tells what is wrong, each at its field.
    """
    return gr.HTML(
        value,
        html_template="<div class='i-fields'></div>",
        js_on_load=_begin("fields"),
        apply_default_css=False,
        faults={},
        **options,
    )


def heat_map(**options: Any) -> gr.HTML:
    """Heat maps; the value is what :mod:`ui.heat` makes of a run's."""
    return gr.HTML(
        None,
        html_template="<div class='i-heats'></div>",
        js_on_load=_begin("heat"),
        head=_plotly_head(),
        apply_default_css=False,
        **options,
    )


def curves(**options: Any) -> gr.HTML:
    """Line charts; the value is one of :mod:`ui.figures`' curves.

    A plot with a ``cursor`` (``group``, ``at``: where each stop stands on its axis, ``said``: a word for
    each) has a line where the moving map of that group is; dragging it moves the map.
    """
    return gr.HTML(
        None,
        html_template="<div class='i-curves'></div>",
        js_on_load=_begin("curves"),
        head=_plotly_head(),
        apply_default_css=False,
        **options,
    )


def gap_slider(**options: Any) -> gr.HTML:
    """The modality-gap slider; the value is what :mod:`ui.gap_cards` makes of a report.

    It holds the numbers of all shares, so a move is answered in the browser. Raises ``moved`` with the
    ``share`` that is chosen, 0 to 1; an event named ``share`` Gradio keeps for itself. With a ``group``,
    it stands where the moving map of that group does, and moves it.
    """
    return gr.HTML(
        None,
        html_template="<div class='i-gap'></div>",
        js_on_load=_begin("gap"),
        head=_plotly_head(),
        apply_default_css=False,
        **{"group": "", **options},
    )


def scatter_plot(**options: Any) -> gr.HTML:
    """Named points with a choice of what stands on either axis; the value is :mod:`ui.scatter`'s."""
    return gr.HTML(
        None,
        html_template="<div class='i-scatter'></div>",
        js_on_load=_begin("scatter"),
        head=_plotly_head(),
        apply_default_css=False,
        **options,
    )


def map_view(look: Callable[[str, int], dict[str, str]], **options: Any) -> gr.HTML:
    """A map of points, in the plane or in space; :mod:`ui.map_figures` makes what it is given.

    Points are addressed by their row in the view. The value is sent once for each layout; everything else
    is small and may be updated by itself, and the browser keeps zoom, tool and hidden colours over any of it:

    - ``value``: :func:`~ui.map_figures.geometry` of a view, or :func:`~ui.map_figures.frames` of a map that
      moves, which has a slider of its own unless told otherwise.
    - ``colouring``: :func:`~ui.map_figures.colours`; taken where its ``key`` is the value's.
    - ``rays``: :func:`~ui.map_figures.rays`, or ``NO_RAYS`` from there; by ``key`` likewise.
    - ``selected``: chosen rows as :func:`~ui.map_figures.bits`; the empty text for none.
    - ``markers``: :func:`~ui.map_figures.marks`, queries and where they land.
    - ``labels``: :func:`~ui.map_figures.names`, of clusters.
    - ``tracks``: :func:`~ui.drift_figures.tracks`, chains as lines from point to point; by ``key`` likewise.
      Their trains stand at the generation that the group's event ``frame`` tells.
    - ``frame``: a number among the stops of the value's frames, fractions between two, where it begins.
    - ``camera``: what is to be in sight, as the event ``camera`` gave it.
    - ``group``: maps of one group share camera, ring, selection and slider in the browser, without the
      server; they have to show the same items in the same rows. Each hears it as the window's event
      ``isthmus-map`` (``detail``: ``group``, ``kind`` and, where that is ``frame``, ``at``), and so can
      any other script.

    Raises ``pick`` with the ``row`` of a clicked point and its ``point`` in the gallery; ``clear`` on
    Escape or a click beside all points, while there are rays or tracks; ``lasso`` with the ``rows`` that
    are now chosen (read by :func:`~ui.map_figures.read_bits`), their ``count``, and ``how`` they were: new,
    add or subtract; ``camera`` with what is in sight a moment after that changed (``x`` and ``y`` as pairs,
    or of a map in space ``yaw``, ``pitch``, ``zoom``, ``right``, ``up``); ``framed`` with the stop ``at``
    which its slider stands. A watched prop is heard of only when it changes, so a handler of ``lasso``
    gives ``selected`` back, or the same selection could not be sent again.

    Args:
        look: ``look(run id, point)`` gives what is shown beside a point under the pointer: ``caption``,
            ``side``, ``kind`` and, where there are, ``src``, ``alt`` and ``id``.
    """

    def card(asked: Any) -> dict[str, str]:  # one argument is all that is passed
        told = asked if isinstance(asked, dict) else {}
        point = told.get("point")
        return look(str(told.get("run")), point if isinstance(point, int) else -1)

    props: dict[str, Any] = {"colouring": {}, "rays": {}, "tracks": {}, "camera": {}, "frame": 0}
    props |= {"selected": "", "markers": [], "labels": [], "group": ""}
    return gr.HTML(
        None,
        html_template="<div class='i-map'></div>",
        js_on_load=_begin("map"),
        server_functions=[card],
        apply_default_css=False,
        **props | options,
    )
