"""Adding a data set: the fields that its layout needs, and a zip uploaded instead."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from backend.errors import Fault, InvalidInput, IsthmusError
from backend.services import Services
from backend.settings import Settings
from ui import addresses, cards
from ui.components import panel
from ui.context import QUIET
from ui.markup import Html, tag

#: layout -> name of the choice, label and hint of the field that says where it is
LAYOUTS: Final[dict[str, tuple[str, str, str]]] = {
    "captions": (
        "Folder with a captions file", "Folder or captions file",
        "/path/of/a/folder, or captions.json, .jsonl, .csv, .parquet",
    ),
    "karpathy": ("Karpathy JSON", "JSON file", "/path/of/dataset_coco.json"),
    "classes": ("Folders of classes", "Folder", "/path/of/a/folder with a folder for each class"),
    "labels": ("Labels in a file", "Folder or labels.json", "/path/of/a/folder with a labels.json"),
    "webdataset": ("Webdataset shards", "Shards", "/path/of/train-{000..009}.tar, or their folder"),
    "hub": ("Hugging Face data set", "Id on the Hub", "owner/name"),
}  # fmt: skip
_LONGEST: Final = 1000
#: fields besides the place, in the order the handlers are given them, and the layouts that need them
NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "images": ("captions", "karpathy", "labels"),
    "template": ("classes", "labels"),
    "config": ("hub",),
    "split": ("hub",),
    "kind": ("captions", "hub"),
    "item": ("captions", "hub"),
    "caption": ("captions", "hub"),
    "id": ("captions", "hub"),
    "limit": ("hub",),
}
_KINDS: Final = (
    ("images", "image"), ("recordings", "audio"), ("texts", "text"), ("programs", "code")
)  # fmt: skip
#: name -> label, hint in the empty field, what it means
_WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "images": ("Folder of the files", "beside the captions file", "where the items lie"),
    "config": ("Configuration", "the only one", "also called subset"),
    "split": ("Split", "all of them", "one, or some: train,test"),
    "item": ("Column of the items", "image", "as the file calls it"),
    "caption": ("Column of the captions", "caption", "text, or a list of texts"),
    "id": ("Column of the ids", "the row's number", "what the items are called"),
    "limit": ("At most", "all", "items of each split"),
}


class DatasetForm:
    """Lays the form out; its methods make an address of what was typed, and tell faults."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.fields: dict[str, gr.Dropdown | gr.Textbox] = {}
        self.faults: dict[str, gr.HTML] = {}
        self.boxes: dict[str, gr.Column] = {}
        with gr.Accordion("Add a data set", open=False, elem_classes="i-fold", elem_id="i-add"):
            self.layout = gr.Radio(
                [(name, key) for key, (name, _, _) in LAYOUTS.items()], value="captions",
                label="What it is", elem_id="i-add-layout",
            )  # fmt: skip
            _, label, hint = LAYOUTS["captions"]
            self.path = gr.Textbox(
                label=label, placeholder=hint, max_lines=1, max_length=_LONGEST,
                elem_id="i-add-path",
            )  # fmt: skip
            self.faults["path"] = panel(kind="i-field-fault")
            with gr.Row(elem_classes="i-options"):
                for name in NEEDED:
                    self._field(name)
            self.shown = panel(elem_id="i-add-address")
            self.go = gr.Button("Check and add", variant="primary", elem_id="i-add-go")
            self._zip(services.settings)

    def _field(self, name: str) -> None:
        visible = "captions" in NEEDED[name]
        with gr.Column(min_width=150, elem_classes="i-field", visible=visible) as box:
            elem_id = f"i-add-{name}"
            if name == "kind":
                self.fields[name] = gr.Dropdown(
                    list(_KINDS), value="image", label="The items are", filterable=False,
                    info="what is encoded", elem_id=elem_id,
                )  # fmt: skip
            elif name == "template":
                self.fields[name] = gr.Textbox(
                    label="Prompt templates", value="a photo of a {}.", lines=2, max_lines=8,
                    info="one a line; each {} becomes the class", max_length=_LONGEST,
                    elem_id=elem_id,
                )  # fmt: skip
            else:
                label, hint, info = _WORDS[name]
                self.fields[name] = gr.Textbox(
                    label=label, placeholder=hint, info=info, max_lines=1, max_length=200,
                    elem_id=elem_id,
                )  # fmt: skip
            self.faults[name] = panel(kind="i-field-fault")
        self.boxes[name] = box

    def _zip(self, settings: Settings) -> None:
        with gr.Row(elem_classes="i-zip"):
            self.upload = gr.UploadButton(
                "Upload a zip…", file_types=[".zip"], size="sm", scale=0, min_width=140,
                elem_id="i-add-zip",
            )  # fmt: skip
            panel(tag("p.i-soft", limits(settings)))
        self.upload_fault = panel(kind="i-field-fault", elem_id="i-zip-fault")

    @property
    def given(self) -> list[gr.Radio | gr.Dropdown | gr.Textbox]:
        """What the handlers are given: layout, place, and every other field."""
        return [self.layout, self.path, *self.fields.values()]

    def connect(self) -> None:
        """Wires the events of the form itself."""
        boxes = [self.path, self.fields["template"], *self.boxes.values()]
        self.layout.change(self.choose, self.layout, boxes, **QUIET)
        for field in self.given:
            field.change(self.tell, self.given, self.shown, **QUIET, trigger_mode="always_last")

    def choose(self, layout: str) -> tuple[Any, ...]:
        """Shows the fields that a layout needs; what was typed stays."""
        _, label, hint = LAYOUTS.get(str(layout), LAYOUTS["captions"])
        return (
            gr.update(label=label, placeholder=hint),
            gr.skip(),
            *(gr.update(visible=layout in layouts) for layouts in NEEDED.values()),
        )

    def tell(self, *given: Any) -> Html | str:
        """The address that the fields make, as a command or another form takes it."""
        try:
            address = self.address(*given)
        except InvalidInput:
            return ""
        return tag("div.i-command", tag("code", address))

    def address(self, *given: Any) -> str:
        """The address that the fields make.

        Raises:
            InvalidInput: there is no place yet.
        """
        layout = str(given[0]) if given[0] in LAYOUTS else "captions"
        place = str(given[1] or "").strip()[:_LONGEST]
        if not place:
            what = LAYOUTS[layout][1].lower()
            raise InvalidInput("The data set was not added.", [Fault("path", f"Give the {what}.")])
        values = {
            name: str(value or "").strip()[:_LONGEST]
            for name, value in zip(NEEDED, given[2:], strict=True)
            if layout in NEEDED[name]
        }
        kind = values.pop("kind", "image")
        item = values.pop("item", "")
        template = [line for line in values.pop("template", "").splitlines() if line.strip()]
        if layout == "hub" and not place.startswith(addresses.HUB):
            place = addresses.HUB + place
        asked = layout if layout in ("karpathy", "classes", "labels", "webdataset") else ""
        columns = {kind: item} if kind in dict((v, k) for k, v in _KINDS) else {}
        return addresses.compose(
            place, {"layout": asked, "template": template, **columns, **values}
        )

    def at_fields(self, error: IsthmusError) -> tuple[Html | str, ...]:
        """Each fault at the field that caused it; all else, with the summary, at the place."""
        at: dict[str, Html | str] = dict.fromkeys(self.faults, "")
        rest = [str(error)]
        if isinstance(error, InvalidInput):
            rest = [error.summary]
            for fault in error.faults:
                name = "item" if fault.where in dict((v, k) for k, v in _KINDS) else fault.where
                if name in at and name != "path":
                    at[name] = cards.notice(fault.what, "bad")
                else:
                    rest.append(f"- {fault.what if name == 'path' else fault}")
        at["path"] = cards.notice("\n".join(rest), "bad")
        return tuple(at.values())


def limits(settings: Settings) -> str:
    """What an uploaded archive may be, in words."""
    pixels = settings.max_image_pixels // 1_000_000
    return (
        f"A folder of items with a captions file: at most {settings.max_upload_mb:,} MB, unpacked "
        f"{settings.max_archive_mb:,} MB, {settings.max_archive_items:,} files, and {pixels:,} "
        "million pixels a picture. Pictures are drawn anew, without their EXIF."
    )
