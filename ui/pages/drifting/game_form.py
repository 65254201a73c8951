"""What a game is asked for: its seeds, its operators, and what similarity is measured by."""

from __future__ import annotations

from typing import Any, Final, Literal

import gradio as gr
from pydantic import ValidationError

from backend.errors import Fault, InvalidInput
from backend.schemas import Side
from backend.schemas.games import (
    MOST_SEEDS,
    PAPER_BACKBONES,
    BackboneChoice,
    GameRequest,
    OperatorChoice,
    OperatorKind,
)
from backend.services import Services
from ui import encoder_cards
from ui.components import panel
from ui.game_cards import OPERATORS
from ui.markup import tag
from ui.pages.drifting.given import whole
from ui.pages.drifting.seeds import LONGEST_QUERY, Kept, Seeds

Source = Literal["pairs", "kept", "found", "map", "same"]
SOURCES: Final[tuple[tuple[str, Source], ...]] = (
    ("Pairs of the test split, drawn", "pairs"),
    ("The seeds that I picked under Chains", "kept"),
    ("Whatever fits some words best", "found"),
    ("The points that are chosen on the map", "map"),
    ("The same as the games that are open", "same"),
)
_FORWARD: Final[tuple[OperatorKind, ...]] = (
    "retrieval", "renderer", "janus", "diffusers", "endpoint",
)  # fmt: skip
_BACK: Final[tuple[OperatorKind, ...]] = (
    "retrieval", "decoder", "captioner", "janus", "endpoint",
)  # fmt: skip
#: operators that are models of their own, found by a name
_NAMED: Final = ("janus", "diffusers", "captioner", "endpoint")
_OWN: Final = "own"
_MOST_BACKBONES: Final = 6


class OperatorFields:
    """The fields of one direction. ``fields`` are handed to :meth:`choice` in this order."""

    def __init__(self, name: str, label: str, kinds: tuple[OperatorKind, ...]) -> None:
        self.label = label
        with gr.Column(min_width=240, elem_classes="i-operator"):
            with gr.Row(elem_classes="i-game-row"):
                self.kind = gr.Dropdown(
                    [(OPERATORS[kind], kind) for kind in kinds], value="retrieval", label=label,
                    filterable=False, scale=3, min_width=190, elem_id=f"i-game-{name}",
                )  # fmt: skip
                self.temperature = gr.Number(
                    0, label="Temperature", minimum=0, maximum=10, scale=1, min_width=100,
                    elem_id=f"i-game-{name}-temperature",
                )  # fmt: skip
            with gr.Column(visible=False, elem_classes="i-operator-more") as self.more:
                self.source = gr.Textbox(
                    "", label="Model", info="a folder or an id on the Hub; of an endpoint its address",
                    max_lines=1, elem_id=f"i-game-{name}-source",
                )  # fmt: skip
                self.model = gr.Textbox(
                    "", label="Its name at the endpoint", max_lines=1, visible=False
                )
                self.prompt = gr.Textbox(
                    "", label="Prompt", info="empty: the model's usual", lines=1
                )
        self.fields = [self.kind, self.source, self.model, self.prompt, self.temperature]

    def connect(self, options: dict[str, Any]) -> None:
        """What follows the kind of operator."""
        self.kind.input(
            lambda kind: (
                gr.update(visible=kind in _NAMED),
                gr.update(visible=kind == "endpoint"),
                gr.update(visible=kind != "renderer"),
            ),
            self.kind,
            [self.more, self.model, self.temperature],
            **options,
        )

    def choice(self, *given: Any) -> OperatorChoice:
        """What the fields say.

        Raises:
            InvalidInput: they cannot be; each fault is named.
        """
        kind, source, model, prompt, temperature = given
        named = kind in _NAMED
        said: dict[str, Any] = {"kind": kind or "retrieval", "temperature": temperature or 0}
        if named:
            said |= {
                "source": str(source).strip(),
                "model": str(model).strip(),
                "prompt": prompt or "",
            }
        try:
            return OperatorChoice.model_validate(said)
        except ValidationError as error:
            raise _faults(error, self.label) from error


