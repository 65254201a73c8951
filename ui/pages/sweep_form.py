"""The form of a sweep: a data set, encoder pairs, methods, numbers of training images, seeds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import gradio as gr
from pydantic import ValidationError

from backend.errors import Fault, InvalidInput, IsthmusError
from backend.schemas import Modality, RunRequest, SweepRequest
from backend.services import Services
from ui import addresses, cards, forms, sweep_cards, words
from ui.components import fields, panel
from ui.context import QUIET, WORK
from ui.guard import told
from ui.markup import Html, tag
from ui.pages.encoder_field import EncoderField
from ui.pages.run_form import NOT_FETCHED, about_dataset

#: the numbers of training images that are offered; None is all
SIZES: Final[tuple[int | None, ...]] = (100, 300, 1000, 3000, None)
#: what "Sweep this" compares: the bar of the closed forms, and what is worth training
_SENSIBLE: Final = (
    "ridge-cca", "csa", "linear-infonce", "mlp-infonce", "sail", "structure", "sotalign",
)  # fmt: skip
_SEEDS: Final = 5
#: of one sweep; more is a slip of the mouse
_MOST_PAIRS: Final = 12
Pair = tuple[str, str]


class SweepForm:
    """Lays the form out, reads it, and tells faults at their fields.

    Attributes:
        given: what a request is read from.
        told: where faults are told.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.methods = {method.id: method for method in services.methods()}
        self.modality = gr.State("image")
        self.pairs = gr.State([])
        datasets = services.datasets()
        self.dataset = gr.Dropdown(
            [(info.name, info.id) for info in datasets], value=datasets[0].id, label="Data set",
            allow_custom_value=True, elem_id="i-sweep-dataset",
        )  # fmt: skip
        self.about = panel(about_dataset(datasets[0]), kind="i-about")
        self.dataset_fault = panel(kind="i-field-fault")
        with gr.Row(elem_classes="i-options"):
            with gr.Column(min_width=200, elem_classes="i-field"):
                self.first = EncoderField(services, "image", "i-sweep", advanced=False)
            with gr.Column(min_width=200, elem_classes="i-field"):
                self.second = EncoderField(services, "text", "i-sweep", advanced=False)
        with gr.Row(elem_classes="i-pairs"):
            self.add = gr.Button("Add another pair", size="sm", elem_id="i-sweep-add")
            self.listed = panel(elem_id="i-sweep-pairs")
        self.pairs_fault = panel(kind="i-field-fault")
        self.needs = panel(elem_id="i-sweep-needs")
        start = forms.form("i-sweep", self._fields("image"), _values(self._some()))
        self.own = fields(start, elem_id="i-sweep-grid")
        pair = (self.first.infos("image")[0].id, self.second.infos("image")[0].id)
        _, count = self.show_count(datasets[0].id, *pair, [], start)
        self.count = panel(count, elem_id="i-sweep-count")
        self.error = panel(elem_id="i-sweep-error")
        self.given = [self.dataset, self.first.field, self.second.field, self.pairs, self.own]
        self.told = [self.error, self.dataset_fault, self.pairs_fault, self.own]

    def _some(self) -> list[str]:
        """The methods that are ticked at first; all where none of them is there."""
        return [each for each in _SENSIBLE if each in self.methods] or list(self.methods)

    def _fields(self, modality: Modality) -> list[dict[str, Any]]:
        sizes = [(sweep_cards.size_label(size), sweep_cards.size_id(size)) for size in SIZES]
        layers = [("choose layers by mutual kNN, in every run", "yes")]
        things = f"Training {words.ITEM_WORDS[modality]}s"
        methods = forms.method_groups(list(self.methods.values()), told=True)
        return [
            forms.field("methods", "Methods", "checks", groups=methods),
            forms.field("train_images", things, "checks", groups=[forms.group("", sizes)],
                        help="every method is fitted on so many, drawn by each seed"),
            forms.field("own", "Other numbers", "text", hint="50, 200",
                        help="with commas between"),
            forms.field("seeds", "Number of seeds", "int", hint=str(_SEEDS), minimum=1, maximum=20,
                        help="two or more give intervals of the mean"),
            forms.field("seed", "First seed", "int", hint="0", minimum=0,
                        help="the others count up from it"),
            forms.field("name", "Name", "text", hint="given by itself",
                        help="how it is called in the list"),
            forms.field("select_layers", "Layers", "checks", groups=[forms.group("", layers)]),
        ]  # fmt: skip

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        first, second = self.first, self.second
        pair = [first.field, second.field]
        self.dataset.change(
            self.check_dataset, [self.dataset, *pair, self.modality, self.own],
            [self.about, self.dataset_fault, self.modality, *pair, self.pairs, self.own], **WORK,
        )  # fmt: skip
        for encoder in (first, second):
            encoder.connect(self.modality)
        shown = [self.listed, self.count]
        latest: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
        # a state's own change is not noticed after events that were not queued
        for changed in (
            self.add.click(self.add_pair, [*pair, self.pairs], self.pairs, **QUIET),
            self.listed.act(self.remove_pair, [*pair, self.pairs], [*pair, self.pairs], **QUIET),
        ):
            changed.then(self.show_count, self.given, shown, **QUIET).then(
                self.show_needs, self.given, self.needs, **QUIET
            )
        looked_at = [first.about.change, second.about.change]
        gr.on([*looked_at, self.own.change], self.show_count, self.given, shown, **latest)
        gr.on(looked_at, self.show_needs, self.given, self.needs, **latest)

    # --- events ---------------------------------------------------------------------------------

    def check_dataset(
        self, given: str | None, first: str, second: str, modality: Modality, own: Any
    ) -> tuple[Any, ...]:
        """Tells what is in a data set; other items need other encoders, so the pairs are let go."""
        stay = (gr.skip(),) * 5
        given = str(given or "").strip()
        known = {info.id: info for info in self.services.datasets()}
        if given.startswith(addresses.HUB) and given not in known:
            return "", cards.notice(NOT_FETCHED, "warn"), *stay
        try:
            info = known[given] if given in known else self.services.check_dataset(given)
        except IsthmusError as error:
            return "", cards.notice(str(error), "bad"), *stay
        if info.modality == modality:
            return about_dataset(info), "", *stay
        form = forms.form("i-sweep", self._fields(info.modality), forms.typed(own))
        return (
            about_dataset(info), "", info.modality, self.first.offer(info.modality, first),
            self.second.offer(info.modality, second), [], form,
        )  # fmt: skip

    @told
    def add_pair(self, first: str, second: str, pairs: list[Pair]) -> list[Pair]:
        """Keeps the pair in the fields, so that another can be chosen."""
        return _distinct([*pairs, (str(first or ""), str(second or ""))])[:_MOST_PAIRS]

    def remove_pair(
        self, first: str, second: str, pairs: list[Pair], event: gr.EventData
    ) -> tuple[Any, Any, list[Pair]]:
        """Takes a pair out; the one in the fields gives way to one that is left."""
        gone = tuple(str(event.arg).split("\n"))
        left = [pair for pair in _distinct(pairs) if pair != gone]
        if gone != (first, second) or not left:
            return gr.skip(), gr.skip(), left
        return *left[-1], left

    def show_count(
        self, dataset: str, first: str, second: str, pairs: list[Pair], own: Any
    ) -> tuple[Html, Html]:
        """The pairs chosen so far, and how many runs this makes."""
        kept = _distinct(pairs)
        now = (str(first or "").strip(), str(second or "").strip())
        every = _distinct([*kept, now])
        chips = [_chip(pair, pair in kept) for pair in every] if kept else []
        listed = tag("div.i-row", chips) if chips else Html("")
        values = forms.typed(own)
        methods = len(forms.chosen(values, "methods", self.methods))
        sizes, wrong = _sizes(values)
        total = sweep_cards.training_items(self.services.datasets(), dataset)
        if total is not None:  # as many as there are, or more, are all of them
            sizes = list(dict.fromkeys(None if size and size >= total else size for size in sizes))
        runs = len(every) * methods * len(sizes)
        if not runs:
            missing = "a method" if not methods else "a number of training images"
            return listed, tag("p.i-soft", f"Choose {missing} to see how many runs that makes.")
        parts = [words.count(len(every), "encoder pair"), words.count(methods, "method"),
                 words.count(len(sizes), "number") + " of training items"]  # fmt: skip
        seeds = forms.text(values, "seeds") or str(_SEEDS)
        each = "one seed" if seeds == "1" else f"{seeds} seeds"
        also = f" “{wrong[0]}” is no number." if wrong else ""
        return listed, tag(
            "p", " × ".join(parts), " = ", tag("b", words.count(runs, "run")), f", each with {each}.",
            also, tag("span.i-soft", " The features of a pair are made once and shared."),
        )  # fmt: skip

    def show_needs(
        self, dataset: str, first: str, second: str, pairs: list[Pair], own: Any
    ) -> Html:
        """Which of the pairs ask more of this machine than it has."""
        chosen = forms.chosen(forms.typed(own), "methods", self.methods) or list(self.methods)
        said = []
        for pair in _distinct([*pairs, (str(first or ""), str(second or ""))])[:_MOST_PAIRS]:
            asked = RunRequest(dataset=str(dataset or ""), image_encoder=pair[0],
                               text_encoder=pair[1], method=chosen[0])  # fmt: skip
            try:
                needs = self.services.needs(asked)
            except IsthmusError:
                continue  # told at the field itself
            if needs.fits is False:
                said.append(f"- {sweep_cards.pair_label(pair)}: {needs.text}")
        if not said:
            return Html("")
        return cards.notice("\n".join(["Not all of it may fit here:", *said]), "warn")

    def take(self, run_id: str | None) -> tuple[Any, ...]:
        """Fills in a run's pair and data set: data efficiency of sensible methods, 5 seeds.

        Returns:
            Updates of data set, modality, both encoders, pairs and fields.
        """
        if not run_id:
            return (gr.skip(),) * 6
        detail = self.services.run(run_id)
        run, modality = detail.request, detail.summary.modality
        known = [(info.name, info.id) for info in self.services.datasets()]
        some = {*self._some(), run.method}
        values = _values([each for each in self.methods if each in some]) | {
            "name": f"Data efficiency of {detail.summary.name}"[:120],
            "select_layers": ["yes"] if run.select_layers else [],
        }
        return (
            gr.update(choices=known, value=run.dataset), modality,
            self.first.offer(modality, run.image_encoder) | {"value": run.image_encoder},
            self.second.offer(modality, run.text_encoder) | {"value": run.text_encoder},
            [], gr.update(value=forms.form("i-sweep", self._fields(modality), values), faults={}),
        )  # fmt: skip

    # --- reading it -----------------------------------------------------------------------------

    def request(
        self, dataset: str, first: str, second: str, pairs: list[Pair], own: Any
    ) -> SweepRequest:
        """The request as typed.

        Raises:
            InvalidInput: a number that is none, or nothing chosen; every fault with its field.
        """
        values = forms.typed(own)
        sizes, wrong = _sizes(values)
        faults = [Fault("own", f"“{text}” is no number of images.") for text in wrong]
        methods = forms.chosen(values, "methods", self.methods)
        if not methods:
            faults.append(Fault("methods", "Choose at least one."))
        if not sizes and not wrong:
            faults.append(Fault("train_images", "Choose at least one."))
        numbers = {"seed": "0", "seeds": str(_SEEDS)}
        for name, usual in numbers.items():
            numbers[name] = forms.text(values, name) or usual
        try:
            request = SweepRequest.model_validate(
                {
                    "dataset": str(dataset or "").strip(),
                    "pairs": _distinct([*pairs, (str(first or ""), str(second or ""))]),
                    "methods": methods or ["none"],
                    "train_images": sizes or [None],
                    "select_layers": bool(forms.chosen(values, "select_layers", ["yes"])),
                    "name": forms.text(values, "name") or None,
                    **numbers,
                }
            )
        except ValidationError as error:
            faults += [Fault(str(each["loc"][0]), each["msg"]) for each in error.errors()]
        if faults:
            raise InvalidInput("Correct the marked fields and launch again.", faults)
        return request

    def at_fields(self, error: IsthmusError | None) -> tuple[Any, ...]:
        """For :attr:`told`: the summary, and each fault at its field; None clears them."""
        at: dict[str, list[str]] = {}
        rest = []
        for fault in error.faults if isinstance(error, InvalidInput) else ():
            place = _place(fault.where, self.methods)
            if place:
                said = fault.what if place == fault.where else str(fault)
                at.setdefault(place, []).append(said)
            else:
                rest.append(f"- {fault}")
        summary = error.summary if isinstance(error, InvalidInput) else str(error or "")
        own = {
            name: " ".join(said) for name, said in at.items() if name not in ("dataset", "pairs")
        }
        above = [cards.notice("\n".join(at[name]), "bad") if name in at else ""
                 for name in ("dataset", "pairs")]  # fmt: skip
        text = cards.notice("\n".join([summary, *rest]), "bad") if error else ""
        return text, *above, gr.update(faults=own)


