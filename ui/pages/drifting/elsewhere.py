"""Chains made elsewhere: uploaded as a zip in the paper's layout, and scored beside the games."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import gradio as gr

from backend.errors import IsthmusError
from ui import cards
from ui.components import panel
from ui.context import QUIET, RAW, WORK, Context, version_of
from ui.guard import require_changes
from ui.markup import tag
from ui.pages.drifting.game_form import GameForm
from ui.pages.drifting.jobs import MOST_OPEN, Opened

_ABOUT: Final = (
    "In the paper's layout: text-first/gen-0.csv, gen-1/ with pictures, gen-2.csv, … and image-first "
    "likewise. Scored by what similarity is measured by above, GenEval under More."
)


class Elsewhere:
    """Lays the fold out; its methods answer the events."""

    def __init__(self, context: Context, form: GameForm) -> None:
        self.context = context
        self.services = context.services
        self.form = form
        self.folder = gr.State("")
        with gr.Accordion(
            "Chains made elsewhere", open=False, elem_classes="i-fold small",
            elem_id="i-game-elsewhere",
        ):  # fmt: skip
            panel(tag("p.i-about", _ABOUT))
            self.upload = gr.UploadButton(
                "Score a ZIP…", file_types=[".zip"], size="sm", elem_id="i-game-upload"
            )
            self.fault = panel(elem_id="i-game-upload-fault")

    def connect(self, opened: gr.State) -> Any:
        """Wires the events, once all pages are laid out.

        Args:
            opened: the games that are open.

        Returns:
            The event after which another game is open.
        """
        return self.upload.upload(
            self.unpack, self.upload, [self.fault, self.folder], **WORK
        ).success(
            self.score, [self.folder, opened, *self.form.fields],
            [self.fault, self.folder, opened, self.context.version], **QUIET, **RAW,
        )  # fmt: skip

    def unpack(self, path: str | None) -> tuple[Any, str]:
        """Unpacks an uploaded zip of chains; what is wrong with it is said below its button."""
        require_changes(self.services.settings)
        if not path:
            return gr.skip(), ""
        try:
            return "", str(self.services.import_chains(Path(path)))
        except IsthmusError as error:
            return cards.notice(str(error), "bad"), ""

    def score(self, folder: str, opened: Opened, *given: Any) -> tuple[Any, str, Any, Any]:
        """Has unpacked chains scored, beside the games that are open."""
        require_changes(self.services.settings)
        if not folder:
            return gr.skip(), "", gr.skip(), gr.skip()
        try:
            made = self.services.score_folder(self.form.folder_request(folder, *given))
        except IsthmusError as error:
            return cards.notice(str(error), "bad"), "", gr.skip(), gr.skip()
        together = tuple(dict.fromkeys((*opened, made.id)))
        return "", "", together[-MOST_OPEN:], version_of(self.services)
