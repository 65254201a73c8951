"""Regions of a map and what is written across them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from backend.exploration.clusters import MOST, clusters
from backend.exploration.labels import labels, words_of
from tests.unit.exploration.made import CAPTIONS, IMAGES, make_gallery


def islands(count: int, dimensions: int = 2, size: int = 60) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(count)
    turn = np.arange(count) / count * 2 * np.pi
    centres = np.stack([np.cos(turn), np.sin(turn), turn], axis=1)[:, :dimensions] * 10
    who = np.repeat(np.arange(count), size + np.arange(count))
    return (centres[who] + 0.4 * draw.normal(size=(len(who), dimensions))).astype(np.float32), who


@pytest.mark.parametrize(("count", "dimensions"), [(3, 2), (5, 2), (7, 3), (12, 2)])
def test_islands_are_found_and_counted(count: int, dimensions: int) -> None:
    places, who = islands(count, dimensions)
    found = clusters(places)
    assert adjusted_rand_score(who, found) == 1
    sizes = np.bincount(found)
    assert (np.diff(sizes) <= 0).all(), "the largest first"
    np.testing.assert_array_equal(found, clusters(places))


def test_there_are_never_more_than_can_be_told_apart() -> None:
    assert clusters(islands(40, size=20)[0]).max() < MOST
    everywhere = np.random.default_rng(0).random((500, 2), np.float32)
    assert 3 <= clusters(everywhere).max() + 1 <= MOST
    assert not clusters(everywhere[:20]).any(), "too few for regions"
    assert not clusters(np.ones((200, 2), np.float32)).any()


def test_a_label_has_the_words_by_which_its_region_stands_out(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path)
    points = np.arange(IMAGES + sum(CAPTIONS), dtype=np.int32)
    owners = np.concatenate([np.arange(IMAGES), gallery.owners])
    centres = np.array([[0, 0], [8, 0], [0, 8]])
    draw = np.random.default_rng(0)
    places = (centres[owners % 3] + 0.3 * draw.normal(size=(len(points), 2))).astype(np.float32)
    found = labels(places, owners % 3, words_of(gallery, points))
    assert sorted(label.text for label in found) == ["blue", "green", "red"]  # "kite" is everywhere
    for label in found:
        group = ["red", "blue", "green"].index(label.text)
        assert np.hypot(*(np.array([label.x, label.y]) - centres[group])) < 0.6
        assert label.points == (owners % 3 == group).sum() and label.z is None


def test_words_are_of_a_captions_own_and_of_all_of_an_items(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path)
    found = words_of(gallery, np.array([0, 29, 30, 31], np.int32))
    assert found == [{"red", "kite"}, set(), {"red", "kite"}, {"red", "kite"}]


def test_labels_lie_in_the_thick_of_their_region_and_not_on_each_other() -> None:
    draw = np.random.default_rng(0)
    # two regions that touch where both are densest, each with a second, thinner heap
    dense = 0.05 * draw.normal(size=(200, 2))
    first = np.concatenate([dense - [0.1, 0], [-4, 0] + 0.3 * draw.normal(size=(60, 2))])
    second = np.concatenate([dense + [0.1, 0], [4, 0] + 0.3 * draw.normal(size=(60, 2))])
    places = np.concatenate([first, second]).astype(np.float32)
    regions = np.repeat([0, 1], 260)
    words = [frozenset({"left"})] * 260 + [frozenset({"right"})] * 260
    one, other = labels(places, regions, words)
    assert np.hypot(one.x, one.y) < 0.4
    assert abs(other.x - 4) < 1, "its densest place is taken"
    flat = labels(np.column_stack([places, places[:, 0]]), regions, words)
    assert flat[0].z == pytest.approx(flat[0].x)


def test_a_region_that_says_nothing_of_its_own_has_no_label() -> None:
    places, who = islands(3)
    assert labels(places, who, [frozenset({"kite"})] * len(who)) == ()
    long = [frozenset({f"{'word' * 12}{group}", f"{'also' * 5}{group}"}) for group in who.tolist()]
    assert all(0 < len(label.text) <= 32 for label in labels(places, who, long))
