"""What stands for an item that is not a picture, and its words on the pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.schemas import Answers, Hit, IndexNote, Item, Modality, SearchResult, Side
from tests.unit.ui.test_markup import HOSTILE, read
from ui import cards, faces, search_cards, words


def item(modality: Modality, **changes: object) -> Item:
    """An item of a modality with a hostile caption."""
    known = Item(side="image", id="image:a", image_id=f"id {HOSTILE}", modality=modality,
                 thumbnail=None, captions=(HOSTILE, "second"))  # fmt: skip
    return known.model_copy(update=changes)


@pytest.mark.parametrize(
    ("modality", "changes", "class_"),
    [
        ("text", {"text": HOSTILE}, "i-said"),
        ("code", {"text": f"def f():\n    {HOSTILE}"}, "code"),
        ("features", {}, "id"),
    ],
)
def test_items_without_a_picture_are_words_and_stay_text(
    modality: Modality, changes: dict[str, object], class_: str
) -> None:
    shown = item(modality, **changes)
    hit = Hit(rank=1, score=0.5, item=shown)
    found = read(search_cards.hit_card(hit))
    assert "img" not in [name for name, _ in found.found]
    said = next(a for name, a in found.found if name == "span" and "i-said" in (a["class"] or ""))
    assert class_ in (said["class"] or "").split()
    assert HOSTILE in found.text
    for markup in (search_cards.sample([shown], "image"), cards.choices([shown], None)):
        assert "img" not in [name for name, _ in read(markup).found]


def test_a_recording_is_played_on_demand_from_the_file_route() -> None:
    audio = item("audio", thumbnail=Path("/t/a.webp"), recording=Path("/t/a b.flac"))
    found = read(search_cards.hit_card(Hit(rank=1, score=0.5, item=audio))).found
    player = next(attributes for name, attributes in found if name == "audio")
    assert player["src"] == "gradio_api/file=/t/a%20b.flac"
    assert player["preload"] == "none"
    assert player["controls"] is None
    assert "autoplay" not in player
    inside = [name for name, _ in found]
    assert inside.index("audio") > inside.index("button"), "a player inside a button cannot be used"
    assert faces.player(item("text")) is None


@pytest.mark.parametrize(
    ("modality", "said"),
    [("audio", "7 recordings searched"), ("code", "7 programs searched"), ("features", "7 items")],
)
def test_a_result_line_calls_items_what_they_are(modality: Modality, said: str) -> None:
    hit = Hit(rank=1, score=0.5, item=item(modality))

    def line(side: Side) -> str:
        exact = IndexNote(kind="flat", exact=True)
        found = Answers(side=side, hits=(hit,), gallery=7, searched=7, index=exact)
        return read(search_cards.answered(SearchResult(answers=(found,), seconds=0.01), ())).text

    assert said in line("image")
    assert "7 captions searched" in line("text")


def test_directions_and_labels_follow_the_modality() -> None:
    assert words.direction("text_to_image", "image") == "text → image"
    assert words.direction("image_to_text", "audio") == "recording → text"
    assert words.direction("text_to_image", "text") == "caption → text"
    assert words.series_label("val/image_to_text/recall_at_5", "code") == "R@5 program → text"
    assert words.encoder_label("image", "audio") == "Audio encoder"
    assert words.encoder_label("text", "image") == "Text encoder"


def test_sizes_and_parameters_are_short() -> None:
    assert [words.size(n) for n in (12, 88_200_000, 999_600_000, 1_218_000_000)] == [
        "12 bytes", "88 MB", "1.0 GB", "1.2 GB",
    ]  # fmt: skip
    assert [words.millions(n) for n in (22_056_576, 1_136_480_768)] == ["22.1 M", "1.1 B"]