def _values(methods: Sequence[str]) -> dict[str, Any]:
    return {
        "methods": list(methods), "train_images": [sweep_cards.size_id(size) for size in SIZES],
        "own": "", "seeds": str(_SEEDS), "seed": "0", "name": "", "select_layers": [],
    }  # fmt: skip


def _sizes(values: dict[str, Any]) -> tuple[list[int | None], list[str]]:
    """The numbers of training images, fewest first and all last; and what is no number."""
    offered = [sweep_cards.size_id(size) for size in SIZES]
    ticked = forms.chosen(values, "train_images", offered)
    typed = [part for part in re.split(r"[,;\s]+", forms.text(values, "own")) if part]
    wrong = [part for part in typed if not (part.isascii() and part.isdigit() and int(part) > 1)]
    numbers = {int(each) for each in [*ticked, *typed] if each != "all" and each not in wrong}
    return [*sorted(numbers), *([None] if "all" in ticked else [])], wrong


def _place(where: str, methods: Any) -> str:
    """The field at which a fault is told; empty where there is none."""
    if where in ("dataset", "pairs", "methods", "train_images", "own", "seeds", "seed", "name",
                 "select_layers"):  # fmt: skip
        return where
    return "methods" if where.partition(".")[0] in methods else ""


def _distinct(pairs: Sequence[Sequence[str]]) -> list[Pair]:
    found = [(str(first).strip(), str(second).strip()) for first, second in pairs]
    return list(dict.fromkeys(pair for pair in found if all(pair)))


def _chip(pair: Pair, kept: bool) -> Html:
    if not kept:
        return tag("span.i-chip.now", sweep_cards.pair_label(pair), title="chosen above")
    return tag(
        "span.i-chip", sweep_cards.pair_label(pair),
        tag("button", "×", type="button", data_act="remove", data_arg="\n".join(pair),
            aria_label=f"Remove {sweep_cards.pair_label(pair)}"),
        title=" × ".join(pair),
    )  # fmt: skip
