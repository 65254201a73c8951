"""What is searched for, as the pages pass it on: a query's JSON in a shared field.

A browser can put any text there, so whoever reads it reads it here.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from backend.errors import InvalidInput
from backend.schemas import Query, QueryPart
from ui.uploads import Uploads

#: said where a part is a file that this page view has not uploaded
NOT_UPLOADED: Final = (
    "A picture or recording of one's own is kept for the page view it was uploaded in alone, and is no "
    "part of a link. Upload it again to search with it."
)
_LONGEST: Final = 5_000_000


def write(query: Query | None) -> str:
    """The JSON of a query; empty text for none."""
    return query.model_dump_json() if query else ""


def parse(asked: str) -> Query | None:
    """The query in a text, whoever wrote it; its files may be anybody's. None where nothing is asked.

    Raises:
        InvalidInput: it is no query.
    """
    if not asked:
        return None
    if len(asked) > _LONGEST:
        raise InvalidInput("This search is too long; ask anew on Explore.")
    try:
        query = Query.model_validate_json(asked)
    except ValidationError as error:
        raise InvalidInput("This is no search; ask anew on Explore.") from error
    if any(part.weight == 0 for part in query.parts):
        raise InvalidInput("A part of this search has no weight; ask anew on Explore.")
    return query


def own_parts(query: Query, uploads: Uploads, view: str | None) -> tuple[QueryPart, ...]:
    """The parts of a query that a page view may ask for: of files, those that it has uploaded."""
    return tuple(
        part for part in query.parts if part.kind != "file" or uploads.has(view, part.value)
    )


def read(asked: str, uploads: Uploads, view: str | None) -> Query | None:
    """The query in the field that pages share, safe to be searched with.

    Args:
        asked: what stands in ``Context.asked``.
        uploads: ``Context.uploads``.
        view: ``gr.Request.session_hash`` of the event.

    Raises:
        InvalidInput: it is no query, or has a file that this page view has not uploaded.
    """
    query = parse(asked)
    if query and len(own_parts(query, uploads, view)) < len(query.parts):
        raise InvalidInput(NOT_UPLOADED)
    return query
