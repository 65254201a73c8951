"""Drawn and named seeds."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from backend.drift.stress.seeds import captions_of, checked, drawn
from backend.errors import InvalidInput, NotFound

CAPTIONS = {f"image:{row}": [f"text:{row}#{k}" for k in range(5)] for row in range(30)}


def test_pairs_are_images_with_captions_of_their_own() -> None:
    found = drawn(CAPTIONS, 10, 0)
    images, texts = found[:10], found[10:]
    assert len(set(images)) == 10
    assert all(text in CAPTIONS[image] for image, text in zip(images, texts, strict=True))
    assert {text[-1] for text in texts} > {"0"}


def test_the_order_of_a_gallery_changes_nothing_and_the_seed_does() -> None:
    turned = {image: CAPTIONS[image][::-1] for image in reversed(CAPTIONS)}
    assert drawn(turned, 10, 3) == drawn(CAPTIONS, 10, 3)
    assert drawn(CAPTIONS, 10, 4) != drawn(CAPTIONS, 10, 3)


def test_there_are_no_more_than_there_are() -> None:
    assert len(drawn({**CAPTIONS, "image:x": []}, 100, 0)) == 60
    with pytest.raises(InvalidInput, match="no image with a caption"):
        drawn({"image:x": []}, 3, 0)


def gallery(captions: dict[str, int]) -> SimpleNamespace:
    """So many captions of each image."""
    entries = {
        image: SimpleNamespace(id=image, captions=("said",) * many)
        for image, many in captions.items()
    }
    texts = [f"text:{image}#{k}" for image, many in captions.items() for k in range(many)]
    ids = {"image": [f"image:{image}" for image in captions], "text": texts}
    return SimpleNamespace(
        entries=entries,
        indexes={
            side: SimpleNamespace(ids=own, row_of={item: row for row, item in enumerate(own)})
            for side, own in ids.items()
        },
    )


def test_pairs_are_of_items_that_all_runs_have() -> None:
    found = captions_of([gallery({"a": 2, "b": 1, "c": 1}), gallery({"c": 3, "a": 1})])
    assert found == {"image:a": ["text:a#0"], "image:c": ["text:c#0"]}


def test_named_seeds_are_taken_once_and_those_that_are_gone_are_told() -> None:
    there = gallery({"0": 1, "1": 0})
    assert checked(["text:0#0", "image:1", "text:0#0"], there) == ("text:0#0", "image:1")
    with pytest.raises(NotFound, match="'x', 'y', 'z' and 1 more"):
        checked(["image:0", "x", "y", "z", "w"], there)
