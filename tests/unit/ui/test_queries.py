"""A query in the field that pages share: whoever wrote it, nothing but one's own is read for it."""

from __future__ import annotations

import pytest

from backend.errors import InvalidInput
from backend.schemas import Query, QueryPart
from ui import queries
from ui.uploads import Uploads


def part(kind: str = "text", value: str = "a red circle", weight: float = 1.0) -> QueryPart:
    """One part of a query."""
    return QueryPart.model_validate({"kind": kind, "value": value, "weight": weight})


def test_what_is_written_is_what_is_read() -> None:
    query = Query(
        parts=(part(), part("item", "image:7", -0.5)), target="both", where={"shape": ("star",)}
    )
    assert queries.read(queries.write(query), Uploads(), "view") == query
    assert queries.read(queries.write(None), Uploads(), "view") is None


def test_a_file_is_read_for_the_page_view_that_uploaded_it_and_for_no_other() -> None:
    uploads = Uploads()
    uploads.keep("mine", "/tmp/gradio/abc/photo.png")
    asked = queries.write(Query(parts=(part("file", "/tmp/gradio/abc/photo.png"), part())))
    query = queries.read(asked, uploads, "mine")
    assert query is not None and len(query.parts) == 2
    for view in ("another", "", None):
        with pytest.raises(InvalidInput, match="Upload it again"):
            queries.read(asked, uploads, view)
        assert queries.own_parts(query, uploads, view) == (part(),)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/tmp/gradio/abc/../abc/photo.png", "/tmp/gradio/abc/photo.png/", ""]
)
def test_a_path_that_was_never_uploaded_is_refused(path: str) -> None:
    uploads = Uploads()
    uploads.keep("mine", "/tmp/gradio/abc/photo.png")
    with pytest.raises(InvalidInput):
        queries.read(queries.write(Query(parts=(part("file", path),))), uploads, "mine")


@pytest.mark.parametrize(
    "asked",
    [
        "{", "[]", "null", '{"parts": []}',
        '{"parts": [{"kind": "text", "value": "a", "weight": 99}]}',
        '{"parts": [{"kind": "text", "value": "a", "weight": 0}]}',
        '{"parts": [{"kind": "text", "value": "a"}], "k": 100000}',
        '{"parts": [{"kind": "text", "value": "a"}], "more": 1}',
        '{"parts": [' + ",".join(['{"kind": "text", "value": "a"}'] * 9) + "]}",
        " " * 5_000_001,
    ],
)  # fmt: skip
def test_what_is_no_query_gets_a_sentence(asked: str) -> None:
    with pytest.raises(InvalidInput, match="ask anew on Explore"):
        queries.read(asked, Uploads(), "view")


def test_only_so_many_files_and_page_views_are_remembered() -> None:
    uploads = Uploads()
    for number in range(60):
        uploads.keep("mine", f"/{number}")
    assert not uploads.has("mine", "/9") and uploads.has("mine", "/10")
    for number in range(1000):
        uploads.keep(f"view {number}", "/a")
    assert not uploads.has("mine", "/59") and uploads.has("view 0", "/a")
    uploads.keep(None, "/b")
    assert not uploads.has(None, "/b")
