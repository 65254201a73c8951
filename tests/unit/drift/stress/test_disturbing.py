"""Seeds disturbed in the space and in pixels: what is told of each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.drift.stress.cells import Ground
from backend.drift.stress.disturbing import in_embedding, in_pixels
from backend.errors import Cancelled
from backend.schemas.stress import StressRequest
from tests.unit.drift.plane import at_random, on_circle

GROUND = Ground(at_random(40, 80, 8, seed=4))
ITEMS = [*(f"image:{row}" for row in range(0, 40, 4)), *(f"text:{row}" for row in range(0, 80, 9))]
REQUEST = StressRequest(directions=6, steps=10)
FOUND = in_embedding(GROUND, ITEMS, REQUEST)


def test_every_seed_has_the_three_attacks_from_the_hardest_to_the_easiest() -> None:
    assert set(FOUND) == set(ITEMS)
    for flips in FOUND.values():
        random, descent, exact = flips
        assert [each.attack for each in flips] == ["random", "pgd", "exact"]
        assert len(random.epsilons) == 6
        assert exact.epsilon <= descent.epsilon + 1e-4
        assert random.epsilon is None or descent.epsilon <= random.epsilon
        assert exact.epsilon <= 1 + 1e-6


def test_where_a_seed_then_ends_is_an_attractor_and_not_its_own() -> None:
    for item, flips in FOUND.items():
        own = GROUND.members(GROUND.attractor(item))
        for each in flips:
            if each.epsilon is not None:
                assert set(each.ends) != set(own)
                assert {GROUND.side(end) for end in each.ends} == {"image", "text"}


def test_what_is_found_of_a_seed_does_not_depend_on_its_company() -> None:
    alone = in_embedding(GROUND, ITEMS[3:4], REQUEST)[ITEMS[3]]
    together = FOUND[ITEMS[3]]
    assert alone[0] == together[0]
    for one, other in zip(alone[1:], together[1:], strict=True):
        assert one.epsilon == pytest.approx(other.epsilon, rel=1e-3)


def test_a_single_attractor_is_left_by_nothing() -> None:
    ground = Ground(on_circle({"i0": 0}, {"t10": 10, "t40": 40}))
    (flips,) = in_embedding(ground, ["i0"], REQUEST).values()
    assert [each.epsilon for each in flips] == [None, None, None]
    assert all(each.ends == () for each in flips)


def lens(pixels: torch.Tensor) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return (pixels.flatten(1) / 127.5 - 1) @ torch.randn(12, 8, generator=draw)


def test_pixels_are_told_in_steps_of_255() -> None:
    pictures = 255 * torch.rand(5, 3, 2, 2, generator=torch.Generator().manual_seed(2))
    counts: list[int] = []
    found = in_pixels(
        GROUND, ITEMS[:5], pictures, lens, REQUEST, lambda done, total, unit: counts.append(done)
    )
    own = GROUND.cells["image"].of(lens(pictures).numpy())
    assert list(found) == ITEMS[:5]
    assert counts[-1] == 5
    for (random, descent), start in zip(found.values(), own, strict=True):
        assert (random.space, descent.space) == ("pixels", "pixels")
        assert len(random.epsilons) == 6
        assert all(size is None or 0 < size <= 32 for size in random.epsilons)
        if random.epsilon is not None:
            assert descent.epsilon <= random.epsilon
            assert set(random.ends) != set(GROUND.members(int(start)))
    assert np.mean([flips[1].epsilon is not None for flips in found.values()]) > 0.5


def test_it_stops_when_it_is_asked_to() -> None:
    def stop(done: int, total: int, unit: str) -> None:
        if done >= 3:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        in_embedding(GROUND, ITEMS, REQUEST, stop)
