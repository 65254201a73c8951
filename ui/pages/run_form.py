"""The form of New run: what to align and how, read as a request, faults told at their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from pydantic import ValidationError

from backend.errors import Fault, InvalidInput, IsthmusError
from backend.schemas import DatasetInfo, Modality, RunRequest, Side
from backend.services import Services
from ui import addresses, cards, encoder_cards, recipes, words
from ui.components import panel
from ui.context import QUIET, WORK
from ui.guard import told
from ui.markup import Html, tag
from ui.pages.encoder_field import EncoderField
from ui.pages.method_field import MethodField

_SIDES: tuple[Side, Side] = ("image", "text")


class RunForm:
    """Lays the fields out and reads them.

    Attributes:
        fields: by the name of what they fill in of a request.
        faults: what is wrong with a field, below it.
        method: the method and its options, which tell their faults themselves.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.modality = gr.State("image")  # of the chosen data set's items
        self.encoders: dict[Side, EncoderField] = {}
        self.fields: dict[str, gr.components.Component] = {}
        self.faults: dict[str, gr.HTML] = {}
        with gr.Row(elem_classes="i-form-top"):
            heading("What to align")
            self.recipe = gr.UploadButton(
                "Fill in from a run's JSON…", file_types=[".json"], size="sm", scale=0, min_width=210,
                elem_id="i-recipe",
            )  # fmt: skip
        datasets = services.datasets()
        self.fields["dataset"] = gr.Dropdown(
            [(info.name, info.id) for info in datasets], value=datasets[0].id, label="Data set",
            info="a built-in one, one of Encoders & data, or the address of another",
            allow_custom_value=True, elem_id="i-field-dataset",
        )  # fmt: skip
        self.about_dataset = panel(about_dataset(datasets[0]), kind="i-about")
        self._fault("dataset")
        for side in _SIDES:
            self.encoders[side] = EncoderField(services, side)
            self.fields[f"{side}_encoder"] = self.encoders[side].field
            self.faults[f"{side}_encoder"] = self.encoders[side].fault
        self.needs = panel(elem_id="i-needs")
        self._choosing()
        heading("How")
        self.method = MethodField(services.methods())
        self._fault("method")
        heading("This run")
        with gr.Row(elem_classes="i-options"):
            self._small("seed", "Seed", "0", "the same seed gives the same run")
            self._small("seeds", "Number of seeds", "1", "several give mean and 95 % interval")
            self._small("train_images", "Training images", "", "use only so many", "all")
            self._small("name", "Name", "", "how the run is called in lists", "given by itself")
        self.given = [*self.fields.values(), self.method.field, self.method.options]
        self.told = [*self.faults.values(), self.method.options]

    def _choosing(self) -> None:
        """What the run may choose by itself."""
        with gr.Accordion(
            "Let the run choose layers or encoders", open=False, elem_classes="i-fold small",
            elem_id="i-choosing",
        ):  # fmt: skip
            self.fields["select_layers"] = gr.Checkbox(
                False, label="Choose layers by mutual kNN", elem_id="i-field-select-layers",
                info="of all pairs of layers, the one whose neighbourhoods agree most on training "
                "pairs; each encoder is then asked for all of its layers, in one pass",
            )  # fmt: skip
            self._fault("select_layers")
            for side in _SIDES:
                name = f"{side}_candidates"
                infos = self.encoders[side].infos("image")
                self.fields[name] = gr.Dropdown(
                    [encoder_cards.choice(info) for info in infos], value=[], multiselect=True,
                    label=_candidates_label(side, "image"), allow_custom_value=True,
                    info="CKA on training pairs chooses among these and the one above",
                    elem_id=f"i-field-{side}-candidates",
                )  # fmt: skip
                self._fault(name)

    def _fault(self, name: str) -> None:
        self.faults[name] = panel(kind="i-field-fault")

    def _small(self, name: str, label: str, value: str, info: str, hint: str = "") -> None:
        with gr.Column(min_width=200, elem_classes="i-field"):
            self.fields[name] = gr.Textbox(
                value, label=label, info=info, placeholder=hint, max_lines=1, max_length=120,
                elem_id=f"i-field-{name.replace('_', '-')}",
            )  # fmt: skip
            self._fault(name)

    def connect(self, tab: gr.Tab, use: gr.Textbox) -> None:
        """Wires the events, once all pages are laid out."""
        first, second = self.encoders["image"], self.encoders["text"]
        candidates = [self.fields[f"{side}_candidates"] for side in _SIDES]
        chosen = [self.fields["dataset"], first.field, second.field]
        follows = [self.about_dataset, self.faults["dataset"], self.modality, first.field,
                   second.field, *candidates, self.fields["train_images"]]  # fmt: skip
        self.fields["dataset"].change(  # type: ignore[attr-defined]
            self.check_dataset, [*chosen, self.modality], follows, **WORK
        )
        for encoder in self.encoders.values():
            encoder.connect(self.modality)
        self.method.connect()
        asked = [*chosen, self.method.field, self.method.options]
        # what stands below the fields changes once they have been looked at
        looked_at = [tab.select, self.about_dataset.change, first.about.change,
                     second.about.change, self.method.options.change]  # fmt: skip
        gr.on(
            looked_at, self.show_needs, asked, self.needs, **QUIET, trigger_mode="always_last"
        )  # fmt: skip
        # the change of the field that was filled in does the rest
        filled = [use, *chosen, *candidates]
        use.change(self.fill, [use, self.modality], filled, **QUIET)
        all_of_it = [*self.given, self.method.about]
        use.change(self.fill_in, [use, self.method.options], [use, *all_of_it], **QUIET)
        self.recipe.upload(self.fill_from, [self.recipe, self.method.options], all_of_it, **QUIET)

    def check_dataset(
        self, given: str | None, image_encoder: str, text_encoder: str, modality: Modality
    ) -> tuple[Any, ...]:
        """Reads a data set and tells what is in it, or everything that is wrong with it.

        What its items are decides which encoders there are to choose from.
        """
        given = str(given or "").strip()
        known = {info.id: info for info in self.services.datasets()}
        if given.startswith(addresses.HUB) and given not in known:
            return "", cards.notice(NOT_FETCHED, "warn"), *(gr.skip(),) * 6
        try:
            info = known[given] if given in known else self.services.check_dataset(given)
        except IsthmusError as error:
            return "", cards.notice(str(error), "bad"), *(gr.skip(),) * 6
        if info.modality == modality:
            return about_dataset(info), "", *(gr.skip(),) * 6
        offers = [
            self.encoders["image"].offer(info.modality, image_encoder),
            self.encoders["text"].offer(info.modality, text_encoder),
        ]
        others = [
            gr.update(choices=offer["choices"], value=[], label=_candidates_label(side, info.modality))
            for side, offer in zip(_SIDES, offers, strict=True)
        ]  # fmt: skip
        return (
            about_dataset(info), "", info.modality, *offers, *others,
            gr.update(label=f"Training {words.ITEM_WORDS[info.modality]}s"),
        )  # fmt: skip

    def show_needs(self, dataset: str, first: str, second: str, method: Any, options: Any) -> Html:
        """What the pair asks of this machine, before it is launched; a warning where it is too much."""
        chosen, own = self.method.given(method, options)
        try:
            needs = self.services.needs(
                RunRequest(
                    dataset=str(dataset or ""),
                    image_encoder=str(first or ""),
                    text_encoder=str(second or ""),
                    method=chosen,
                    options=own,
                )  # fmt: skip
            )
        except (IsthmusError, ValidationError):
            return Html("")  # told at the field itself
        if not needs.text:
            return Html("")
        return cards.notice(needs.text, "warn" if needs.fits is False else "soft")

    def fill(self, use: str | None, modality: Modality) -> tuple[Any, ...]:
        """Takes over what Encoders & data sent, and lets it be sent again.

        Without a field's name only the lists are made anew, with what was added since.
        """
        if not use or use.startswith("request\n"):
            return (gr.skip(),) * 6
        field, _, value = use.partition("\n")
        offers = {
            f"{side}_encoder": [encoder_cards.choice(info) for info in each.infos(modality)]
            for side, each in self.encoders.items()
        }
        lists = {"dataset": [(info.name, info.id) for info in self.services.datasets()], **offers}
        return (
            "",
            *(gr.update(choices=choices, value=value) if name == field
              else gr.update(choices=choices) for name, choices in lists.items()),
            *(gr.update(choices=choices) for choices in offers.values()),
        )  # fmt: skip

    def fill_in(self, use: str, options: Any) -> tuple[Any, ...]:
        """Takes over the whole request of another run, and lets it be sent again."""
        kind, _, written = use.partition("\n")
        if kind != "request":
            return (gr.skip(),) * (len(self.given) + 2)
        return "", *self._filled(recipes.read(written), options)

    @told
    def fill_from(self, path: str | None, options: Any) -> list[Any]:
        """Takes over the request in a file that Gradio has taken in."""
        if not path:
            raise InvalidInput("No file has arrived; choose it once more.")
        text = Path(path).read_text("utf-8", errors="replace")
        return self._filled(recipes.read(text), options)

    def _filled(self, request: RunRequest, options: Any) -> list[Any]:
        """Updates of :attr:`given` and of what is said of the method."""
        values: dict[str, Any] = request.model_dump(mode="json")
        typed = [
            values[name] if isinstance(values[name], bool | list | str) else str(values[name] or "")
            for name in self.fields
        ]
        method, own, about = self.method.filled(request.method, request.options, options)
        return [*typed, method, own, about]

    # --- reading it -----------------------------------------------------------------------------

    def request(self, given: Sequence[Any]) -> RunRequest:
        """The request as typed.

        Args:
            given: the values of :attr:`given`.

        Raises:
            InvalidInput: a number out of its range.
        """
        values = dict(zip(self.fields, given[: len(self.fields)], strict=True))
        method, options = self.method.given(*given[len(self.fields) :])
        pair = {
            name: str(values[name] or "").strip()
            for name in ("dataset", "image_encoder", "text_encoder")
        }
        try:
            return RunRequest.model_validate(
                pair
                | {f"{side}_candidates": _several(values[f"{side}_candidates"]) for side in _SIDES}
                | {
                    "method": method,
                    "options": options,
                    "seed": _typed(values["seed"]) or 0,
                    "seeds": _typed(values["seeds"]) or 1,
                    "train_images": _typed(values["train_images"]),
                    "select_layers": bool(values["select_layers"]),
                    "name": _typed(values["name"]),
                }
            )
        except ValidationError as error:
            faults = [Fault(str(each["loc"][0]), each["msg"]) for each in error.errors()]
            raise InvalidInput("Correct the marked fields and launch again.", faults) from error

    def at_fields(self, error: InvalidInput | None, options: Any) -> tuple[str, list[Any]]:
        """What cannot be told at a field, and for :attr:`told` each fault at its own.

        Args:
            error: None clears them all.
            options: what the fields of the method's options hold.
        """
        at: dict[str, str] = dict.fromkeys(self.faults, "")
        own: dict[str, str] = {}
        rest = []
        names = _option_names(options)
        for fault in error.faults if error else ():
            name = fault.where.removeprefix("options.")
            if name in at:
                at[name] = cards.notice(fault.what, "bad")
            elif name in names:
                own[name] = fault.what
            else:
                rest.append(f"- {fault}")
        text = "\n".join([error.summary, *rest]) if error else ""
        return text, [*at.values(), gr.update(faults=own)]


