"""What answers are kept to: near-duplicates hidden, values of attributes, the map's selection."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from backend.errors import IsthmusError
from backend.services import Services
from ui.context import offered
from ui.pages.exploring.asked import Asked

_MOST_VALUES: Final = 200
_NOTHING: Final = ("nothing", "")


class Filters:
    """The fields of the filters, and what they are set to."""

    hide: gr.Checkbox
    attribute: gr.Dropdown
    values: gr.Dropdown

    def __init__(self, services: Services) -> None:
        self.services = services

    def lay_out(self) -> None:
        """The fields of attributes, where the page is laid out."""
        self.attribute = gr.Dropdown(
            [_NOTHING], value="", label="Filter by", elem_id="i-filter-by", scale=1,
            min_width=150, visible=False,
        )  # fmt: skip
        self.values = gr.Dropdown(
            [], label="Only these values", multiselect=True, elem_id="i-filter-values", scale=2,
            min_width=200, visible=False,
        )  # fmt: skip

    def lay_out_hiding(self) -> None:
        """The field of near-duplicates."""
        self.hide = gr.Checkbox(
            False, label="Hide near-duplicates", container=False, elem_id="i-hide", scale=0,
            min_width=180,
        )  # fmt: skip

    @property
    def fields(self) -> list[gr.Component]:
        """What follows from what is asked."""
        return [self.hide, self.attribute, self.values]

    def set(
        self, run: str | None, before: Asked, asked: Asked, given: str | None
    ) -> dict[Any, Any]:
        """The fields as they stand for a run and what is asked of it.

        Args:
            run: that is searched.
            before: what was asked when the event was sent, as the fields say it.
            asked: what is asked now.
            given: the attribute that was chosen when the event was sent.
        """
        known = self.known(run)
        attribute = given if given in known else None
        if attribute is None:
            attribute = next((name for name in asked.where if name in known), None)
        names = [_NOTHING, *((name, name) for name in known)]
        hide = {self.hide: asked.hide} if asked.hide != before.hide else {}
        return hide | {
            self.attribute: offered(names, attribute or "", given or "", visible=bool(known)),
            self.values: self.choices(known, asked, attribute),
        }

    def known(self, run: str | None) -> dict[str, tuple[str, ...]]:
        """Attributes of a run's items with their values; none where it cannot be opened."""
        try:
            return self.services.attributes(run) if run else {}
        except IsthmusError:
            return {}

    def choices(
        self, known: dict[str, tuple[str, ...]], asked: Asked, attribute: str | None
    ) -> dict[str, Any]:
        """The values of one attribute, with those that are chosen."""
        values = known.get(attribute or "", ())
        chosen = asked.where.get(attribute or "", ())
        return gr.update(
            choices=list(values), value=[value for value in chosen if value in values],
            visible=bool(values),
        )  # fmt: skip

    def filtered(self, run: str | None, asked: Asked, attribute: Any, values: Any) -> Asked:
        """What is asked with the values that were chosen; a browser can send any."""
        known = self.known(run).get(str(attribute), ())
        given = values[:_MOST_VALUES] if isinstance(values, list) else []
        return asked.filtered(str(attribute), [value for value in known if value in given])
