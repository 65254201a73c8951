"""Retrieval cycles on a space small enough to follow by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backend.drift.cycles import retrieval_cycle
from backend.errors import InvalidInput


class Plane:
    """Items on a circle, by angle in degrees; nearest means smallest angle between."""

    def __init__(self, images: dict[str, float], texts: dict[str, float]) -> None:
        self.angles = {"image": images, "text": texts}

    def vector(self, item_id: str) -> np.ndarray:
        angle = np.radians({**self.angles["image"], **self.angles["text"]}[item_id])
        return np.array([np.cos(angle), np.sin(angle)], np.float32)

    def nearest(self, query: np.ndarray, target: str, k: int) -> list[str]:
        items = sorted(self.angles[target], key=lambda item: -float(self.vector(item) @ query))
        return items[:k]


SPACE = Plane(images={"i0": 0, "i40": 40, "i90": 90}, texts={"t15": 15, "t35": 35, "t80": 80})


def test_a_chain_alternates_and_ends_in_a_loop() -> None:
    chain = retrieval_cycle(SPACE, "i0", "text", 6)
    items = [step.item_id for step in chain.generations]
    assert items == ["i0", "t15", "i0", "t15", "i0", "t15", "i0"]
    assert (chain.closes_at, chain.period) == (2, 2)


def test_similarities_are_cosines_to_the_start_and_the_step_before() -> None:
    chain = retrieval_cycle(SPACE, "t80", "image", 2)
    assert [step.item_id for step in chain.generations] == ["t80", "i90", "t80"]
    first = chain.generations[1]
    assert first.similarity_to_start == pytest.approx(np.cos(np.radians(10)), abs=1e-6)
    assert first.similarity_to_previous == pytest.approx(np.cos(np.radians(10)), abs=1e-6)
    assert chain.generations[0].similarity_to_previous is None


def test_without_revisits_every_item_is_new_until_none_is_left() -> None:
    chain = retrieval_cycle(SPACE, "i0", "text", 20, revisit=False)
    items = [step.item_id for step in chain.generations]
    assert len(items) == len(set(items)) == 6
    assert chain.closes_at is None
    starts = [step.similarity_to_start for step in chain.generations]
    assert starts[-1] < starts[1]


@pytest.mark.parametrize("generations", [0, -1, 101])
def test_the_number_of_generations_is_bounded(generations: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 100"):
        retrieval_cycle(SPACE, "i0", "text", generations)