def heading(text: str) -> None:
    """A line above a part of a form."""
    panel(tag("h2.i-form-heading", text))


NOT_FETCHED = (
    "This data set was not fetched yet. Add it on Encoders & data, where you see how far it is; "
    "or launch, and the run begins once it is here."
)


def about_dataset(info: DatasetInfo) -> Html:
    """What stands below the field that picks a data set."""
    thing = words.ITEM_WORDS[info.modality]
    splits = " · ".join(
        f"{words.METRIC_WORDS.get(name, name)} {words.count(split.images, thing)}, "
        f"{words.count(split.captions, 'caption')}"
        for name, split in info.splits.items()
    )
    aside = None
    if info.set_aside:
        aside = tag(
            "details", tag("summary", words.count(len(info.set_aside), "part") + " set aside"),
            tag("ul", [tag("li", text) for text in info.set_aside]),
        )  # fmt: skip
    notes = [tag("p", note) for note in info.notes]
    return tag(
        "div", tag("p", info.description), tag("p", splits) if splits else None, notes, aside
    )


def _candidates_label(side: Side, modality: Modality) -> str:
    return f"{words.encoder_label(side, modality)}: let CKA choose among"


def _several(value: Any) -> list[str]:
    """What was picked or typed into a list of several."""
    given = value if isinstance(value, list) else []
    return list(dict.fromkeys(str(each).strip() for each in given if str(each).strip()))


def _typed(value: Any) -> str | None:
    """What was typed; None for nothing. Pydantic makes the number of it."""
    return str(value or "").strip() or None


def _option_names(options: Any) -> set[str]:
    values = options.get("values") if isinstance(options, Mapping) else None
    return set(values) if isinstance(values, Mapping) else set()
