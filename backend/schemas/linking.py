"""What a link to the pages holds: everything that decides what is seen, and nothing else."""

from __future__ import annotations

import json
from typing import Annotated, Final

from pydantic import Field, JsonValue, StringConstraints, field_validator, model_validator

from backend.errors import InvalidInput
from backend.schemas.base import Frozen
from backend.schemas.searching import Query
from backend.schemas.selecting import unpack

#: letters of a whole state as JSON
MOST_STATE: Final = 64_000
#: of them, how the map is shown
_MOST_VIEW: Final = 8_000

Place = Annotated[str, StringConstraints(pattern=r"^[a-z-]{0,32}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[\w.-]{0,64}$")]


class PageState(Frozen):
    """What the pages show. Whatever is empty is as it was before anything was chosen."""

    page: Place = Field("", description="as in the address (?tab=)")
    part: Place = Field("", description="of that page")
    run: Id = Field("", description="that Explore and Map show")
    other: Id = Field("", description="the run beside it")
    opened: Id = Field("", description="the run that Runs shows")
    sweep: Id = ""
    asked: Query | None = Field(None, description="what is searched for, with its filters")
    selection: str = Field("", description="a packed selection of the run's points")
    view: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="how Map shows it: layout, colour, prompt, camera, mode; Map reads it with care",
    )

    @field_validator("selection")
    @classmethod
    def _a_selection(cls, text: str) -> str:
        try:
            unpack(text)
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return text

    @field_validator("view")
    @classmethod
    def _a_short_view(cls, view: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if len(json.dumps(view, allow_nan=False)) > _MOST_VIEW:
            raise ValueError(f"how the map is shown takes at most {_MOST_VIEW:,} letters")
        return view

    @model_validator(mode="after")
    def _nothing_of_ones_own_disk(self) -> PageState:
        if self.asked and any(part.kind == "file" for part in self.asked.parts):
            raise ValueError("a file that was searched with cannot be in a link")
        return self
