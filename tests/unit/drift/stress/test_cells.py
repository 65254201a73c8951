"""How far seeds may be moved, against looking at every point, and against solving every cone in full."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from backend.drift.stress.cells import Ground
from backend.drift.stress.cones import smallest_change
from backend.drift.stress.rays import directions, first_crossings
from tests.unit.drift.plane import at_random, on_circle

CIRCLE = Ground(on_circle({"i0": 0, "i90": 90}, {"t10": 10, "t40": 40, "t85": 85}))
GROUNDS = [Ground(at_random(30, 60, dimension, seed)) for dimension, seed in ((3, 1), (8, 2))]
SEEDS = [f"image:{row}" for row in range(0, 30, 5)] + [f"text:{row}" for row in range(0, 60, 9)]


def ends(ground: Ground, side: str, point: np.ndarray) -> int:
    """Where a chain from a point ends: the most similar item, then step by step until it repeats."""
    here = side
    vector = point
    seen: list[str] = []
    while True:
        here = "text" if here == "image" else "image"
        index = ground.galleries[here]
        row = int((index.vectors().astype(float) @ vector).argmax())
        if index.ids[row] in seen[:-2]:
            return ground.attractor(index.ids[row])
        seen.append(index.ids[row])
        vector = index.vectors()[row].astype(float)


def test_chains_from_points_end_where_walking_ends() -> None:
    draw = np.random.default_rng(0)
    for ground in GROUNDS:
        for side in ("image", "text"):
            points = draw.normal(size=(40, ground.galleries[side].vectors().shape[1]))
            found = ground.cells[side].of(points.astype(np.float32))
            assert found.tolist() == [ends(ground, side, point) for point in points]


def test_seeds_end_where_their_chain_ends_and_members_are_a_cycle() -> None:
    for item, pair in {"i0": {"i0", "t10"}, "t40": {"i0", "t10"}, "i90": {"i90", "t85"}}.items():
        assert set(CIRCLE.members(CIRCLE.attractor(item))) == pair
    assert CIRCLE.attractors == 2


@pytest.mark.parametrize(("item", "degrees"), [("i0", 62.5), ("i90", 27.5), ("t40", 5.0)])
def test_the_smallest_change_by_hand(item: str, degrees: float) -> None:
    # to the bisector between the last item that ends here and the first that ends elsewhere
    found = smallest_change(CIRCLE.cells[CIRCLE.side(item)], CIRCLE.vector(item))
    assert found.length == pytest.approx(np.sin(np.radians(degrees)), abs=1e-5)


def all_cones(ground: Ground, item: str) -> float:
    """The distance to every item of another attractor with every condition at once."""
    cells, vector = ground.cells[ground.side(item)], ground.vector(item).astype(float)
    items = cells.vectors.astype(float)
    own = items[cells.attractor == ground.attractor(item)]
    lengths = []
    for other in items[cells.attractor != ground.attractor(item)]:
        edges = other - own
        weights, _ = nnls(edges.T, -vector)
        lengths.append(np.linalg.norm(weights @ edges))
    return min(lengths)


@pytest.mark.parametrize("ground", GROUNDS)
def test_the_smallest_change_is_the_nearest_of_all_cones(ground: Ground) -> None:
    for item in SEEDS:
        found = smallest_change(ground.cells[ground.side(item)], ground.vector(item))
        assert found.length == pytest.approx(all_cones(ground, item), abs=1e-5)


@pytest.mark.parametrize("ground", GROUNDS)
def test_it_goes_over_and_nothing_smaller_does(ground: Ground) -> None:
    draw = np.random.default_rng(1)
    for item in SEEDS:
        side, vector = ground.side(item), ground.vector(item).astype(float)
        cells, found = ground.cells[side], smallest_change(ground.cells[side], ground.vector(item))
        lead = ground.members(found.attractor)[0 if side == "text" else 1]
        assert ground.side(lead) != side
        beyond = [
            found.point + 1e-4 * other
            for other in cells.vectors[cells.attractor == found.attractor].astype(float)
        ]
        assert found.attractor in [ends(ground, side, point) for point in beyond]
        ways = draw.normal(size=(300, len(vector)))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        within = vector + 0.999 * found.length * ways
        assert set(cells.of(within.astype(np.float32))) == {ground.attractor(item)}


@pytest.mark.parametrize("ground", GROUNDS)
def test_first_crossings_are_the_first_of_a_fine_walk(ground: Ground) -> None:
    draw, step = np.random.default_rng(2), 0.002
    crossed = 0
    for item in SEEDS[::3]:
        side, vector = ground.side(item), ground.vector(item)
        cells, own = ground.cells[side], ground.attractor(item)
        ways = directions(4, len(vector), draw)
        lengths, to = first_crossings(cells, vector, ways)
        for way, length, end in zip(ways, lengths, to, strict=True):
            walk = np.arange(0, 4, step)
            points = (vector[None] + walk[:, None] * way).astype(np.float32)
            elsewhere = np.flatnonzero(cells.of(points) != own)
            first = walk[elsewhere[0]] if len(elsewhere) else np.inf
            if np.isinf(length) or length > 3.9:
                assert np.isinf(first) or first > 3.9
                continue
            crossed += 1
            # a cell may be crossed between two steps of the walk, so it may come later
            assert first - step - 1e-3 <= length or first > length
            just = (vector + (length + 1e-4) * way).astype(np.float32)
            assert cells.of(just[None])[0] == end != own
            before = (vector + max(0.0, length - 1e-3) * way).astype(np.float32)
            assert cells.of(before[None])[0] == own
    assert crossed > 5


def test_no_direction_crosses_earlier_than_the_smallest_change() -> None:
    draw = np.random.default_rng(3)
    for ground in GROUNDS:
        for item in SEEDS:
            cells, vector = ground.cells[ground.side(item)], ground.vector(item)
            lengths, _ = first_crossings(cells, vector, directions(50, len(vector), draw))
            assert lengths.min() >= smallest_change(cells, vector).length - 1e-5


def test_where_all_chains_end_together_nothing_sends_one_elsewhere() -> None:
    ground = Ground(on_circle({"i0": 0}, {"t10": 10, "t40": 40}))
    vector = ground.vector("i0")
    found = smallest_change(ground.cells["image"], vector)
    assert np.isinf(found.length)
    assert found.attractor == -1
    lengths, to = first_crossings(
        ground.cells["image"], vector, directions(5, 2, np.random.default_rng(0))
    )
    assert np.isinf(lengths).all()
    assert set(to) == {-1}


def test_spread_is_the_distance_of_two_items() -> None:
    rows = GROUNDS[0].galleries["text"].vectors().astype(float)
    apart = np.array([[np.sum((one - other) ** 2) for other in rows] for one in rows])
    assert GROUNDS[0].spread("text") == pytest.approx(np.sqrt(apart.mean()), abs=1e-5)
