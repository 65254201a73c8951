"""Links: a short code for what the pages show, which outlives the page and the process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from backend.errors import Fault, InvalidInput, NotFound
from backend.schemas import MOST_STATE, PageState
from backend.services.base import Door

_CODE: Final = re.compile(r"[a-z2-7]{8,52}")


class Linking(Door):
    """States of the pages. They are kept in a read-only place, too: they change nothing of a run."""

    def keep_link(self, state: Mapping[str, Any]) -> str:
        """The code of a state; the same state has the same code.

        Args:
            state: the fields of a :class:`backend.schemas.PageState`.

        Raises:
            InvalidInput: it is no such state, or too large.
            StorageError: the database cannot be written.
        """
        try:
            checked = PageState.model_validate(dict(state))
        except ValidationError as error:
            faults = [
                Fault(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()
            ]
            raise InvalidInput("What is shown cannot be put into a link.", faults) from error
        size = len(checked.model_dump_json())
        if size > MOST_STATE:
            raise InvalidInput(
                f"What is shown takes {size:,} letters, a link holds {MOST_STATE:,}. "
                "Select fewer points, or search with less."
            )
        return self._links.keep(checked.model_dump(mode="json"))

    def link(self, code: str) -> PageState:
        """The state under a code.

        Raises:
            NotFound: there is none, or it was made by a version that kept it otherwise.
        """
        if not _CODE.fullmatch(str(code)):
            raise NotFound("This is no link of Isthmus. Copy it once more, as a whole.")
        try:
            return PageState.model_validate(self._links.get(str(code)))
        except ValidationError as error:
            raise NotFound(
                "This link was made by another version of Isthmus and cannot be opened by this one."
            ) from error
