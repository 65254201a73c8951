"""Encoders & data: what can be picked, what is stored, and adding to both."""

from __future__ import annotations

import gradio as gr

from ui import cards
from ui.components import panel
from ui.context import Context
from ui.guard import READONLY, may_change
from ui.pages.datasets import DatasetsPart
from ui.pages.encoders import EncodersPart
from ui.pages.stored import StoredPart


class DataPage:
    """Lays three parts out behind tabs of their own.

    Attributes:
        part_ids: in the address (?part=), in the order shown.
    """

    part_ids = ("encoders", "datasets", "stored")

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.tab = tab
        if not may_change(context.services.settings):
            panel(cards.notice(READONLY))
        with gr.Tabs(
            selected=self.part_ids[0], elem_id="i-data-tabs", elem_classes="i-parts"
        ) as self.parts:
            with gr.Tab("Encoders", id="encoders") as self.encoders_tab:
                self.encoders = EncodersPart(context)
            with gr.Tab("Data sets", id="datasets") as self.datasets_tab:
                self.datasets = DatasetsPart(context)
            with gr.Tab("Stored features", id="stored") as self.stored_tab:
                self.stored = StoredPart(context)

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        self.encoders.connect(self.encoders_tab)
        self.datasets.connect(self.datasets_tab)
        self.stored.connect(self.stored_tab)
