"""The field of New run that picks an encoder: its figures below it, pooling and layers folded away."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import EncoderInfo, Modality, Side
from backend.services import Services
from ui import addresses, cards, encoder_cards, words
from ui.components import panel
from ui.context import QUIET, WORK, offered

_HINT = "one of the catalogue, the path of a folder or of a file of features, or an id on the Hub"


class EncoderField:
    """One side's encoder.

    The field's value is the whole address; choosing a pooling or layers writes them into it, so
    that what is launched is always what can be read.

    Args:
        services: knows the encoders.
        side: of the pair.
        prefix: how the id of the field begins.
        advanced: with fields for pooling and layers; without, they are given in the address.
    """

    def __init__(
        self, services: Services, side: Side, prefix: str = "i-field", advanced: bool = True
    ) -> None:
        self.services = services
        self.side = side
        self.advanced = advanced
        infos = self.infos("image")
        name = f"{side}-encoder"
        self.field = gr.Dropdown(
            [encoder_cards.choice(info) for info in infos], value=infos[0].id,
            label=words.encoder_label(side, "image"), info=_HINT, allow_custom_value=True,
            elem_id=f"{prefix}-{name}",
        )  # fmt: skip
        self.about = panel(encoder_cards.about(infos[0]), kind="i-about")
        self.fault = panel(kind="i-field-fault")
        if advanced:
            self._advanced(infos[0], name)

    def _advanced(self, first: EncoderInfo, name: str) -> None:
        with gr.Accordion(
            "Advanced: pooling and layers", open=False, elem_classes="i-fold small",
            elem_id=f"i-advanced-{name}",
        ):  # fmt: skip
            with gr.Row(elem_classes="i-options"):
                with gr.Column(min_width=200, elem_classes="i-field"):
                    self.pooling = gr.Dropdown(
                        _poolings(first), value="", label="Pooling",
                        info="how tokens become one vector", elem_id=f"i-pooling-{name}",
                        allow_custom_value=True,
                    )  # fmt: skip
                with gr.Column(min_width=200, elem_classes="i-field"):
                    self.layers = gr.Textbox(
                        label="Layers", placeholder="last", max_lines=1, max_length=120,
                        info="last, all, or numbers: 3,6,-1", elem_id=f"i-layers-{name}",
                    )  # fmt: skip

    def connect(self, modality: gr.State) -> None:
        """Wires the events, once the form is laid out."""
        told = [self.about, self.fault]
        if not self.advanced:
            given = [self.field, modality]
            self.field.change(lambda *now: self.check(*now)[:2], given, told, **WORK)
            return
        options = [self.pooling, self.layers]
        given = [self.field, *options]
        self.field.change(self.check, [self.field, modality, *options], [*told, *options], **WORK)
        # what check writes into them makes the same address again, and so no further event
        for event in (self.pooling.change, self.layers.submit, self.layers.blur):
            event(self.compose, given, self.field, **QUIET)

    def takes(self, modality: Modality) -> Modality:
        """What this side's encoder has to read."""
        return modality if self.side == "image" else "text"

    def infos(self, modality: Modality) -> list[EncoderInfo]:
        """The encoders that can be picked for this side of a data set."""
        kinds = encoder_cards.takes(self.takes(modality))
        found = [info for kind in kinds for info in self.services.encoders(kind)]
        return list({info.id: info for info in found}.values())

    def offer(self, modality: Modality, chosen: str | None) -> dict[str, Any]:
        """An update of the field for items of a modality; a choice that still fits is kept."""
        infos = self.infos(modality)
        known = [info.id for info in infos]
        if addresses.take_apart(str(chosen or ""))[0] not in (*known, *map(_base, known)):
            chosen = known[0] if known else ""
        return gr.update(
            choices=[encoder_cards.choice(info) for info in infos], value=chosen,
            label=words.encoder_label(self.side, modality),
        )  # fmt: skip

    def check(
        self,
        given: str | None,
        modality: Modality,
        chosen: str | None = None,
        typed: str | None = None,
    ) -> tuple[Any, Any, Any, Any]:
        """What the encoder is, or what is wrong with it; and the choices its address makes.

        Args:
            given: the encoder's address.
            modality: of the data set's items.
            chosen: the pooling that stands in its field.
            typed: the layers that stand in theirs; what is as the address says is left alone.
        """
        given = str(given or "").strip()
        _, options = addresses.take_apart(given)
        pooling = options.get("pooling", [""])[-1]
        layers = options.get("layers", [""])[-1]
        if not given:
            text = "Give an encoder, or a file with the items' features."
            return "", cards.notice(text, "bad"), gr.skip(), gr.skip()
        written = gr.skip() if layers == typed else layers
        known = {info.id: info for info in self.infos(modality)}
        try:
            info = known.get(given) or self.services.check_encoder(given, self.takes(modality))
        except IsthmusError as error:
            fault = cards.notice(str(error), "bad")
            return "", fault, gr.skip() if pooling == chosen else pooling, written
        choices = offered(_poolings(info), pooling, chosen)
        return encoder_cards.about(info), "", choices, written

    def compose(self, given: str | None, pooling: str | None, layers: str | None) -> Any:
        """The encoder's address with the pooling and layers chosen."""
        now = str(given or "").strip()
        asked = "".join(str(layers or "").split())
        new = addresses.changed(
            now, {"pooling": str(pooling or ""), "layers": "" if asked == "last" else asked}
        )
        return gr.skip() if new == now else new


def _base(address: str) -> str:
    return addresses.take_apart(address)[0]


def _poolings(info: EncoderInfo) -> list[tuple[str, str]]:
    own = f"its own ({info.pooling})" if info.pooling else "its own"
    names = info.poolings or tuple(encoder_cards.POOLING_WORDS)
    return [(own, ""), *((encoder_cards.POOLING_WORDS.get(name, name), name) for name in names)]
