"""The worst queries against a slow loop."""

from __future__ import annotations

import numpy as np
import pytest

from backend.evaluation.mistakes import worst
from backend.evaluation.retrieval import image_to_text_ranks, text_to_image_ranks
from tests.unit.golden import unit


def spaces(seed: int, noise: float = 1.5, images: int = 30, captions: int = 3):
    draw = np.random.default_rng(seed)
    owner = draw.permutation(np.repeat(np.arange(images), captions))
    image = unit(draw.normal(size=(images, 8)))
    text = unit(image[owner] + noise * draw.normal(size=(len(owner), 8)))
    return image.astype(np.float32), text.astype(np.float32), owner


@pytest.mark.parametrize("seed", range(3))
def test_captions_that_find_their_image_last_come_first(seed: int) -> None:
    image, text, owner = spaces(seed)
    found = worst(image, text, owner, "text", 10)
    ranks = 1 + text_to_image_ranks(image, text, owner).above
    by_image = {i: max(ranks[owner == i]) for i in range(30)}
    assert [each.rank for each in found] == sorted(by_image.values(), reverse=True)[:10]
    assert len({owner[each.query] for each in found}) == 10
    for each in found:
        scores = image @ text[each.query]
        assert each.truth == owner[each.query] and each.rank == ranks[each.query]
        assert each.found == scores.argmax() != each.truth
        assert each.found_score == pytest.approx(scores.max())
        assert each.truth_score == pytest.approx(scores[each.truth])


def test_images_are_held_against_the_best_of_their_captions() -> None:
    image, text, owner = spaces(4)
    found = worst(image, text, owner, "image", 5)
    ranks = 1 + image_to_text_ranks(image, text, owner).above
    assert [each.rank for each in found] == sorted(ranks, reverse=True)[:5]
    for each in found:
        own = np.flatnonzero(owner == each.query)
        assert each.truth == own[np.argmax(text[own] @ image[each.query])]
        assert owner[each.found] != each.query


def test_what_is_found_first_is_no_mistake_and_no_caption_no_query() -> None:
    image, text, owner = spaces(5, noise=0.0)
    assert worst(image, text, owner, "text", 10) == worst(image, text, owner, "image", 10) == []
    image, text, owner = spaces(6)
    kept = owner != 3
    found = worst(image, text[kept], owner[kept], "image", 100)
    assert found and 3 not in {each.query for each in found}
