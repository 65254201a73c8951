"""How the map is laid out: the fields, what they mean, and the button that draws it anew."""

from __future__ import annotations

from typing import Any, Final, get_args

import gradio as gr
from pydantic import ValidationError

from backend.errors import InvalidInput
from backend.schemas import USUAL_LAYOUT, LayoutMethod, LayoutRequest
from backend.services import Services
from ui.components import panel
from ui.guard import may_change
from ui.markup import Html, tag

METHOD_WORDS: Final[dict[LayoutMethod, str]] = {
    "pca": "PCA",
    "umap": "UMAP",
    "tsne": "t-SNE",
    "pacmap": "PaCMAP",
}
#: what has to be installed for a method that is not there
_INSTALL: Final[dict[LayoutMethod, str]] = {
    "tsne": "pip install openTSNE",
    "pacmap": "pip install pacmap",
}
GRAPH_WORDS: Final = {
    "cross-modal": (
        "Cross-modal",
        "Half of the neighbours that a point is drawn to are images, half captions, so pairs come together "
        "although the modalities lie apart in the space itself.",
    ),
    "joint": (
        "Joint",
        "A point is drawn to whatever is nearest. Where there is a modality gap, that is its own modality, "
        "and images and captions become two islands.",
    ),
    "centred": (
        "Centred",
        "A point is drawn to whatever is nearest once each modality's mean has been taken away: the gap "
        "is closed, everything else stays.",
    ),
}
_SPACES: Final = (
    ("Shared space", "shared"),
    ("Image encoder, before its head", "image encoder"),
    ("Text encoder, before its head", "text encoder"),
)


class LayoutFold:
    """Lays the fields out within a fold. ``fields`` are handed to :meth:`request` in this order."""

    def __init__(self, services: Services) -> None:
        self.services = services
        usual = USUAL_LAYOUT
        with gr.Accordion("How it is laid out", open=False, elem_id="i-map-layout"):
            with gr.Row(elem_classes="i-map-fields"):
                self.method = gr.Radio(
                    [(name, method) for method, name in METHOD_WORDS.items()], value=usual.method,
                    label="Method", scale=3, min_width=250, elem_id="i-map-method",
                )  # fmt: skip
                self.space = gr.Dropdown(
                    list(_SPACES), value=usual.space, label="Of", scale=2, min_width=220,
                    filterable=False, elem_id="i-map-space",
                )  # fmt: skip
                self.dimensions = gr.Radio(
                    [("Flat", 2), ("In space", 3)], value=usual.dimensions, label="Drawn", scale=2,
                    min_width=180, elem_id="i-map-dimensions",
                )  # fmt: skip
            self.graph = gr.Radio(
                [(words, graph) for graph, (words, _) in GRAPH_WORDS.items()], value=usual.graph,
                label="Whose neighbours are drawn near each other", elem_id="i-map-graph",
            )  # fmt: skip
            self.about = panel(_about(usual.graph), kind="i-about")
            with gr.Row(elem_classes="i-map-fields"):
                self.neighbours = gr.Slider(
                    4, 100, usual.neighbours, step=1, label="Neighbours", scale=2, min_width=200,
                    info="fewer: small groups; more: the whole", elem_id="i-map-neighbours",
                )  # fmt: skip
                self.min_dist = gr.Slider(
                    0, 0.99, usual.min_dist, step=0.01, label="Least distance (UMAP)", scale=2,
                    min_width=200, info="lower: tighter groups", elem_id="i-map-min-dist",
                )  # fmt: skip
                self.seed = gr.Number(
                    None, label="Seed", precision=0, scale=1, min_width=120,
                    info="empty: the run's own", elem_id="i-map-seed",
                )  # fmt: skip
            self.missing = panel(_missing(services), kind="i-about")
            self.go = gr.Button(
                "Draw", variant="primary", elem_id="i-map-go", scale=0, min_width=140,
                visible=may_change(services.settings),
            )  # fmt: skip
        self.fields: list[Any] = [
            self.method, self.space, self.dimensions, self.graph, self.neighbours, self.min_dist,
            self.seed,
        ]  # fmt: skip

    def connect(self, options: dict[str, Any]) -> None:
        """What follows a field in the browser's place; ``options`` are those of the events."""
        self.graph.input(_about, self.graph, self.about, **options)

    def request(self, *given: Any) -> LayoutRequest:
        """What the fields say.

        Raises:
            InvalidInput: that is no layout, or its method is not installed.
        """
        method, space, dimensions, graph, neighbours, min_dist, seed = given
        try:
            asked = LayoutRequest.model_validate(
                {
                    "method": method, "space": space, "dimensions": dimensions, "graph": graph,
                    "neighbours": neighbours, "min_dist": min_dist, "seed": seed,
                }
            )  # fmt: skip
        except ValidationError as error:
            faults = [f"- {each['loc'][0]}: {each['msg']}" for each in error.errors()]
            raise InvalidInput(
                "\n".join(["The map cannot be drawn like this:", *faults])
            ) from error
        if asked.method not in self.services.map_methods():
            raise InvalidInput(
                f"{METHOD_WORDS[asked.method]} is not installed here: {_INSTALL[asked.method]}, then "
                "start the app again."
            )
        return asked

    def set(self, layout: LayoutRequest) -> dict[Any, Any]:
        """The fields as a layout has them."""
        values = (
            layout.method, layout.space, layout.dimensions, layout.graph, layout.neighbours,
            layout.min_dist, layout.seed,
        )  # fmt: skip
        return {
            **dict(zip(self.fields, map(_valued, values), strict=True)),
            self.about: _about(layout.graph),
        }


def _valued(value: Any) -> Any:
    return gr.update(value=value)


def _about(graph: Any) -> Html | str:
    """A neighbour graph in a sentence."""
    known = GRAPH_WORDS.get(str(graph))
    return tag("p", known[1]) if known else ""


def _missing(services: Services) -> Html | str:
    """The methods that are not installed, with what installs them."""
    there = services.map_methods()
    gone = [method for method in get_args(LayoutMethod) if method not in there]
    if not gone:
        return ""
    parts = [
        tag("span", f"{METHOD_WORDS[method]} is not installed here: ", tag("code", _INSTALL[method]), ". ")
        for method in gone
    ]  # fmt: skip
    return tag("p", parts)