class GameForm:
    """Lays the fields out. ``fields`` are handed to :meth:`request` in this order."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.source = gr.Dropdown(
            list(SOURCES), value="pairs", label="Seeds", filterable=False, elem_id="i-game-source"
        )
        with gr.Row(elem_classes="i-game-row"):
            self.words = gr.Textbox(
                "", label="Words", max_lines=1, visible=False, min_width=180, scale=3,
                max_length=LONGEST_QUERY, elem_id="i-game-words",
            )  # fmt: skip
            self.side = gr.Radio(
                [("Images", "image"), ("Captions", "text")], value="text", label="Which", scale=0,
                visible=False, min_width=180,
            )  # fmt: skip
            self.count = gr.Number(
                20, label="How many", precision=0, minimum=1, maximum=MOST_SEEDS // 2, scale=1,
                min_width=110, elem_id="i-game-count",
            )  # fmt: skip
            self.generations = gr.Slider(
                1, 40, 20, step=1, label="Generations", scale=3, min_width=180,
                elem_id="i-game-generations",
            )  # fmt: skip
        with gr.Column(elem_classes="i-operators"):
            self.forward = OperatorFields("forward", "From a text to an image", _FORWARD)
            self.back = OperatorFields("back", "From an image to a text", _BACK)
            panel(tag("p.i-about", "Temperature 0: the likeliest, nothing is drawn."))
        self.backbones = gr.Dropdown(
            [("the run's own space", _OWN)], value=[_OWN], multiselect=True,
            label="Similarity measured by",
            max_choices=_MOST_BACKBONES, elem_id="i-game-backbones",
            info="an encoder of one kind measures what stays of that kind; CLIP, and the run's own "
            "space, measure all four directions",
        )  # fmt: skip
        self._lay_out_more()
        self.fields: list[Any] = [
            self.source, self.words, self.side, self.count, self.generations, *self.forward.fields,
            *self.back.fields, self.backbones, self.limits, self.repeats, self.geneval, self.seed,
        ]  # fmt: skip

    def _lay_out_more(self) -> None:
        with gr.Accordion("More", open=False, elem_classes="i-fold small", elem_id="i-game-more"):
            self.limits = gr.CheckboxGroup(
                [("never the same item twice in a chain", "fresh"), ("never one of the seeds", "seeds")],
                value=[], label="The gallery, where it is asked", elem_id="i-game-limits",
            )  # fmt: skip
            with gr.Row(elem_classes="i-game-row"):
                self.repeats = gr.Slider(
                    1, 5, 1, step=1, label="Chains of each seed", min_width=200, elem_id="i-game-repeats",
                    info="from two that differ in what is drawn: what chance alone does",
                )  # fmt: skip
                self.seed = gr.Number(
                    0, label="Seed", precision=0, minimum=0, maximum=2**31 - 1, min_width=110,
                    info="of all that is drawn", elem_id="i-game-seed",
                )  # fmt: skip
            self.geneval = gr.Textbox(
                "", label="Object detector for multi-generation GenEval", max_lines=1,
                info="OWLv2: a folder or an id on the Hub; empty: not measured", elem_id="i-game-geneval",
            )  # fmt: skip

    def connect(self, options: dict[str, Any]) -> None:
        """What follows a field."""
        self.forward.connect(options)
        self.back.connect(options)
        self.source.input(
            lambda source: (
                gr.update(visible=source == "found"),
                gr.update(visible=source == "found"),
                gr.update(visible=source in ("pairs", "found")),
            ),
            self.source,
            [self.words, self.side, self.count],
            **options,
        )

    def measures(self) -> Any:
        """What similarity can be measured by: the own space, the paper's three, encoders on this disk."""
        named = [("the run's own space", _OWN)]
        named += [
            (f"{each.name} (the paper's)", f"paper:{i}") for i, each in enumerate(PAPER_BACKBONES)
        ]
        sides: tuple[Side, ...] = ("image", "text")
        for side in sides:
            infos = self.services.encoders(side)
            named += [
                (f"{encoder_cards.choice(info)[0]}, {side} to {side}", f"{side}:{info.id}")
                for info in infos
                if info.available
            ]
        return gr.update(choices=named)

    def request(
        self, runs: list[str], seeds: Seeds, kept: Kept, selection: str, same: Kept, *given: Any
    ) -> GameRequest:
        """What the fields say, with the seeds that they lead to.

        Args:
            runs: the first says what can be a seed.
            seeds: finds them.
            kept: ids of those that were picked.
            selection: what is chosen on the map.
            same: seeds of the games that are open.

        Raises:
            InvalidInput: there are no such seeds, or a field holds what cannot be.
        """
        source, said, side, count, generations, *rest = given
        forward, back, more = rest[:5], rest[5:10], rest[10:]
        backbones, limits, repeats, geneval, seed = more
        found = self._seeds(source, runs[0], seeds, kept, selection, same, said, side, count)
        try:
            return GameRequest(
                seeds=found,
                pairs=min(max(1, whole(count, 20)), MOST_SEEDS // 2),
                generations=whole(generations, 20),
                text_to_image=self.forward.choice(*forward),
                image_to_text=self.back.choice(*back),
                revisit="fresh" not in limits,
                seeds_excluded="seeds" in limits,
                repeats=whole(repeats, 1),
                backbones=_backbones(backbones),
                geneval=str(geneval or "").strip(),
                seed=whole(seed, 0),
            )
        except ValidationError as error:
            raise _faults(error, "The game") from error

    def _seeds(
        self, source: str, run: str, seeds: Seeds, kept: Kept, selection: str, same: Kept,
        said: str, side: Side, count: float,
    ) -> Kept:  # fmt: skip
        if source == "kept":
            if not kept:
                raise InvalidInput(
                    "No seed is picked. Pick some under Chains: the + in their corner."
                )
            return kept
        if source == "map":
            return tuple(item.id for item in seeds.on_map(run, selection))
        if source == "found":
            return seeds.by_words(run, side, said, min(max(1, whole(count, 20)), 200))
        if source == "same":
            if not same:
                raise InvalidInput(
                    "No game is open whose seeds could be taken. Open one in the list."
                )
            return same
        return ()


def _backbones(chosen: list[str]) -> tuple[BackboneChoice, ...]:
    """What was chosen; a browser can send anything."""
    found: list[BackboneChoice] = []
    for each in chosen[:_MOST_BACKBONES]:
        kind, _, name = str(each).partition(":")
        if kind == _OWN:
            found.append(BackboneChoice())
        elif kind == "paper" and name.isdecimal() and int(name) < len(PAPER_BACKBONES):
            found.append(PAPER_BACKBONES[int(name)])
        elif kind == "image" and name:
            found.append(BackboneChoice(image=name[:500]))
        elif kind == "text" and name:
            found.append(BackboneChoice(text=name[:500]))
    return tuple(found) or (BackboneChoice(),)


def _faults(error: ValidationError, what: str) -> InvalidInput:
    faults = [Fault(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()]
    return InvalidInput(f"{what} cannot be played like this.", faults)
