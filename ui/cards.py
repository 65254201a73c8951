"""Pieces of many pages: buttons, sentences set apart, items to choose from, empty places."""

from __future__ import annotations

from collections.abc import Sequence

from backend.schemas import Item
from ui import faces
from ui.markup import Html, tag


def empty(title: str, text: str, *more: Html) -> Html:
    """What stands where there is nothing yet; ``text`` says what to do next."""
    return tag("div.i-empty", tag("h3", title), tag("p", text), *more)


def notice(text: str, tone: str = "soft") -> Html:
    """A sentence set apart; ``tone`` is soft, warn or bad."""
    lines = text.split("\n")
    items = [tag("li", line.removeprefix("- ")) for line in lines[1:]]
    role = "alert" if tone == "bad" else "note"
    return tag(
        f"div.i-notice.{tone}", tag("p", lines[0]), tag("ul", items) if items else None, role=role
    )


def button(text: str, act: str, arg: str = "", kind: str = "", **attributes: str) -> Html:
    """A button of a panel; a click raises the event ``act``."""
    return tag(
        "button", text, class_=f"i-button {kind}", type="button", data_act=act, data_arg=arg,
        **attributes,
    )  # fmt: skip


def choices(items: Sequence[Item], chosen: str | None) -> Html:
    """Items to choose one from, e.g. the seed of a cycle."""
    return tag("div.i-choices", [choice(item, chosen) for item in items])


def choice(item: Item, chosen: str | None) -> Html:
    """One of the items to choose from."""
    said = faces.described(item)
    return tag(
        "button.i-choice",
        faces.picture(item) if item.side == "image" else None,
        # a spectrogram alone tells little
        tag("span", said) if item.side == "text" or item.modality == "audio" else None,
        type="button", data_act="pick", data_arg=item.id,
        aria_pressed="true" if item.id == chosen else "false", aria_label=said, title=said,
    )  # fmt: skip
