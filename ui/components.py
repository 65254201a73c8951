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
from typing import Any, Final

import gradio as gr

from ui.theme import script

#: what each kind of component is made of, and the events it raises; sent once with the page
_KINDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "panel": (("panel",), ("act",)),
    "weights": (("panel", "weights"), ("act",)),
    "fields": (("fields",), ("typed",)),
    "curves": (("plot", "curves"), ()),
    "heat": (("plot", "heat"), ()),
    "scatter": (("plot", "scatter"), ()),
    "gap": (("plot", "gap"), ("moved",)),
    "map": (("plot", "map"), ("pick", "clear")),
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


def panel(value: str = "", *, kind: str = "", **options: Any) -> gr.HTML:
    """Markup from :mod:`ui.markup`. Elements with ``data-act`` raise the event ``act``.

    The event's data has ``act`` and ``arg`` (the element's ``data-arg``). Updates change the page in
    place, so focus and scrolling stay.
    """
    return gr.HTML(
        value,
        js_on_load=_begin("panel"),
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
    """Line charts; the value is one of :mod:`ui.figures`' curves."""
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
    ``share`` that is chosen, 0 to 1; an event named ``share`` Gradio keeps for itself.
    """
    return gr.HTML(
        None,
        html_template="<div class='i-gap'></div>",
        js_on_load=_begin("gap"),
        head=_plotly_head(),
        apply_default_css=False,
        **options,
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


def map_view(look: Callable[[str, str], dict[str, str]], **options: Any) -> gr.HTML:
    """The map. Its value is the geometry, sent once; ``colouring`` and ``rays`` are small updates.

    Raises ``pick`` with the ``id`` of a clicked point, and ``clear`` on Escape.

    Args:
        look: ``look(run id, item id)`` gives what is shown beside a point under the pointer.
    """

    def card(asked: dict[str, str]) -> dict[str, str]:  # one argument is all that is passed
        return look(str(asked.get("run")), str(asked.get("id")))

    return gr.HTML(
        None,
        html_template="<div class='i-map'></div>",
        js_on_load=_begin("map"),
        head=_plotly_head(),
        server_functions=[card],
        apply_default_css=False,
        colouring=None,
        rays=None,
        **options,
    )
