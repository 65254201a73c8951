"""New run: choose what to align and how, launch, watch."""

from __future__ import annotations

from typing import Any

import gradio as gr
from pydantic import ValidationError

from backend.errors import Fault, InvalidInput, IsthmusError
from backend.schemas import (
    DatasetInfo,
    MethodInfo,
    MethodOption,
    Modality,
    RunRequest,
    Side,
)
from ui import addresses, cards, encoder_cards, run_cards, words
from ui.components import panel
from ui.context import QUIET, WORK, Context, version_of
from ui.guard import READONLY, may_change, require_changes, told
from ui.markup import Html, tag
from ui.pages.encoder_field import EncoderField

FIELDS = ("dataset", "image_encoder", "text_encoder", "method", "seed", "train_images", "name")


class NewRunPage:
    """Lays the form out; its methods answer the events."""

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.changeable = may_change(context.services.settings)
        self.mine = gr.BrowserState("", storage_key="isthmus-run", secret="isthmus")
        self.methods = {method.id: method for method in self.services.methods()}
        self.modality = gr.State("image")  # of the chosen data set's items
        self.encoders: dict[Side, EncoderField] = {}
        self.fields: dict[str, gr.Dropdown | gr.Textbox] = {}
        self.faults: dict[str, gr.HTML] = {}
        self.options: dict[tuple[str, str], gr.components.Component] = {}
        self.groups: dict[str, gr.Column] = {}
        with gr.Row(elem_classes="i-form-row", equal_height=False):
            with gr.Column(scale=6, min_width=320, elem_classes="i-form"):
                if self.changeable:
                    self._form()
                else:
                    panel(cards.notice(READONLY))
            with gr.Column(scale=4, min_width=320, elem_classes="i-launch"):
                self.activity = panel(elem_id="i-activity")
                self.error = panel(elem_id="i-launch-error")
                self.go = gr.Button(
                    "Launch", variant="primary", visible=self.changeable, elem_id="i-launch-button"
                )

    def _form(self) -> None:
        services = self.services
        datasets = services.datasets()
        self._heading("What to align")
        self.about_dataset = self._choice(
            "dataset", "Data set", [(info.name, info.id) for info in datasets],
            "a built-in one, one of Encoders & data, or the address of another",
            _about_dataset(datasets[0]),
        )  # fmt: skip
        sides: tuple[Side, Side] = ("image", "text")
        for side in sides:
            self.encoders[side] = EncoderField(services, side)
            self.fields[f"{side}_encoder"] = self.encoders[side].field
            self.faults[f"{side}_encoder"] = self.encoders[side].fault
        self._heading("How")
        first = next(iter(self.methods.values()))
        self.fields["method"] = gr.Dropdown(
            [(method.name, method.id) for method in self.methods.values()], value=first.id,
            label="Method", elem_id="i-field-method", filterable=False,
        )  # fmt: skip
        self.about_method = panel(_about_method(first), kind="i-about")
        self._fault("method")
        for method in self.methods.values():
            with gr.Row(visible=method is first, elem_classes="i-options") as group:
                for option in method.options:
                    with gr.Column(min_width=200, elem_classes="i-field"):
                        self.options[method.id, option.name] = _option(method.id, option)
                        self._fault(f"{method.id}.{option.name}")
            self.groups[method.id] = group
        self._heading("This run")
        with gr.Row(elem_classes="i-options"):
            self._small("seed", "Seed", "0", "the same seed gives the same run")
            self._small("train_images", "Training images", "", "use only so many", "all")
        self._small("name", "Name", "", "how the run is called in lists", "given by itself")

    def _heading(self, text: str) -> None:
        panel(tag("h2.i-form-heading", text))

    def _fault(self, name: str) -> None:
        self.faults[name] = panel(kind="i-field-fault")

    def _choice(
        self, name: str, label: str, choices: list[tuple[str, str]], info: str, about: Html
    ) -> gr.HTML:
        self.fields[name] = gr.Dropdown(
            choices, value=choices[0][1], label=label, info=info, allow_custom_value=True,
            elem_id=f"i-field-{name.replace('_', '-')}",
        )  # fmt: skip
        described = panel(about, kind="i-about")
        self._fault(name)
        return described

    def _small(self, name: str, label: str, value: str, info: str, hint: str = "") -> None:
        with gr.Column(min_width=200, elem_classes="i-field"):
            self.fields[name] = gr.Textbox(
                value, label=label, info=info, placeholder=hint, max_lines=1, max_length=120,
                elem_id=f"i-field-{name.replace('_', '-')}",
            )  # fmt: skip
            self._fault(name)

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        shown = [self.activity, self.go]
        for event in (context.version.change, self.mine.change):
            event(self.show, self.mine, shown, **QUIET)
        self.activity.act(
            self.on_act, None, [context.version, context.run, context.opened, context.tabs], **QUIET
        )
        if not self.changeable:
            return
        first, second = self.encoders["image"], self.encoders["text"]
        chosen = [self.fields["dataset"], first.field, second.field]
        follows = [self.about_dataset, self.faults["dataset"], self.modality, first.field,
                   second.field, self.fields["train_images"]]  # fmt: skip
        self.fields["dataset"].change(self.check_dataset, [*chosen, self.modality], follows, **WORK)
        for encoder in self.encoders.values():
            encoder.connect(self.modality)
        # the change of the field that was filled in does the rest
        filled = [context.use, *chosen]
        context.use.change(self.fill, [context.use, self.modality], filled, **QUIET)
        method = self.fields["method"]
        method.change(
            self.choose_method, method, [self.about_method, *self.groups.values()], **QUIET
        )
        given = [*(self.fields[name] for name in FIELDS), *self.options.values()]
        told_at = [self.error, *self.faults.values()]
        self.go.click(self.launch, given, [context.version, self.mine, *told_at], **WORK)

    def check_dataset(
        self, given: str | None, image_encoder: str, text_encoder: str, modality: Modality
    ) -> tuple[Any, ...]:
        """Reads a data set and tells what is in it, or everything that is wrong with it.

        What its items are decides which encoders there are to choose from.
        """
        given = str(given or "").strip()
        known = {info.id: info for info in self.services.datasets()}
        if given.startswith(addresses.HUB) and given not in known:
            text = (
                "This data set was not fetched yet. Add it on Encoders & data, where you see how "
                "far it is; or launch, and the run begins once it is here."
            )
            return "", cards.notice(text, "warn"), *(gr.skip(),) * 4
        try:
            info = known[given] if given in known else self.services.check_dataset(given)
        except IsthmusError as error:
            return "", cards.notice(str(error), "bad"), *(gr.skip(),) * 4
        if info.modality == modality:
            return _about_dataset(info), "", *(gr.skip(),) * 4
        return (
            _about_dataset(info),
            "",
            info.modality,
            self.encoders["image"].offer(info.modality, image_encoder),
            self.encoders["text"].offer(info.modality, text_encoder),
            gr.update(label=f"Training {words.ITEM_WORDS[info.modality]}s"),
        )

    def fill(self, use: str | None, modality: Modality) -> tuple[Any, ...]:
        """Takes over what Encoders & data sent, and lets it be sent again.

        Without a field's name only the lists are made anew, with what was added since.
        """
        if not use:
            return (gr.skip(),) * 4
        field, _, value = use.partition("\n")
        lists = {
            "dataset": [(info.name, info.id) for info in self.services.datasets()],
            **{
                f"{side}_encoder": [encoder_cards.choice(info) for info in each.infos(modality)]
                for side, each in self.encoders.items()
            },
        }
        return "", *(
            gr.update(choices=choices, value=value) if name == field else gr.update(choices=choices)
            for name, choices in lists.items()
        )

    def choose_method(self, chosen: str) -> tuple[Any, ...]:
        """Shows the chosen method's own options."""
        method = self.methods.get(str(chosen))
        about = _about_method(method) if method else ""
        return about, *(gr.update(visible=name == chosen) for name in self.methods)

    def show(self, mine: str | None) -> tuple[Html, Any]:
        """Live runs with their progress; else how the run launched from this browser ended."""
        worker = self.services.worker()
        runs = self.services.runs()
        live = [run for run in runs if run.live]
        own = next((run for run in runs if run.id == mine and not run.live), None)
        parts = [run_cards.progress(run, worker, self.changeable) for run in reversed(live)]
        if own is not None:
            parts.append(run_cards.outcome(own, self.changeable))
        if not worker.alive:
            parts.insert(0, cards.notice(worker.message, "warn"))
        if not parts:
            text = "Nothing is running. Launch makes features, trains, evaluates and draws the map."
            parts.append(tag("p.i-soft", text))
        label = "Queue this one too" if live else "Launch"
        return tag("div.i-activity", parts), gr.update(value=label)

    @told
    def on_act(self, event: gr.EventData) -> tuple[Any, ...]:
        """A button of a progress card."""
        act, run = str(event.act), str(event.arg)
        stay = gr.skip()
        if act == "explore":
            return stay, run, stay, gr.Tabs(selected="explore")
        if act == "open":
            return stay, stay, run, gr.Tabs(selected="runs")
        require_changes(self.services.settings)
        if act == "stop":
            self.services.cancel(run)
        elif act == "resume":
            self.services.resume(run)
        return version_of(self.services), stay, stay, stay

    def launch(self, *given: Any) -> tuple[Any, ...]:
        """Launches the run; faults are told at their fields and nothing that was typed is lost."""
        require_changes(self.services.settings)
        clear = dict.fromkeys(self.faults, "")
        try:
            run = self.services.launch(self._request(given))
        except InvalidInput as error:
            return gr.skip(), gr.skip(), *self._told(error, str(given[3]), clear)
        except IsthmusError as error:
            return gr.skip(), gr.skip(), cards.notice(str(error), "bad"), *clear.values()
        return version_of(self.services), run.id, "", *clear.values()

    def _request(self, given: tuple[Any, ...]) -> RunRequest:
        """The request as typed.

        Raises:
            InvalidInput: a number out of its range.
        """
        values = dict(zip(FIELDS, given[: len(FIELDS)], strict=True))
        chosen = str(values["method"])
        options = {
            name: value
            for (method, name), value in zip(self.options, given[len(FIELDS) :], strict=True)
            if method == chosen and value is not None
        }
        text = {name: str(values[name] or "").strip() for name in FIELDS[:4]}
        try:
            return RunRequest(
                **text, options=options, seed=_typed(values["seed"]) or 0,
                train_images=_typed(values["train_images"]),
                name=_typed(values["name"]),
            )  # fmt: skip
        except ValidationError as error:
            faults = [Fault(str(each["loc"][0]), each["msg"]) for each in error.errors()]
            raise InvalidInput("Correct the marked fields and launch again.", faults) from error

    def _told(self, error: InvalidInput, method: str, clear: dict[str, str]) -> list[Any]:
        """The summary and each fault at its field; a fault without a field joins the summary."""
        at, rest = dict(clear), []
        for fault in error.faults:
            where = fault.where.removeprefix("options.")
            name = where if where in at else f"{method}.{where}"
            if name in at:
                text = cards.notice(fault.what, "bad")
                at[name] = text
            else:
                rest.append(f"- {fault}")
        return [cards.notice("\n".join([error.summary, *rest]), "bad"), *at.values()]


def _typed(value: Any) -> str | None:
    """What was typed; None for nothing. Pydantic makes the number of it."""
    return str(value or "").strip() or None


def _option(method: str, option: MethodOption) -> gr.components.Component:
    common: dict[str, Any] = {
        "label": option.label,
        "info": option.help,
        "elem_id": f"i-option-{method}-{option.name}".replace("_", "-"),
    }
    if option.kind == "choice":
        return gr.Dropdown(
            list(option.choices), value=str(option.default), filterable=False, **common
        )
    whole = option.kind == "int"
    return gr.Number(
        float(option.default), precision=0 if whole else None, step=1 if whole else 0.0001, **common
    )


def _about_dataset(info: DatasetInfo) -> Html:
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


def _about_method(info: MethodInfo) -> Html:
    kind = "trained step by step" if info.trained else "closed form: done in one go"
    return tag("div", tag("p", info.summary), tag("p", f"{kind} · {info.paper}"))
