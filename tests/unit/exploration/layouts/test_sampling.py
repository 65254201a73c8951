"""Samples of galleries that a map cannot hold: whole items, nested, in the gallery's proportion."""

from __future__ import annotations

import numpy as np
import pytest

from backend.exploration.layouts.sampling import sample

IMAGES = 400
OWNERS = np.repeat(np.arange(IMAGES), np.random.default_rng(0).integers(0, 7, IMAGES))
TOTAL = IMAGES + len(OWNERS)


def test_a_small_gallery_is_drawn_whole() -> None:
    for most in (TOTAL, TOTAL + 1, 10**6):
        np.testing.assert_array_equal(sample(IMAGES, OWNERS, most), np.arange(TOTAL))


@pytest.mark.parametrize("most", [100, 333, 1000])
def test_every_drawn_item_has_all_of_its_captions(most: int) -> None:
    points = sample(IMAGES, OWNERS, most)
    assert most - 7 <= len(points) <= most
    assert (np.diff(points) > 0).all()
    items, captions = points[points < IMAGES], points[points >= IMAGES] - IMAGES
    np.testing.assert_array_equal(captions, np.flatnonzero(np.isin(OWNERS, items)))
    assert len(items) / len(points) == pytest.approx(IMAGES / TOTAL, abs=0.06)


def test_smaller_samples_lie_within_larger_ones_and_are_always_the_same() -> None:
    for sides in (("image", "text"), ("image",), ("text",)):
        sizes = [sample(IMAGES, OWNERS, most, sides) for most in (50, 120, 390, 5000)]
        for less, more in zip(sizes, sizes[1:], strict=False):
            assert np.isin(less, more).all() and len(less) < len(more)
        np.testing.assert_array_equal(sizes[1], sample(IMAGES, OWNERS, 120, sides))


def test_one_side_alone_can_be_drawn() -> None:
    images, captions = sample(IMAGES, OWNERS, 90, ("image",)), sample(IMAGES, OWNERS, 90, ("text",))
    assert len(images) == 90 and (images < IMAGES).all()
    assert 84 <= len(captions) <= 90 and (captions >= IMAGES).all()


def test_an_item_with_more_captions_than_a_map_holds_is_drawn_with_some() -> None:
    points = sample(2, np.repeat([0, 1], 500), 100)
    assert len(points) == 100 and (points < 2).sum() == 1
