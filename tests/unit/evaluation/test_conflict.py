"""Balance points against a dense grid of weights, by hand, and as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Cancelled, InvalidInput
from backend.evaluation.conflict import balance, balance_point, conflicts, envelope, reign
from tests.unit.golden import unit

GRID = np.linspace(0, 1, 2001)


def spaces(seed: int, noise: float = 0.6, images: int = 40, captions: int = 3):
    draw = np.random.default_rng(seed)
    owner = draw.permutation(np.repeat(np.arange(images), captions))
    image = unit(draw.normal(size=(images, 8)))
    text = unit(image[owner] + noise * draw.normal(size=(len(owner), 8)))
    return image.astype(np.float32), text.astype(np.float32), owner


def answers(u, t, gallery) -> list[int]:
    """The first item at each weight of the grid, with the query brought to length one."""
    told = []
    for w in GRID:
        query = (1 - w) * u + w * t
        told.append(int((gallery @ (query / np.linalg.norm(query))).argmax()))
    return told


@given(seed=st.integers(0, 10_000))
def test_the_answers_are_those_of_a_dense_grid(seed: int) -> None:
    draw = np.random.default_rng(seed)
    gallery, (u, t) = unit(draw.normal(size=(60, 5))), unit(draw.normal(size=(2, 5)))
    found = balance(u, t, gallery)
    grid = answers(u, t, gallery)
    for w, row in zip(GRID, grid, strict=True):
        at = [each.row for each in found.segments if each.start - 1e-9 <= w <= each.end + 1e-9]
        assert row in at
    assert found.segments[0].start == 0 and found.segments[-1].end == 1
    for one, next_one in zip(found.segments, found.segments[1:], strict=False):
        assert one.end == next_one.start > one.start
    assert len({each.row for each in found.segments}) == len(found.segments)
    if len(found.segments) > 1:
        assert found.leaves_image_at == found.segments[0].end
        assert found.reaches_text_at == found.segments[-1].start
        assert (np.array(grid) == grid[0]).sum() == pytest.approx(
            1 + found.leaves_image_at * 2000, abs=1.01
        )


@given(seed=st.integers(0, 10_000))
def test_an_item_reigns_where_it_is_the_answer(seed: int) -> None:
    draw = np.random.default_rng(seed)
    first, second = draw.normal(size=(2, 30))
    segments = {each.row: (each.start, each.end) for each in envelope(first, second).segments}
    for row in range(30):
        assert (reign(first, second, row) is None) == (row not in segments)
        if row in segments:
            assert reign(first, second, row) == pytest.approx(segments[row], abs=1e-9)


def test_two_answers_change_places_at_a_point_known_by_hand() -> None:
    # at w the image's answer scores 1 - w, the text's w, and the third 0.4
    first, second = np.array([1.0, 0.0, 0.4]), np.array([0.0, 1.0, 0.4])
    found = envelope(first, second)
    assert [each.row for each in found.segments] == [0, 1]
    assert found.leaves_image_at == found.reaches_text_at == 0.5
    third = envelope(first, second + np.array([0, 0, 0.4]))  # 0.4 + 0.4 w: first from 3/7 to 2/3
    assert [each.row for each in third.segments] == [0, 2, 1]
    assert third.leaves_image_at == pytest.approx(3 / 7)
    assert third.reaches_text_at == pytest.approx(2 / 3)
    agreed = envelope(first, first)
    assert len(agreed.segments) == 1
    assert agreed.leaves_image_at is agreed.reaches_text_at is None


def test_the_closed_form_is_where_both_score_the_same() -> None:
    draw = np.random.default_rng(3)
    u, t, a, b = unit(draw.normal(size=(4, 6)))
    if u @ (a - b) < 0:
        a, b = b, a
    w = balance_point(u, t, a, b)
    if t @ (b - a) < 0:
        assert w is None
        t = -t
        w = balance_point(u, t, a, b)
    assert w is not None
    query = (1 - w) * u + w * t
    assert query @ a == pytest.approx(query @ b)
    direct = balance(u, t, np.stack([a, b]))
    assert direct.leaves_image_at == pytest.approx(w)
    assert balance_point(u, t, b, a) is None
    assert balance_point(u, t, a, a) is None


def test_equal_items_and_three_lines_through_one_point() -> None:
    first, second = np.array([1.0, 0.5, 0.0, 1.0]), np.array([0.0, 0.5, 1.0, 0.0])
    found = envelope(first, second)
    assert [(each.row, each.end) for each in found.segments] == [(0, 0.5), (2, 1.0)]
    # an item that equals the best at w = 0 and falls slower is the answer at once
    steep = envelope(np.array([1.0, 1.0]), np.array([0.0, 0.9]))
    assert [each.row for each in steep.segments] == [1]
    assert reign(first, second, 0) == reign(first, second, 3) == (0.0, 0.5)


def test_conflicts_equal_a_slow_loop() -> None:
    image, text, owner = spaces(4, noise=1.2)
    found = conflicts(image, text, owner, seed=1, count=1000)
    assert found.pairs == 40  # each image once
    again = conflicts(image, text, owner, seed=1, count=1000)
    assert again == found
    leaves, reaches, halves = [], [], []
    for own, caption in drawn_pairs(image, text, owner, seed=1):
        grid = answers(image[own], text[caption], image)
        other = int(owner[caption])
        assert other != own and grid[0] == own
        gone = [w for w, row in zip(GRID, grid, strict=True) if row != own]
        there = [w for w, row in zip(GRID, grid, strict=True) if row == other]
        leaves += gone[:1]
        reaches += [(there[0], gone[0])] if there else []
        halves.append((grid[1000] == own, grid[1000] == other))
    assert found.leaves_image is not None and found.reaches_text is not None
    assert found.leaves_image.count == len(leaves)
    assert found.leaves_image.median == pytest.approx(np.median(leaves), abs=1e-3)
    assert found.stays.value == pytest.approx(1 - len(leaves) / 40)
    assert found.reached.value == pytest.approx(len(reaches) / 40)
    assert found.reaches_text.upper == pytest.approx(
        np.quantile([each for each, _ in reaches], 0.75), abs=1e-3
    )
    assert found.between is not None
    assert found.between.value == pytest.approx(np.mean([a > b for a, b in reaches]))
    assert 0 < found.between.value < 1
    assert found.image_at_half.value == pytest.approx(np.mean([own for own, _ in halves]))
    assert found.text_at_half.value == pytest.approx(np.mean([other for _, other in halves]))
    low, high = found.leaves_image.interval
    assert found.leaves_image.lower <= low <= found.leaves_image.median <= high


def drawn_pairs(image, text, owner, seed: int) -> list[tuple[int, int]]:
    """Which pairs that seed draws."""
    from backend.evaluation.conflict import _pairs

    rows, captions = _pairs(len(image), owner, np.random.default_rng(seed), 1000)
    return list(zip(rows.tolist(), captions.tolist(), strict=True))


@given(seed=st.integers(0, 10_000))
def test_pairs_are_of_two_images(seed: int) -> None:
    image, text, owner = spaces(seed, images=5, captions=2)
    owner[owner == 2] = 3  # one image without captions
    pairs = drawn_pairs(image, text, owner, seed)
    assert sorted(row for row, _ in pairs) == list(range(5))
    assert all(owner[caption] != row for row, caption in pairs)


def test_the_same_picture_twice_does_not_take_the_first_place_away() -> None:
    image, text, owner = spaces(5, noise=0.05)
    doubled = np.concatenate([image, image * np.float32(1 + 1e-7)])
    found = conflicts(doubled, text, owner, seed=2, count=80)
    # the caption's image, though there are two of it, and not before an even share
    assert found.reached.value == 1.0
    assert found.leaves_image is not None and found.leaves_image.lower > 0.4
    # a caption of the picture itself is no conflict, which only the twins can be given
    assert found.stays.value <= 3 / 80


def test_what_cannot_be_asked_is_said_and_progress_may_cancel() -> None:
    image, text, owner = spaces(6)
    with pytest.raises(InvalidInput, match="at least 2 images"):
        conflicts(image[:1], text[:1], np.zeros(1, np.int64))

    def stop(done: int, total: int, unit: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        conflicts(image, text, owner, report=stop)
