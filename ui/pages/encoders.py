"""The encoders' part of Encoders & data: the catalogue, and any other encoder looked up."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.errors import InvalidInput, IsthmusError
from backend.schemas import EncoderInfo, Modality
from ui import addresses, cards, encoder_cards, words
from ui.components import panel
from ui.context import QUIET, WORK, Context
from ui.guard import may_change, require_changes, told
from ui.markup import Html, tag

MODALITIES: tuple[Modality, ...] = ("image", "text", "audio", "code", "features")
_FILTERS = (
    ("Image", "image"), ("Text", "text"), ("Audio", "audio"), ("Code", "code"),
    ("Files of features", "features"), ("All", "all"),
)  # fmt: skip
_TAKES = (("Images", "image"), ("Text", "text"), ("Audio", "audio"), ("Code", "code"))
_FILES = (".npy", ".safetensors", ".parquet")
_LONGEST = 500
#: of the address form, in the order they are given to the handlers
OPTIONS = ("pooling", "layers", "name", "ids")


class EncodersPart:
    """Lays the part out; its methods answer the events."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services = context.services
        self.changeable = may_change(context.services.settings)
        self.opened = gr.State("")
        with gr.Row(elem_classes="i-toolbar"):
            self.kind = gr.Radio(
                list(_FILTERS), value="image", label="Takes", scale=4, elem_id="i-encoder-kind"
            )
            self.words = gr.Textbox(
                label="Find", placeholder="a name, family or licence", scale=3, max_lines=1,
                elem_classes="i-search", elem_id="i-encoder-words", max_length=_LONGEST,
            )  # fmt: skip
            self.here = gr.Checkbox(
                False, label="on this disk", scale=1, min_width=140, elem_id="i-encoder-here"
            )
        self.list = panel(elem_id="i-encoders")
        if self.changeable:
            self._form()

    def _form(self) -> None:
        title = "Another encoder: a Hub id, a folder, or a file of features"
        with gr.Accordion(title, open=False, elem_classes="i-fold", elem_id="i-other-encoder"):
            with gr.Column(elem_classes="i-form"):
                self.address = gr.Textbox(
                    label="Where it is", placeholder="owner/name, /path/of/a/folder, features.npy",
                    info="safetensors only; code that comes with a model is never run", max_lines=1,
                    max_length=_LONGEST, elem_id="i-other-address",
                )  # fmt: skip
                self.fault = panel(kind="i-field-fault")
                self.takes = gr.Radio(
                    list(_TAKES), value="image", label="It takes", elem_id="i-other-takes"
                )
                self._options()
                self.check = gr.Button("Look it up", variant="primary", elem_id="i-other-check")
                self.found = panel(elem_id="i-other-found")

    def _options(self) -> None:
        """What an address may ask of a model, and what it must say of a file of features."""
        with gr.Row(elem_classes="i-options") as self.model_options:
            with gr.Column(min_width=200, elem_classes="i-field"):
                self.pooling = gr.Dropdown(
                    [("its own", ""), *((text, name) for name, text
                                        in encoder_cards.POOLING_WORDS.items())],
                    value="", label="Pooling", info="how tokens become one vector",
                    filterable=False, elem_id="i-other-pooling",
                )  # fmt: skip
                self.pooling_fault = panel(kind="i-field-fault")
            with gr.Column(min_width=200, elem_classes="i-field"):
                self.layers = gr.Textbox(
                    label="Layers", placeholder="last", max_lines=1, max_length=120,
                    info="last, all, or numbers: 3,6,-1", elem_id="i-other-layers",
                )  # fmt: skip
                self.layers_fault = panel(kind="i-field-fault")
        with gr.Row(elem_classes="i-options", visible=False) as self.file_options:
            with gr.Column(min_width=200, elem_classes="i-field"):
                self.name = gr.Textbox(
                    label="Tensor or column", placeholder="the only one", max_lines=1,
                    info="that holds the vectors", max_length=120, elem_id="i-other-name",
                )  # fmt: skip
                self.name_fault = panel(kind="i-field-fault")
            with gr.Column(min_width=200, elem_classes="i-field"):
                self.ids = gr.Textbox(
                    label="Ids", placeholder="beside the file", max_lines=1,
                    info="a file or column with an id a row", max_length=_LONGEST,
                    elem_id="i-other-ids",
                )  # fmt: skip
                self.ids_fault = panel(kind="i-field-fault")

    def connect(self, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        now = [self.kind, self.words, self.here, self.opened]
        for event in (tab.select, self.kind.change, self.here.change):
            event(self.show, now, self.list, **QUIET)
        self.words.change(self.show, now, self.list, **QUIET, trigger_mode="always_last")
        leave = [self.context.use, self.context.tabs]
        self.list.act(self.on_act, now, [self.opened, self.list, *leave], **QUIET)
        if not self.changeable:
            return
        self.address.change(
            self.which_options, self.address, [self.model_options, self.file_options], **QUIET
        )
        given = [self.address, self.takes, self.pooling, self.layers, self.name, self.ids]
        faults = [self.fault, self.pooling_fault, self.layers_fault, self.name_fault,
                  self.ids_fault]  # fmt: skip
        result = [self.found, *faults, self.list, self.context.use]
        for event in (self.check.click, self.address.submit):
            event(self.look_up, [*given, *now], result, **WORK)
        self.found.act(self.on_act, now, [self.opened, self.list, *leave], **QUIET)

    def _infos(self, kind: str) -> list[EncoderInfo]:
        kinds = MODALITIES if kind == "all" else tuple(m for m in MODALITIES if m == kind)
        infos = {(info.modality, info.id): info
                 for each in kinds for info in self.services.encoders(each)}  # fmt: skip
        return list(infos.values())

    @told
    def show(self, kind: str, asked: str, here: bool, opened: str) -> Html:
        """The encoders that fit the filters."""
        infos = self._infos(str(kind))
        found = encoder_cards.matching(infos, str(asked or "")[:_LONGEST], bool(here))
        if not infos and kind == "features":
            return cards.empty(
                "No file of features was looked up yet.",
                "Vectors made elsewhere count as an encoder: give a .npy, .safetensors or "
                ".parquet file with ids below.",
            )
        on_disk = sum(info.available for info in found)
        count = f"{words.count(len(found), 'encoder')}, {on_disk} on this disk"
        if len(found) < len(infos):
            count += f"; {len(infos)} without the filters"
        line = tag("p.i-result-line", count, role="status")
        return tag("div", line, encoder_cards.table(found, str(opened or ""), self.changeable))

    def which_options(self, address: str) -> tuple[Any, Any]:
        """Pooling and layers of a model, or what is needed of a file of features."""
        base, _ = addresses.take_apart(str(address or ""))
        file = base.lower().endswith(_FILES)
        return gr.update(visible=not file), gr.update(visible=file)

    def look_up(
        self, address: str, takes: str, pooling: str, layers: str, name: str, ids: str,
        kind: str, asked: str, here: bool, opened: str,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Looks an encoder up; what is wrong is told at its field and nothing typed is lost."""
        require_changes(self.services.settings)
        base = str(address or "").strip()[:_LONGEST]
        quiet = (gr.skip(), gr.skip())
        if not base:
            missing = "Give a Hub id (owner/name), a folder, or a file of features."
            return "", cards.notice(missing, "bad"), "", "", "", "", *quiet
        file = addresses.take_apart(base)[0].lower().endswith(_FILES)
        options = {"name": name, "ids": ids} if file else {"pooling": pooling, "layers": layers}
        typed = {key: str(value or "").strip() for key, value in options.items()}
        full = addresses.changed(base, {key: text for key, text in typed.items() if text})
        modality = next((each for each in MODALITIES if each == takes), MODALITIES[0])
        try:
            info = self.services.check_encoder(full, modality)
        except IsthmusError as error:
            return "", *_at_fields(error), *quiet
        shown = tag("div.i-card", tag("h3", info.name), encoder_cards.detail(info, self.changeable))
        rows = self.show(kind, asked, here, opened)
        return shown, "", "", "", "", "", rows, f"\n{info.id}"

    @told
    def on_act(
        self, kind: str, asked: str, here: bool, opened: str, event: gr.EventData
    ) -> tuple[Any, ...]:
        """A row is opened or closed, or an encoder is used or forgotten."""
        act, arg = str(event.act), str(event.arg)
        if act in ("use-image", "use-text"):
            field = act.replace("use-", "") + "_encoder"
            return gr.skip(), gr.skip(), f"{field}\n{arg}", gr.Tabs(selected="new")
        if act == "forget":
            require_changes(self.services.settings)
            for info in self._infos("all"):
                if info.id == arg and info.added:
                    self.services.remove_encoder(arg, info.modality)
            return "", self.show(kind, asked, here, ""), gr.skip(), gr.skip()
        now = "" if arg == opened else arg
        return now, self.show(kind, asked, here, now), gr.skip(), gr.skip()


def _at_fields(error: IsthmusError) -> tuple[Html | str, ...]:
    """The fault at the field that caused it: pooling, layers, name, ids; all else at the address."""
    at: dict[str, Html | str] = dict.fromkeys(("address", *OPTIONS), "")
    rest = [str(error)]
    if isinstance(error, InvalidInput):
        for fault in error.faults:
            if fault.where in OPTIONS:
                at[fault.where] = cards.notice(fault.what, "bad")
        others = [f"- {fault}" for fault in error.faults if fault.where not in OPTIONS]
        rest = [error.summary, *others]
    at["address"] = cards.notice("\n".join(rest), "bad")
    return tuple(at.values())
