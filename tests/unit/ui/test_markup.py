"""Nothing that a person or a file wrote becomes an element of the page."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Fault, InvalidInput
from backend.schemas import Item, Side
from ui import cards, faces, search_cards
from ui.markup import Html, tag

HOSTILE = "<img src=x onerror=\"alert('1')\">&'"


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((name, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markup: str) -> _Elements:
    """What a browser would make of markup."""
    parser = _Elements()
    parser.feed(markup)
    parser.close()
    return parser


@given(st.text(), st.text())
def test_text_and_attributes_come_back_as_they_were_given(text: str, attribute: str) -> None:
    read_back = read(tag("div", text, data_arg=attribute) + "<b>")
    names = [name for name, _ in read_back.found]
    assert names == ["div", "b"]
    if "\r" not in attribute and "\0" not in attribute:
        assert read_back.found[0][1]["data-arg"] == attribute
    if "\r" not in text and "\0" not in text:
        assert read_back.text == text


def test_markup_is_kept_and_lists_are_joined() -> None:
    inner = [tag("li", number) for number in (1, 2)]
    assert tag("ul.a", inner, None, class_="b") == '<ul class="a b"><li>1</li><li>2</li></ul>'
    assert isinstance(tag("p"), Html)
    assert tag("img", alt="", hidden=True, title=None, draggable=False) == '<img alt="" hidden>'


@pytest.mark.parametrize("side", ["image", "text"])
def test_a_hostile_caption_makes_no_element_of_its_own(side: Side) -> None:
    item = Item(
        side=side,
        id="image:a" if side == "image" else "text:a#0",
        image_id="a",
        thumbnail=Path("/tmp/a.webp"),
        captions=(HOSTILE, HOSTILE),
        attributes={HOSTILE: HOSTILE},
    )
    shown = search_cards.sample([item], side)
    for markup in (shown, cards.choices([item], None), faces.picture(item)):
        found = read(markup).found
        assert all("onerror" not in attributes for _, attributes in found)
        pictures = [attributes["src"] for name, attributes in found if name == "img"]
        assert set(pictures) <= {"gradio_api/file=/tmp/a.webp"}


def test_a_notice_lists_every_fault_and_escapes_it() -> None:
    error = InvalidInput("Mend the rows.", [Fault("row 2", HOSTILE), Fault("row 9", "empty")])
    found = read(cards.notice(str(error), "bad"))
    assert [name for name, _ in found.found].count("li") == 2
    assert HOSTILE in found.text
    assert "img" not in [name for name, _ in found.found]
