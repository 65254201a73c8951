"""What a game is asked for: its seeds, its operators, and what similarity is measured by."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import gradio as gr
from pydantic import ValidationError

from backend.errors import InvalidInput, IsthmusError
from backend.schemas import Side
from backend.schemas.games import (
    MOST_SEEDS,
    PAPER_BACKBONES,
    BackboneChoice,
    GameRequest,
)
from backend.services import Services
from ui import cards, encoder_cards, words
from ui.components import panel
from ui.guard import require_changes
from ui.markup import tag
from ui.pages.drifting.given import whole
from ui.pages.drifting.operator_fields import BACK, FORWARD, OperatorFields, faults_of
from ui.pages.drifting.seeds import LONGEST_QUERY, Kept, Seeds

Source = Literal["pairs", "kept", "found", "map", "same"]
SOURCES: Final[tuple[tuple[str, Source], ...]] = (
    ("Pairs of the test split, drawn", "pairs"),
    ("The seeds that I picked under Chains", "kept"),
    ("Whatever fits some words best", "found"),
    ("The points that are chosen on the map", "map"),
    ("The same as the games that are open", "same"),
)
_OWN: Final = "own"
PROMPTS_ABOUT: Final = "Its evaluation_metadata.jsonl: which seeds are prompts, by their words."
_MOST_BACKBONES: Final = 6


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
            self.forward = OperatorFields("forward", "From a text to an image", FORWARD)
            self.back = OperatorFields("back", "From an image to a text", BACK)
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
            *self.back.fields, self.backbones, self.limits, self.repeats, self.geneval, self.prompts,
            self.seed,
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
            self.prompts = gr.State("")
            with gr.Row(elem_classes="i-actions"):
                self.prompts_file = gr.UploadButton(
                    "GenEval's prompts…", file_types=[".jsonl"], size="sm", scale=0, min_width=170,
                    elem_id="i-game-prompts",
                )  # fmt: skip
                self.prompts_told = panel(
                    tag("p.i-about", PROMPTS_ABOUT), elem_id="i-game-prompts-told"
                )

    def connect(self, options: dict[str, Any]) -> None:
        """What follows a field."""
        self.forward.connect(options)
        self.back.connect(options)
        self.prompts_file.upload(
            self.take_prompts, self.prompts_file, [self.prompts, self.prompts_told], **options
        )
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

    def take_prompts(self, path: str | None) -> tuple[Any, Any]:
        """An uploaded file of prompts; one that holds none is told of, and the one before stays."""
        require_changes(self.services.settings)
        if not path:
            return gr.skip(), gr.skip()
        file = Path(path)
        try:
            kept, count = self.services.keep_prompts(file)
        except IsthmusError as error:
            return gr.skip(), cards.notice(str(error), "bad")
        return kept, tag("p.i-about", f"{words.count(count, 'prompt')} of {file.name}")

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
        backbones, limits, repeats, geneval, prompts, seed = more
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
                prompts=str(prompts or ""),
                seed=whole(seed, 0),
            )
        except ValidationError as error:
            raise faults_of(error, "The game") from error

    def folder_request(self, folder: str, *given: Any) -> GameRequest:
        """What the fields say of chains made elsewhere: how they are measured, nothing else.

        Args:
            folder: where they lie.

        Raises:
            InvalidInput: they cannot be measured like this.
        """
        backbones, _, _, geneval, prompts, seed = given[-6:]
        return self.services.folder_request(
            folder,
            # they come without a space of their own
            [each for each in _backbones(backbones) if each != BackboneChoice()],
            geneval=str(geneval or "").strip(),
            prompts=str(prompts or ""),
            seed=whole(seed, 0),
        )

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
