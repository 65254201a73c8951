"""What stands for an item on the page: its picture, its words, its spectrogram, or its id alone."""

from __future__ import annotations

from collections.abc import Sequence

from backend.schemas import Item, Modality, Side
from ui import words
from ui.markup import Html, tag


def described(item: Item) -> str:
    """An item in words: its caption, else its own words, else its id."""
    return item.captions[0] if item.captions else item.text or item.image_id


def modality_of(items: Sequence[Item]) -> Modality:
    """Of some items of one run."""
    return items[0].modality if items else "image"


def side_chip(side: Side, modality: Modality) -> Html:
    """Which side, in its colour and in a word."""
    return tag(f"span.i-side.{side}", words.thing(side, modality))


def face(item: Item) -> Html:
    """An item as large as its card: of an item its content, of a caption its words."""
    if item.side == "text":
        mark = small(item)
        return tag("span.i-quote", mark, tag("span", described(item)))
    if item.thumbnail is not None:
        return picture(item)
    return words_of(item)


def picture(item: Item, size: str = "") -> Html:
    """An item's picture, or a recording's spectrogram."""
    if item.thumbnail is None:
        return words_of(item, size)
    alt = described(item)
    return tag(
        "img", class_=f"i-picture {size}{' spectrogram' if item.modality == 'audio' else ''}",
        src=words.file_url(item.thumbnail), alt=f"Spectrogram: {alt}" if item.modality == "audio"
        else alt, loading="lazy", decoding="async",
    )  # fmt: skip


def words_of(item: Item, size: str = "") -> Html:
    """An item without a picture: a text as a quote, a program in fixed width, else its id."""
    if item.modality == "code":
        return tag("span", item.text or item.image_id, class_=f"i-said code {size}")
    if item.text:
        return tag("span", item.text, class_=f"i-said {size}")
    why = "known by its features" if item.modality == "features" else "its file is gone"
    return tag(
        "span", tag("small", why), tag("b", item.image_id),
        class_=f"i-said id {size}",
    )  # fmt: skip


def small(item: Item) -> Html | None:
    """The picture of a caption's item as a mark beside it; nothing where there is none."""
    return picture(item, "small") if item.thumbnail is not None else None


def player(item: Item) -> Html | None:
    """Plays a recording; nothing is fetched before a person asks."""
    if item.recording is None:
        return None
    return tag(
        "audio.i-player", controls=True, preload="none", src=words.file_url(item.recording),
        aria_label=f"Play: {described(item)}",
    )  # fmt: skip
