"""Error slices: planted ones are found, others are not, and the counts are those of slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import Cancelled
from backend.evaluation import slices as module
from backend.evaluation.slices import slices
from tests.unit.golden import unit

COLOURS = ("red", "green", "blue", "yellow")
THINGS = ("car", "dog", "tree", "boat", "house")


def world(seed: int, hard: str = "", images: int = 200, captions: int = 3):
    """Images of coloured things. Of the hard word, captions say nothing that finds their image."""
    draw = np.random.default_rng(seed)
    colour, thing = draw.integers(4, size=images), draw.integers(5, size=images)
    kinds = unit(draw.normal(size=(4, 32))), unit(draw.normal(size=(5, 32)))
    image = unit(kinds[0][colour] + kinds[1][thing] + 0.8 * unit(draw.normal(size=(images, 32))))
    owner = draw.permutation(np.repeat(np.arange(images), captions))
    said = [f"A {COLOURS[colour[row]]} {THINGS[thing[row]]} here" for row in owner]
    noise = np.array([1.6 if hard and hard in caption else 0.35 for caption in said])
    text = unit(image[owner] + noise[:, None] * unit(draw.normal(size=(len(owner), 32))))
    attributes = [{"colour": COLOURS[each]} for each in colour]
    return image.astype(np.float32), text.astype(np.float32), owner, said, attributes


def test_a_hard_word_is_found_and_no_other() -> None:
    image, text, owner, said, attributes = world(0, hard="boat")
    found = slices(image, text, owner, said, attributes, "text")
    assert [(each.kind, each.name) for each in found.words] == [("word", "boat")]
    boat = found.words[0]
    rows = [row for row, caption in enumerate(said) if "boat" in caption]
    below = [
        np.sum(image @ text[row] > image[owner[row]] @ text[row] + 1e-6) for row in range(len(text))
    ]
    assert boat.queries == len(rows)
    assert boat.images == len({int(owner[row]) for row in rows})
    assert boat.failures == sum(below[row] >= 5 for row in rows)
    assert boat.rate == boat.failures / boat.queries
    assert boat.interval[0] > found.interval[1] > found.rate > found.interval[0]
    rest = (found.failures - boat.failures) / (found.queries - boat.queries)
    assert boat.excess == pytest.approx(boat.failures - boat.queries * rest)
    worst = sorted(rows, key=lambda row: -below[row])
    assert boat.examples[0] == worst[0]
    assert len({int(owner[row]) for row in boat.examples}) == len(boat.examples) == 8
    # 4 colours and 5 things in words, 4 values of the attribute; what all captions say is no slice
    assert found.words_tested == 13


def test_the_region_of_the_hard_word_is_named_by_it() -> None:
    found = slices(*world(1, hard="boat"), "text")
    image, text, owner, said, _ = world(1, hard="boat")
    assert found.regions_tested == 17  # the root of 300
    assert found.regions and all(each.kind == "region" for each in found.regions)
    assert all("boat" in each.words and "boat" in each.name for each in found.regions)
    assert [each.excess for each in found.regions] == sorted(
        (each.excess for each in found.regions), reverse=True
    )
    for each in found.regions:
        assert each.q < 0.05 and each.rate > found.rate
        for row in each.examples:
            scores = image @ text[row]
            assert (scores > scores[owner[row]] + 1e-6).sum() >= 5
        assert sum("boat" in said[row] for row in each.examples) > len(each.examples) / 2


def test_an_attribute_is_a_slice_for_images_too() -> None:
    image, text, owner, said, attributes = world(2, hard="blue", images=300)
    found = slices(image, text, owner, said, attributes, "image", k=3)
    assert found.asked_by == "image" and found.queries == found.images == 300
    assert found.intraclass == 0.0
    assert {(each.kind, each.name) for each in found.words} == {
        ("word", "blue"),
        ("attribute", "colour: blue"),
    }
    word, attribute = sorted(found.words, key=lambda each: each.kind, reverse=True)
    assert word.queries == attribute.queries == sum(each["colour"] == "blue" for each in attributes)
    assert all(attributes[row]["colour"] == "blue" for row in word.examples)
    # chance that none of 3 captions is among 3 of 900 in a random order
    assert found.chance == pytest.approx(897 * 896 * 895 / (900 * 899 * 898))


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_where_nothing_is_hard_hardly_anything_is_told(seed: int) -> None:
    image, text, owner, _, _ = world(seed, images=100)
    draw = np.random.default_rng(seed)
    text = unit(text + 1.2 * unit(draw.normal(size=text.shape))).astype(np.float32)
    said = [" ".join(draw.permutation([*COLOURS, *THINGS])[:3]) for _ in owner]
    found = slices(image, text, owner, said, [{}] * 100, "text", seed=seed)
    assert 0 < found.failures < found.queries
    assert found.words_tested == 9
    assert len(found.words) <= 1


def test_rare_words_and_few_queries_are_not_tested() -> None:
    image, text, owner, said, _ = world(3, images=4, captions=2)
    found = slices(image, text, owner, said, [{}] * 4, "text", k=1)
    assert found.words_tested == 0 and found.words == ()
    assert found.regions_tested == 8  # each caption by itself
    assert found.regions == ()
    assert found.chance == 0.75
    assert slices(image, text, owner, said, [{}] * 4, "text", k=10).failures == 0


def test_equal_captions_are_one_region_and_images_without_captions_no_queries() -> None:
    image, text, owner, said, attributes = world(4)
    same = np.repeat(text[:1], len(text), axis=0)
    assert slices(image, same, owner, said, attributes, "text").regions_tested == 1
    kept = owner != 7
    kept_words = [words for words, keep in zip(said, kept, strict=True) if keep]
    found = slices(image, text[kept], owner[kept], kept_words, attributes, "image")
    assert found.queries == 199


def test_rows_that_regions_are_not_made_of_join_the_nearest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = world(5, hard="boat")
    assert slices(*arguments, "text") == slices(*arguments, "text")
    monkeypatch.setattr(module, "_CELLS", 1000)
    monkeypatch.setattr(module, "_VALUES", 32 * 300)
    found = slices(*arguments, "text")
    assert found.regions_tested == 17
    assert found.regions and all("boat" in each.words for each in found.regions)


def test_progress_may_cancel() -> None:
    def stop(done: int, total: int, unit: str) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        slices(*world(6), "text", report=stop)
