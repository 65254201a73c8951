"""Gradient descent and noise, held against the exact answer where there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.drift.stress.ascent import Ascent, Found, Margins, Seeds, by_noise, smaller
from backend.drift.stress.cells import Ground
from backend.drift.stress.cones import smallest_change
from backend.drift.stress.rays import directions, first_crossings
from tests.unit.drift.plane import at_random

GROUND = Ground(at_random(60, 120, 16, seed=3))
ITEMS = [f"image:{row}" for row in range(0, 60, 3)]
CELLS = GROUND.cells["image"]
MARGINS = Margins(CELLS, lambda rows: rows)
SEEDS = Seeds(
    ITEMS,
    torch.from_numpy(np.stack([GROUND.vector(item) for item in ITEMS])),
    np.array([GROUND.attractor(item) for item in ITEMS]),
)
DESCENT = Ascent("l2", (0.02, 0.08, 0.32, 1.0), steps=20)
EXACT = np.array([smallest_change(CELLS, GROUND.vector(item)).length for item in ITEMS])


def lengths(found: Found) -> np.ndarray:
    return (found.points - SEEDS.points).norm(dim=1).numpy()


def test_a_margin_is_the_best_of_the_own_less_the_best_of_all_others() -> None:
    margins = MARGINS(SEEDS.points, SEEDS.own).numpy()
    for point, own, margin in zip(SEEDS.points.numpy(), SEEDS.own, margins, strict=True):
        scores = CELLS.vectors @ point
        ours = CELLS.attractor == own
        assert margin == pytest.approx(scores[ours].max() - scores[~ours].max(), abs=1e-5)
        assert margin >= 0


def test_descent_goes_over_and_hardly_less_does_not() -> None:
    found = DESCENT.smallest(MARGINS, SEEDS)
    assert np.isfinite(found.sizes).all()
    np.testing.assert_allclose(lengths(found), found.sizes, rtol=1e-4)
    assert MARGINS.elsewhere(found.points, SEEDS.own).all()
    shorter = SEEDS.points + 0.998 * (found.points - SEEDS.points)
    assert not MARGINS.elsewhere(shorter, SEEDS.own).any()


def test_descent_is_never_better_than_the_exact_answer_and_near_to_it() -> None:
    found = DESCENT.smallest(MARGINS, SEEDS)
    assert (found.sizes >= EXACT - 1e-4).all()
    assert np.median(found.sizes / EXACT) < 1.1


def test_descent_finds_no_larger_change_than_random_directions() -> None:
    found = DESCENT.smallest(MARGINS, SEEDS)
    draw = np.random.default_rng(0)
    for item, size in zip(ITEMS, found.sizes, strict=True):
        crossings, _ = first_crossings(CELLS, GROUND.vector(item), directions(100, 16, draw))
        assert size <= crossings.min() + 1e-4


@pytest.mark.parametrize("steps", [1, 5])
def test_more_steps_or_restarts_find_no_larger_changes(steps: int) -> None:
    few = Ascent("l2", DESCENT.sizes, steps=steps, restarts=0).smallest(MARGINS, SEEDS)
    many = Ascent("l2", DESCENT.sizes, steps=40, restarts=2).smallest(MARGINS, SEEDS)
    assert many.sizes.mean() <= few.sizes.mean() + 1e-6


def test_what_is_drawn_for_a_seed_does_not_depend_on_its_company() -> None:
    hard = Ascent("l2", (0.05, 0.1, 0.2), steps=3, restarts=3, seed=5)
    together = hard.smallest(MARGINS, SEEDS).sizes
    for row in (0, 7, 19):
        alone = hard.smallest(MARGINS, SEEDS.only(np.array([row]))).sizes[0]
        assert alone == pytest.approx(together[row], rel=1e-3)


def test_what_cannot_be_sent_elsewhere_stays_where_it_is() -> None:
    found = Ascent("l2", (1e-5,), steps=3).smallest(MARGINS, SEEDS)
    assert np.isinf(found.sizes).all()
    torch.testing.assert_close(found.points, SEEDS.points)


# --- pixels ---------------------------------------------------------------------------------------


def lens(pixels: torch.Tensor) -> torch.Tensor:
    """A small curved encoder of 3 x 4 x 4 values."""
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(48, 32, generator=generator)
    second = torch.randn(32, 16, generator=generator)
    return torch.tanh((pixels.flatten(1) / 127.5 - 1) @ first / 4) @ second


PICTURES = 255 * torch.rand(12, 3, 4, 4, generator=torch.Generator().manual_seed(1))
PIXEL_MARGINS = Margins(CELLS, lens)
PIXEL_SEEDS = Seeds(ITEMS[:12], PICTURES, CELLS.of(lens(PICTURES).numpy()))
SIZES = (0.5, 2.0, 8.0, 32.0)
PIXELS = Ascent("linf", SIZES, bounds=(0.0, 255.0))


def test_pixels_stay_in_range_and_within_epsilon_and_go_over() -> None:
    found = PIXELS.smallest(PIXEL_MARGINS, PIXEL_SEEDS)
    there = np.isfinite(found.sizes)
    assert there.sum() > 8
    assert found.points.min() >= 0
    assert found.points.max() <= 255
    change = (found.points - PICTURES).abs().flatten(1).amax(dim=1).numpy()
    np.testing.assert_allclose(change[there], found.sizes[there], rtol=1e-4)
    assert PIXEL_MARGINS.elsewhere(found.points, PIXEL_SEEDS.own)[there].all()


def test_noise_goes_over_in_bounds_and_descent_needs_less() -> None:
    noise = by_noise(PIXEL_MARGINS, PIXEL_SEEDS, SIZES, (0.0, 255.0), 0, "one")
    there = np.isfinite(noise.sizes)
    assert there.any()
    assert PIXEL_MARGINS.elsewhere(noise.points, PIXEL_SEEDS.own)[there].all()
    assert noise.points.min() >= 0
    assert noise.points.max() <= 255
    assert ((noise.points - PICTURES).abs().flatten(1).amax(dim=1).numpy()[there] <= 32).all()
    found = PIXELS.smallest(PIXEL_MARGINS, PIXEL_SEEDS)
    assert (found.sizes[there] <= noise.sizes[there]).mean() > 0.8
    assert np.median(found.sizes[there] / noise.sizes[there]) < 0.6


def test_the_smaller_of_two_is_taken_seed_by_seed() -> None:
    one = Found(np.array([1.0, np.inf, 3.0]), torch.zeros(3, 2))
    other = Found(np.array([2.0, 5.0, 0.5]), torch.ones(3, 2))
    both = smaller(one, other)
    assert both.sizes.tolist() == [1.0, 5.0, 0.5]
    assert both.points[:, 0].tolist() == [0, 1, 1]
