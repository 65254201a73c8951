"""Search among both modalities against a slow loop that orders equals in every way at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.evaluation import mixed as module
from backend.evaluation.mixed import chance_of, kin_of, mixed, places_of
from backend.evaluation.retrieval import text_to_image_ranks
from tests.unit.golden import unit


def spaces(seed: int, gap: float = 0.0, images: int = 20, captions: int = 3, dimension: int = 6):
    draw = np.random.default_rng(seed)
    owner = draw.permutation(np.repeat(np.arange(images), captions))
    image = unit(draw.normal(size=(images, dimension)))
    text = unit(image[owner] + 0.3 * draw.normal(size=(len(owner), dimension)))
    image, text = unit(image + gap * np.eye(dimension)[0]), unit(text - gap * np.eye(dimension)[0])
    return image.astype(np.float32), text.astype(np.float32), owner


def lattice(seed: int):
    """Few different vectors, so that images and captions tie with each other, whose products are exact."""
    draw = np.random.default_rng(seed)
    corners = np.array([[a, b, c, d] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)
                        for d in (-1, 1)]) / 2  # fmt: skip
    owner = draw.permutation(np.repeat(np.arange(9), 2))
    chosen = [corners[draw.integers(0, 16, size)].astype(np.float32) for size in (9, 18)]
    return chosen[0], chosen[1], owner


def slow(space, query: int, places: int) -> tuple[float, float]:
    """Chance that the own image is first, and expected images among the first, one score level at a time."""
    image, text, owner = space
    gallery = [(float(text[query] @ row), True, place == owner[query])
               for place, row in enumerate(image)]  # fmt: skip
    gallery += [
        (float(text[query] @ row), False, False)
        for row, whose in zip(text, owner, strict=True)
        if whose != owner[query]
    ]
    first, images, taken = 0.0, 0.0, 0
    for number, level in enumerate(
        sorted({round(score, 5) for score, _, _ in gallery}, reverse=True)
    ):
        here = [one for one in gallery if round(one[0], 5) == level]
        if number == 0:
            first = sum(one[2] for one in here) / len(here)
        some = min(len(here), places - taken)
        images += some * sum(one[1] for one in here) / len(here)
        taken += some
    return first, images / places


@pytest.mark.parametrize("make", [spaces, lattice])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("places", [1, 4, 10])
def test_both_numbers_equal_a_slow_loop(make, seed: int, places: int) -> None:
    space = make(seed)
    queries = np.arange(len(space[1]))[1::2]
    found = mixed(*space, queries, places)
    expected = np.array([slow(space, query, places) for query in queries])
    assert found.first == pytest.approx(expected[:, 0])
    assert found.image_share == pytest.approx(expected[:, 1])


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), gap=st.floats(0, 3))
def test_what_comes_first_of_all_comes_first_among_images(seed: int, gap: float) -> None:
    space = spaces(seed, gap)
    found = mixed(*space, np.arange(60))
    assert (found.first <= text_to_image_ranks(*space).hits(1) + 1e-9).all()
    assert ((found.image_share >= 0) & (found.image_share <= 1)).all()


def test_a_gap_hides_the_images_while_captions_still_find_them_among_images() -> None:
    near, far = spaces(1, 0.0, images=60), spaces(1, 3.0, images=60)
    queries = np.arange(180)
    together, apart = mixed(*near, queries), mixed(*far, queries)
    proportion = chance_of(60, near[2], queries)[1]
    assert proportion == pytest.approx(60 / 237)
    assert together.image_share.mean() == pytest.approx(proportion, abs=0.1)
    assert apart.image_share.max() == 0 == apart.first.max()
    assert together.first.mean() > 0.2
    assert text_to_image_ranks(*far).hits(1).mean() > 0.2


def test_a_collapsed_space_gives_chance() -> None:
    image, text = (np.tile(np.float32([[0.6, 0.8]]), (size, 1)) for size in (30, 90))
    owner = np.repeat(np.arange(30), 3)
    queries = np.arange(90)
    found = mixed(image, text, owner, queries)
    first, share = chance_of(30, owner, queries)
    assert (first, share) == pytest.approx((1 / 117, 30 / 117))
    assert found.first == pytest.approx(first)
    assert found.image_share == pytest.approx(share)


def test_blocks_and_what_else_asks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    space = spaces(2)
    whole = mixed(*space, np.arange(60))
    some = np.array([3, 20, 21, 57])
    few = mixed(*space, some)
    monkeypatch.setattr(module, "_CELLS", 80 * 7)
    parts = mixed(*space, np.arange(60))
    for one in range(2):
        np.testing.assert_array_equal(parts[one], whole[one])
        np.testing.assert_array_equal(few[one], whole[one][some])


def test_small_galleries_have_fewer_places() -> None:
    owner = np.array([0, 0, 1, 2])
    assert places_of(3, owner) == 5  # the captions of image 0 leave three images and two captions
    assert places_of(300, np.arange(300)) == 10
    image, text, _ = spaces(3, images=3, captions=1)
    text = np.concatenate([text, text[:1]])
    found = mixed(image, text, np.array([0, 1, 2, 0]), np.arange(4), places_of(3, owner))
    assert found.image_share[[0, 3]] == pytest.approx(3 / 5)


def test_captions_of_the_same_words_do_not_stand_before_their_image() -> None:
    """As in folders of classes: every item of a class has the same caption, at cosine 1 with each other."""
    classes, each = 4, 5
    middles = np.eye(classes, 8)
    image = unit(
        np.repeat(middles, each, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(20, 8))
    )
    said = np.repeat(np.arange(classes), each)
    owner = np.arange(20)
    space = image.astype(np.float32), middles[said].astype(np.float32), owner
    queries = np.arange(20)
    assert mixed(*space, queries, 3).first.mean() == 0.0
    kin = kin_of(owner, said)
    assert [len(set(kin[said == name])) for name in range(classes)] == [1] * classes
    assert len(set(kin)) == classes
    found = mixed(*space, queries, places_of(20, kin), kin)
    # one image of each class is the nearest of its own
    assert found.first.sum() == pytest.approx(classes, abs=0.01)
    first, share = chance_of(20, kin, queries)
    assert first == pytest.approx(1 / 35) and share == pytest.approx(20 / 35)


def test_kin_are_linked_by_images_and_by_words() -> None:
    owner, said = np.array([0, 0, 1, 2, 2, 3]), np.array([0, 1, 1, 2, 3, 4])
    kin = kin_of(owner, said)
    assert kin[0] == kin[1] == kin[2]  # image 1 says what image 0 says
    assert kin[3] == kin[4] and len({kin[0], kin[3], kin[5]}) == 3
