"""The fields of an operator: what makes the next generation in one direction."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr
from pydantic import ValidationError

from backend.errors import Fault, InvalidInput
from backend.schemas.games import OperatorChoice, OperatorKind
from ui.game_cards import OPERATORS

FORWARD: Final[tuple[OperatorKind, ...]] = (
    "retrieval", "renderer", "janus", "diffusers", "endpoint",
)  # fmt: skip
BACK: Final[tuple[OperatorKind, ...]] = (
    "retrieval", "decoder", "captioner", "janus", "endpoint",
)  # fmt: skip
#: operators that are models of their own, found by a name
_NAMED: Final = ("janus", "diffusers", "captioner", "endpoint")


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
            raise faults_of(error, self.label) from error


def faults_of(error: ValidationError, what: str) -> InvalidInput:
    """What is wrong with fields that were sent."""
    faults = [Fault(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()]
    return InvalidInput(f"{what} cannot be played like this.", faults)
