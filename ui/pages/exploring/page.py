"""Explore: search a run's gallery by words, pictures, items, regions, vectors, and mixtures of these."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from ui import words
from ui.components import panel, search_bar, search_results
from ui.context import QUIET, RAW, WORK, Context, finished, modality_of, picker
from ui.pages.exploring.answering import Answering
from ui.pages.exploring.asked import Asked
from ui.pages.exploring.asking import LONGEST_QUERY, Asking, shown
from ui.pages.exploring.filters import Filters
from ui.pages.exploring.more_ways import MoreWays
from ui.pages.exploring.saying import Saying

#: one after the other, so that what was asked last is what is shown
_IN_ORDER: Final[dict[str, Any]] = {
    **WORK,
    "concurrency_id": "explore",
    "concurrency_limit": 1,
}


class ExplorePage(Asking):
    """Lays the page out and wires its events."""

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.answering = Answering(context.services)
        self.asked = gr.State(Asked())
        self.filters = Filters(context.services)
        self.saying = Saying(context.services, self.answering)
        with gr.Row(elem_classes="i-toolbar"):
            self.run = gr.Dropdown([], label="Run", elem_id="i-explore-run", scale=3)
            self.target = gr.Radio(
                [("Images", "image"), ("Captions", "text"), ("Both", "both")], value="image",
                label="Search among", scale=0, min_width=330, elem_id="i-explore-target",
            )  # fmt: skip
            self.filters.lay_out()
        with gr.Row(elem_classes="i-searchbar", equal_height=True):
            self.bar = search_bar(LONGEST_QUERY, elem_id="i-query", scale=8)
            self.upload = gr.UploadButton(
                "By picture…", file_types=["image"], scale=0, min_width=130, size="lg",
                elem_id="i-upload",
            )  # fmt: skip
        self.reader = gr.Radio(
            [("a caption", "text"), ("a text", "image")], value="text", visible=False,
            label="Read the words as", elem_id="i-explore-reader", elem_classes="i-inline",
        )  # fmt: skip
        with gr.Row(elem_classes="i-tools"):
            self.filters.lay_out_hiding()
            self.more = MoreWays()
            self.saying.lay_out_button()
        self.offer = panel(elem_id="i-offer")
        self.saying.lay_out()
        self.results = search_results(elem_id="i-results")

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        order = {**_IN_ORDER, "show_progress_on": self.results}
        context, filters, more = self.context, self.filters, self.more
        now = [self.bar, context.run, self.asked]
        out = [self.asked, self.results, self.bar, context.asked]
        fields = [self.target, *filters.fields]

        self.bar.typed(self.typed, [*now, self.reader], out, **order, trigger_mode="always_last")
        self.reader.input(self.typed, [*now, self.reader], out, **order)
        self.results.act(
            self.on_act,
            [*now, self.reader, context.selection, filters.attribute],
            [*out, *fields, context.selection, context.tabs],
            **order,
            trigger_mode="multiple",
        )
        self.offer.act(self.within, [*now, context.selection], out, **order)
        self.upload.upload(self.by_file, [self.upload, *now], out, **order)
        more.upload.upload(self.with_file, [more.upload, *now], out, **order)
        for event in (more.less.submit, more.subtract.click):
            event(self.away_from, [more.less, *now], [more.less, *out], **order)
        more.add_vector.click(self.with_vector, [more.vector, *now], [more.vector, *out], **order)
        self.target.input(self.among, [self.target, *now], out, **order)
        filters.hide.input(self.hide, [filters.hide, *now], out, **order)
        filters.values.input(
            self.filter, [filters.attribute, filters.values, *now], out, **order, **RAW
        )
        filters.attribute.input(
            self.pick_attribute,
            [context.run, self.asked, filters.attribute],
            filters.values,
            **QUIET,
            **RAW,
        )
        self.saying.connect(context, self.asked, self.bar)
        self._connect_elsewhere(now, out, fields, order)

    def _connect_elsewhere(
        self, now: list[Any], out: list[Any], fields: list[Any], order: dict[str, Any]
    ) -> None:
        """What other pages, the lists of runs and links change."""
        context = self.context
        context.query.change(
            self.search_sent, [context.query, *now], [context.query, *out], **order
        )
        asking = [context.asked, *now, self.filters.attribute]
        context.run.change(self.open_run, asking, [*out, *fields], **order)
        context.asked.change(self.follow, asking, [*out, *fields], **order)
        context.selection.change(self.follow_selection, [context.selection, *now], out, **order)
        for changed in (context.run.change, context.selection.change):
            changed(self.offered, [context.selection, context.run], self.offer, **QUIET)
        self.run.input(lambda run: run, self.run, context.run, **QUIET, **RAW)
        context.listing.change(self.refresh, [context.run], [self.run, self.results], **QUIET)
        context.run.change(self.pick, context.run, self.run, **QUIET)
        context.run.change(
            self.name_things,
            context.run,
            [self.target, self.upload, self.more.upload, self.reader],
            **QUIET,
        )

    # --- the lists of runs -----------------------------------------------------------------------

    def pick(self, run: str | None) -> Any:
        """The list of runs, with the one that is shown."""
        return picker(finished(self.services), run)

    def name_things(self, run: str | None) -> tuple[Any, Any, Any, Any]:
        """The fields in words of the run's items; what cannot be searched by is hidden."""
        modality = modality_of(self.services, run)
        thing = words.ITEM_WORDS[modality]
        by_file = {"image": ("picture", ["image"]), "audio": ("recording", ["audio"])}
        label, kinds = by_file.get(modality, ("", None))

        def upload(text: str) -> Any:
            if kinds is None:
                return gr.update(visible=False)
            return gr.update(visible=True, label=text, file_types=kinds)

        among = [(f"{thing.capitalize()}s", "image"), ("Captions", "text"), ("Both", "both")]
        return (
            gr.update(choices=among),
            upload(f"By {label}…"),
            upload(f"Add a {label}…"),
            gr.update(
                visible=modality in ("text", "code"), value="text",
                choices=[("a caption", "text"), (f"a {thing}", "image")],
            ),
        )  # fmt: skip

    def refresh(self, run: str | None) -> tuple[Any, Any]:
        """The list of runs; while there is none, how far the first one is."""
        ready = finished(self.services)
        waiting = gr.skip() if ready else shown(self.answering.waiting())
        return picker(ready, run), waiting
