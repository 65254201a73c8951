"""The fields that pick a labelled set and what its items are labelled by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import DatasetInfo
from backend.services import Services
from ui import cards


class LabelledSet:
    """A data set, and the attribute that is its items' class; that is asked only where there is a choice.

    Args:
        services: knows the data sets.
        prefix: how the ids of the fields begin.
        by: what the second field is called.
    """

    def __init__(self, services: Services, prefix: str, by: str) -> None:
        self.services = services
        self.dataset = gr.Dropdown(
            [], label="Labelled set", allow_custom_value=True, elem_id=f"{prefix}-dataset",
            info="one of the list, or the path of folders named as classes",
        )  # fmt: skip
        self.attribute = gr.Dropdown(
            [], label=by, allow_custom_value=True, visible=False,
            info="which attribute of the items is their class", elem_id=f"{prefix}-attribute",
        )  # fmt: skip

    def offer(self, infos: Sequence[DatasetInfo], chosen: str | None) -> Any:
        """An update of the list of data sets; what was chosen stays."""
        return gr.update(choices=[(info.name, info.id) for info in infos], value=chosen or None)

    def look(self, dataset: str | None) -> tuple[Any, str]:
        """What the set's items can be classified by, and what is wrong with it; may read it."""
        hidden = gr.update(visible=False)
        if not dataset:
            return hidden, ""
        try:
            names = self.services.labels_of(str(dataset))
        except IsthmusError as error:
            return hidden, cards.notice(str(error), "bad")
        if not names:
            text = "Nothing of this set's items says what class they are of. Choose another set."
            return hidden, cards.notice(text, "warn")
        visible = len(names) > 1 or names[0] != "class"
        return gr.update(choices=names, value=names[0], visible=visible), ""
