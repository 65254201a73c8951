"""mini-vec2vec: finds a planted turn without a pair, never looks at one, and says when it cannot work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.alignment import blind
from backend.alignment.base import Alignment, load_alignment
from backend.alignment.methods import fit
from backend.alignment.moments import unit
from backend.alignment.pairs import PairedFeatures, Unpaired
from backend.errors import Cancelled, InvalidInput
from backend.evaluation.retrieval import mean_recall
from backend.reporting import silent
from tests.unit.alignment.pairs_of import context

GROUPS, WIDTH = 12, 24
SMALL = {"clusters": GROUPS, "matchings": 4, "restarts": 100, "refinements": 10, "neighbours": 15}


class World:
    """Two views of one clustered space: as it is, and turned (in more dimensions, with another mean)."""

    def __init__(self, seed: int, text_width: int = WIDTH) -> None:
        draw = np.random.default_rng(seed)
        self.centres = 4 * draw.normal(size=(GROUPS, WIDTH)) * 0.8 ** np.arange(WIDTH)
        turned, _ = np.linalg.qr(draw.normal(size=(text_width, text_width)))
        self.turn = turned[:WIDTH]

    def pairs(self, items: int, seed: int, captions: int = 2) -> PairedFeatures:
        draw = np.random.default_rng(seed)
        group = draw.integers(0, GROUPS, items)
        hidden = self.centres[group] + draw.normal(size=(items, WIDTH)) * 0.9 ** np.arange(WIDTH)
        owner = np.repeat(np.arange(items), captions)
        text = hidden[owner] @ self.turn
        image = hidden + 0.05 * draw.normal(size=hidden.shape) + 2
        text = text + 0.05 * draw.normal(size=text.shape) - 3
        return PairedFeatures(image.astype(np.float32), text.astype(np.float32), owner)


def recall(alignment: Alignment, pairs: PairedFeatures) -> float:
    image = alignment.transform("image", pairs.image)
    text = alignment.transform("text", pairs.text)
    return mean_recall(image, text, pairs.image_of_text)["text_to_image/recall_at_1"]


@pytest.mark.parametrize("text_width", [WIDTH, 40])
def test_a_planted_turn_is_found_without_a_pair(text_width: int, tmp_path: Path) -> None:
    world = World(0, text_width)
    held_out = world.pairs(200, 2)
    alignment = fit(
        "mini-vec2vec", world.pairs(800, 1), held_out, context(tmp_path, "mini-vec2vec", **SMALL)
    )
    assert recall(alignment, held_out) > 0.9  # chance 0.005
    assert alignment.dimension == WIDTH
    assert alignment.details["images"] == 400 and alignment.details["captions"] == 800
    assert 0.9 < alignment.details["matching"] <= 1

    alignment.save(tmp_path / "heads")
    again = load_alignment(tmp_path / "heads")
    assert again.details == alignment.details
    np.testing.assert_array_equal(
        again.transform("text", held_out.text), alignment.transform("text", held_out.text)
    )


def test_spaces_of_other_shapes_are_left_at_chance_and_told(tmp_path: Path) -> None:
    one, other = World(0), World(1)
    train = PairedFeatures(
        one.pairs(600, 1).image, other.pairs(600, 2).text, np.repeat(np.arange(600), 2)
    )
    same = fit("mini-vec2vec", one.pairs(600, 1), train, context(tmp_path, "mini-vec2vec", **SMALL))
    apart = fit("mini-vec2vec", train, train, context(tmp_path, "mini-vec2vec", **SMALL))
    assert apart.details["matching"] < same.details["matching"] - 0.02
    assert recall(apart, one.pairs(200, 3)) < 0.1


def test_pairs_are_not_looked_at(tmp_path: Path) -> None:
    """Exchanging captions within each half changes no pairing that could be used, and nothing else."""
    world, seed = World(0), 5
    train = world.pairs(400, 1, captions=1)
    mine = np.zeros(400, bool)
    mine[np.random.default_rng(seed).permutation(400)[:200]] = (
        True  # the half whose images are used
    )
    image, text = np.asarray(train.image).copy(), np.asarray(train.text).copy()
    # neither the captions of the images that are used, nor the images of the captions that are used
    text[mine], image[~mine] = 1e6, -1e6
    changed = PairedFeatures(image, text, train.image_of_text)
    nothing = PairedFeatures(image[:2] * 0, text[:2] * 0, np.arange(2))
    first = fit(
        "mini-vec2vec", train, world.pairs(50, 2), context(tmp_path, "mini-vec2vec", seed, **SMALL)
    )
    second = fit("mini-vec2vec", changed, nothing, context(tmp_path, "mini-vec2vec", seed, **SMALL))
    rows = world.pairs(20, 3)
    for side in ("image", "text"):
        np.testing.assert_array_equal(
            first.transform(side, getattr(rows, side)), second.transform(side, getattr(rows, side))
        )


def test_unpaired_rows_are_used_beside_the_pairs(tmp_path: Path) -> None:
    world = World(0)
    few, more = world.pairs(60, 1, captions=1), world.pairs(700, 4, captions=1)
    rest = Unpaired(more.image.only(np.arange(350)), more.text.only(np.arange(350, 700)))
    plain = context(tmp_path, "mini-vec2vec", **SMALL)
    with pytest.raises(InvalidInput, match="at least 60"):
        fit("mini-vec2vec", few, few, plain)
    alignment = fit("mini-vec2vec", few, few, type(plain)(**(vars(plain) | {"unpaired": rest})))
    assert alignment.details["images"] == alignment.details["captions"] == 380
    assert recall(alignment, world.pairs(200, 2)) > 0.9


def test_no_more_rows_than_asked_for(tmp_path: Path) -> None:
    train = World(0).pairs(500, 1)
    alignment = fit(
        "mini-vec2vec", train, train, context(tmp_path, "mini-vec2vec", unpaired=150, **SMALL)
    )
    assert alignment.details["images"] == alignment.details["captions"] == 150


def test_it_can_be_broken_off(tmp_path: Path) -> None:
    seen: list[str] = []

    def stop(done: int, total: int, unit: str) -> None:
        seen.append(unit)
        if unit == "refinements" and done == 3:
            raise Cancelled("asked to")

    train = World(0).pairs(300, 1)
    with pytest.raises(Cancelled):
        fit("mini-vec2vec", train, train, context(tmp_path, "mini-vec2vec", report=stop, **SMALL))
    assert seen.count("matchings") > 3 * SMALL["matchings"]
    assert "last refinement" not in seen


def test_clusters_are_matched_by_how_they_lie_to_each_other() -> None:
    draw = np.random.default_rng(0)
    centres = 5 * draw.normal(size=(8, 10))
    rows = np.repeat(centres, 30, axis=0) + 0.1 * draw.normal(size=(240, 10))
    turned, _ = np.linalg.qr(draw.normal(size=(10, 10)))
    x, y, value = blind.matched_centroids(
        rows, rows[::-1] @ turned, 8, 50, np.random.default_rng(1), lambda: None
    )
    np.testing.assert_allclose(x @ turned, y, atol=0.2)
    assert value == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("size", [2, 5, 12])
def test_no_exchange_of_two_makes_an_assignment_better(size: int) -> None:
    from itertools import combinations, permutations

    draw = np.random.default_rng(size)
    a, b = (draw.normal(size=(size, size)) for _ in range(2))
    a, b = a + a.T, b + b.T
    order, value = blind.assignment(a, b, 40, draw)

    def objective(trial: np.ndarray) -> float:
        return float((a * b[np.ix_(trial, trial)]).sum())

    assert value == pytest.approx(objective(order)) and sorted(order) == list(range(size))
    for i, j in combinations(range(size), 2):
        trial = order.copy()
        trial[[i, j]] = trial[[j, i]]
        assert objective(trial) <= value + 1e-9
    if size <= 5:
        assert value == pytest.approx(
            max(objective(np.array(trial)) for trial in permutations(range(size)))
        )


def test_as_many_starts_find_what_scipy_finds() -> None:
    from scipy.optimize import quadratic_assignment

    draw = np.random.default_rng(0)
    points = draw.normal(size=(20, 16))
    noisy = points[draw.permutation(20)] + 0.1 * draw.normal(size=points.shape)
    a, b = blind._centred_gram(points), blind._centred_gram(noisy)
    _, mine = blind.assignment(a, b, 100, np.random.default_rng(1))
    theirs = max(
        quadratic_assignment(
            a, b, method="2opt", options={"maximize": True, "rng": np.random.default_rng(seed)}
        ).fun
        for seed in range(10)
    )
    assert mine >= theirs * (1 - 1e-9)


def test_lloyd_ends_where_scikit_learn_does() -> None:
    from sklearn.cluster import KMeans

    rows = np.random.default_rng(0).normal(size=(300, 4))
    mine = blind._settled(rows, rows[:6], lambda: None)
    theirs = KMeans(6, init=rows[:6], n_init=1, max_iter=100, tol=0).fit(rows).cluster_centers_
    np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_a_centre_without_rows_stays() -> None:
    rows = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0]])
    far = np.array([[0.0, 0.0], [5.0, 5.0], [99.0, 99.0]])
    np.testing.assert_allclose(
        blind._settled(rows, far, lambda: None), [[0.05, 0], [5, 5], [99, 99]]
    )


def test_partners_are_means_of_the_nearest_rows_in_any_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(0)
    x, y = (unit(draw.normal(size=(size, 6))) for size in (20, 31))
    anchors_x, anchors_y = draw.normal(size=(9, 6)), draw.normal(size=(9, 6))
    relative_x = unit(x @ unit(anchors_x).T)
    relative_y = unit(y @ unit(anchors_y).T)
    expected = np.array([y[np.argsort(row @ relative_y.T)[-4:]].mean(axis=0) for row in relative_x])
    monkeypatch.setattr(blind, "_CELLS", 100)
    np.testing.assert_allclose(
        blind.matched_rows(x, y, anchors_x, anchors_y, 4, silent), expected, atol=1e-6
    )
