"""Similarity before and after: published values, rows permuted one by one, every order of few items."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import permutations as all_orders

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from backend.errors import Cancelled, InvalidInput
from backend.evaluation import similarity as package
from backend.evaluation.calibration import calibrate, permutations, with_identity
from backend.evaluation.representations import drawn_pairs, similarity
from backend.evaluation.similarity import (
    cka,
    cknna,
    clamp_outliers,
    cycle_knn,
    expected_cka,
    expected_cycles,
    found_again,
    grams,
    leading,
    mutual_knn,
    nearest_neighbours,
    neighbour_kernel,
    overlaps,
    permuted_cka,
    permuted_cknna,
    permuted_cycles,
    permuted_svcca,
    shared_neighbours,
    svcca,
    unit_rows,
)
from backend.schemas import Similarity, SimilarityReport
from tests.unit.golden import arrays, assert_golden, unit, value

COUNTED = ("mutual_knn", "cycle_knn_text_first", "cycle_knn_image_first")
#: each measure as a function of both sides' rows, image first
WHOLE: dict[str, Callable] = {
    "mutual_knn": mutual_knn,
    "cycle_knn_text_first": cycle_knn,
    "cycle_knn_image_first": lambda a, b, k: cycle_knn(b, a, k),
    "cka": lambda a, b, _: cka(a, b),
    "unbiased_cka": lambda a, b, _: cka(a, b, unbiased=True),
    "unbiased_rbf_cka": lambda a, b, _: cka(a, b, kernel="rbf", unbiased=True),
    "cknna": cknna,
    "svcca": lambda a, b, _: svcca(a, b),
}


def related(seed: int, n: int = 40, noise: float = 0.5, widths: tuple[int, int] = (12, 7)):
    draw = np.random.default_rng(seed)
    latent = draw.normal(size=(n, 4))
    return [
        latent @ draw.normal(size=(4, width)) + noise * draw.normal(size=(n, width))
        for width in widths
    ]


def four(seed: int, n: int = 40, before: float = 2.0, after: float = 0.5):
    """Frozen features with much noise, embeddings with little."""
    return [
        *related(seed, n, before),
        *(unit(rows) for rows in related(seed, n, after, widths=(9, 9))),
    ]


def lists_of(layers, k: int):
    return [nearest_neighbours(rows, k, seed=number) for number, rows in enumerate(layers)]


# Published values


def test_all_measures_equal_the_published_ones() -> None:
    x, y = arrays()["x"], arrays()["y"]
    report = similarity(x, y, unit(x), unit(y), permutations=19)
    assert (report.pairs, report.neighbours, report.permutations) == (128, 10, 19)
    for told, preparation in ((report.before, "clamp_exact_l2"), (report.after, "l2")):
        assert set(told) == set(WHOLE)
        for name, published in {
            "mutual_knn": "mutual_knn",
            "cycle_knn_text_first": "cycle_knn/A_then_B",
            "cycle_knn_image_first": "cycle_knn/B_then_A",
            "cka": "cka_linear",
            "unbiased_cka": "cka_linear_unbiased",
            "unbiased_rbf_cka": "cka_rbf_sigma1_unbiased",
            "cknna": "cknna_unbiased",
        }.items():
            assert_golden(told[name].observed, f"platonic/{published}/{preparation}")
        _, _, lowest, highest = value(f"platonic/svcca/{preparation}")
        assert lowest <= told["svcca"].observed <= highest
        assert {one.p for one in told.values()} == {1 / 20}


# Permutations without computing anything anew


def whole_and_permuted(k: int = 5) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Scores of two image layers and three text layers under some orders: anew, and quickly."""
    first = [related(seed, widths=(12, 12))[0] for seed in (0, 1)]
    second = [related(seed, widths=(7, 7))[1] for seed in (0, 1, 2)]
    orders = with_identity(permutations(40, 6, 3), 40)
    lists, others = lists_of(first, k), lists_of(second, k)
    radial = [grams(side, "rbf", 2.0) for side in (first, second)]
    linear = [grams(side) for side in (first, second)]
    quick = {
        "cycles": (cycle_knn, permuted_cycles(lists, others, orders) / 40),
        "svcca": (
            lambda a, b, _: svcca(a, b),
            permuted_svcca([leading(a) for a in first], [leading(b) for b in second], orders),
        ),
    }
    for unbiased in (False, True):
        own = [[nearest_neighbours(a, k, itself=not unbiased, seed=3) for a in side]
               for side in (first, second)]  # fmt: skip
        kernels = [
            [neighbour_kernel(a, near, unbiased) for a, near in zip(side, nears, strict=True)]
            for side, nears in zip((first, second), own, strict=True)
        ]
        quick |= {
            f"linear {unbiased}": (
                lambda a, b, _, unbiased=unbiased: cka(a, b, unbiased=unbiased),
                permuted_cka(*linear, orders)[unbiased],
            ),
            f"rbf {unbiased}": (
                lambda a, b, _, unbiased=unbiased: cka(
                    a, b, kernel="rbf", sigma=2.0, unbiased=unbiased
                ),
                permuted_cka(*radial, orders)[unbiased],
            ),
            f"cknna {unbiased}": (
                partial(cknna, unbiased=unbiased),
                permuted_cknna(*kernels, orders),
            ),
        }
    for _, scores in quick.values():
        assert scores.shape == (7, 2, 3)
    return {
        name: (
            np.array([[[full(a, b[order], k) for b in second] for a in first] for order in orders]),
            scores,
        )
        for name, (full, scores) in quick.items()
    }


@pytest.mark.parametrize("blocks", ["whole", "small"])
def test_quick_scores_are_those_of_permuted_rows(
    blocks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if blocks == "small":
        room = {"neighbours": "_TABLE_BYTES", "grams": "_CELLS", "cknna": "_MUTUAL"}
        for module, name in (room | {"subspaces": "_VALUES"}).items():
            monkeypatch.setattr(sys.modules[f"{package.__name__}.{module}"], name, 40 * 7)
    for name, (slow, quick) in whole_and_permuted().items():
        np.testing.assert_allclose(quick, slow, rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("k", [2, 17, 39])
def test_quick_cknna_does_with_few_neighbours_and_with_all(k: int) -> None:
    a, b = related(4)
    orders = permutations(40, 5, 0)
    kernels = [neighbour_kernel(rows, nearest_neighbours(rows, k)) for rows in (a, b)]
    quick = permuted_cknna([kernels[0]], [kernels[1]], orders)[:, 0, 0]
    assert quick == pytest.approx([cknna(a, b[order], k) for order in orders])


def test_single_precision_gives_the_same_to_six_digits() -> None:
    a, b = (unit(rows) for rows in related(5, n=200))
    orders = with_identity(permutations(200, 10), 200)
    for kernel in ("linear", "rbf"):
        double = permuted_cka(grams([a], kernel), grams([b], kernel), orders)
        halves = [grams([rows.astype(np.float32)], kernel) for rows in (a, b)]
        assert halves[0].values.dtype == np.float32
        for one, other in zip(double, permuted_cka(*halves, orders), strict=True):
            np.testing.assert_allclose(other, one, atol=2e-6)


def test_items_have_their_share_of_the_neighbour_scores() -> None:
    a, b = related(6)
    first, second = lists_of((a, b), 5)
    shared = [len(set(x) & set(y)) / 5 for x, y in zip(first, second, strict=True)]
    assert overlaps(first, second) == pytest.approx(shared)
    again = [any(i in first[j] for j in second[i]) for i in range(40)]
    np.testing.assert_array_equal(found_again(first, second), again)


# Chance


def test_chance_is_the_mean_over_every_permutation() -> None:
    a, b = related(8, n=6)
    orders = np.array(list(all_orders(range(6))))
    first, second = lists_of((a, b), 2)
    counts = shared_neighbours([first], [second], orders)
    assert counts.mean() / 12 == pytest.approx(2 / 5)
    there, back = (
        permuted_cycles([one], [other], orders).mean() / 6
        for one, other in ((first, second), (second, first))
    )
    assert there == pytest.approx(expected_cycles(first))
    assert back == pytest.approx(expected_cycles(second))
    assert there != pytest.approx(back)  # the lists are not equally uneven
    for kernel in ("linear", "rbf"):
        kernels = grams([a], kernel), grams([b], kernel)
        biased, unbiased = permuted_cka(*kernels, orders)
        assert biased.mean() == pytest.approx(expected_cka(*kernels)[0, 0])
        assert unbiased.mean() == pytest.approx(0, abs=1e-9)


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_nulls_are_centred_on_chance(seed: int) -> None:
    report = similarity(*four(seed, n=60), seed=seed, permutations=150, k=6)
    for told in (report.before, report.after):
        for one in told.values():
            if one.chance is not None:
                error = one.null_deviation / np.sqrt(150)
                assert abs(one.null_mean - one.chance) < 5 * error
        assert told["mutual_knn"].chance == 6 / 59
        assert told["cknna"].chance is told["svcca"].chance is None


# The report


def slow(image, text, k: int, seed: int, count: int) -> dict[str, Similarity]:
    """Every measure anew for every permutation."""
    orders = permutations(len(image), count, (seed, 1))
    told = {}
    for name, score in WHOLE.items():
        nulls = np.array([score(image, text[order], k) for order in orders])
        told[name] = calibrate(score(image, text, k), nulls)
    return told


def test_the_report_is_that_of_every_measure_done_anew() -> None:
    given_ = four(8)
    report = similarity(*given_, seed=5, permutations=25, k=4)
    frozen = [unit_rows(clamp_outliers(rows)) for rows in given_[:2]]
    for told, sides in ((report.before, frozen), (report.after, given_[2:])):
        for name, expected in slow(*sides, 4, 5, 25).items():
            for field in ("observed", "score", "threshold", "p", "null_mean", "null_deviation"):
                mine = getattr(told[name], field)
                assert mine == pytest.approx(getattr(expected, field), abs=1e-9), (name, field)


def test_what_is_gained_is_told_item_by_item() -> None:
    report = similarity(*four(9, n=150), permutations=19)
    assert set(report.gained) == set(COUNTED)
    for name, gained in report.gained.items():
        before, after = report.before[name], report.after[name]
        assert gained.difference == pytest.approx(after.observed - before.observed)
        assert gained.interval[0] < gained.difference < gained.interval[1]
        for one in (before, after):
            assert one.interval[0] <= one.observed <= one.interval[1]
    assert report.gained["mutual_knn"].interval[0] > 0
    assert report.before["cka"].interval is None


def test_an_alignment_that_does_nothing_gains_nothing() -> None:
    x, y = related(10)
    report = similarity(x, y, *(unit_rows(clamp_outliers(rows)) for rows in (x, y)), seed=3)
    assert report.before == report.after
    for gained in report.gained.values():
        assert (gained.difference, gained.interval, gained.p) == (0.0, (0.0, 0.0), 1.0)


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_turning_the_embeddings_changes_nothing(seed: int) -> None:
    x, y, u, v = four(seed)
    draw = np.random.default_rng(seed)
    turns = [np.linalg.qr(draw.normal(size=(9, 9)))[0] for _ in range(2)]
    report = similarity(x, y, u, v, permutations=19, seed=seed)
    turned = similarity(x, y, u @ turns[0], v @ turns[1], permutations=19, seed=seed)
    assert turned.before == report.before
    for name, one in turned.after.items():
        if name != "svcca":  # which scales each dimension by itself
            assert one.observed == pytest.approx(report.after[name].observed, abs=1e-9), name
            assert one.p == report.after[name].p, name


def test_p_is_uniform_where_nothing_is_related() -> None:
    runs, count = 80, 39
    found: dict[str, list[float]] = {name: [] for name in WHOLE}
    for seed in range(runs):
        draw = np.random.default_rng((seed, 9))
        sides = [unit(draw.normal(size=(24, width))) for width in (5, 4, 4, 4)]
        told = similarity(*sides, seed=seed, permutations=count, k=4).after
        for name, one in told.items():
            found[name].append(one.p)
    jitter = np.random.default_rng(0).uniform(0, 1 / (count + 1), runs)
    for name, p in found.items():
        if name in COUNTED:  # ties count against the pairs, so p is rather too large
            assert np.mean(np.array(p) <= 0.1) <= 0.17, name
        else:
            assert kstest(np.array(p) - jitter, "uniform").pvalue > 0.01, name


def test_related_embeddings_are_told_from_chance() -> None:
    report = similarity(*four(11, n=120, after=0.2))
    for one in report.after.values():
        assert one.p == 1 / 201
        assert 0 < one.score < one.observed < 1.01
        assert one.observed > one.threshold > one.null_mean


def test_collapsed_embeddings_are_like_nothing() -> None:
    x, y, u, _ = four(12)
    collapsed = np.tile(u[:1], (40, 1)).astype(np.float32)
    report = similarity(x, y, collapsed, collapsed.copy(), permutations=40)
    for name in ("cka", "unbiased_cka", "unbiased_rbf_cka", "svcca"):
        one = report.after[name]
        assert abs(one.observed) < 1e-6 and one.score < 1e-6
    assert report.after["mutual_knn"].observed < 0.5
    assert all(np.isfinite(list(one.model_dump(exclude_none=True, exclude={"interval"}).values())).all()
               for one in report.after.values())  # fmt: skip


def test_the_same_seed_gives_the_same_report_and_few_pairs_fewer_neighbours() -> None:
    sides = four(13, n=9)
    report = similarity(*sides, seed=4, permutations=19)
    assert report.neighbours == 4
    assert report == similarity(*sides, seed=4, permutations=19)
    assert report != similarity(*sides, seed=5, permutations=19)
    assert SimilarityReport.model_validate_json(report.model_dump_json()) == report


# Pairs


def test_pairs_are_images_with_their_first_captions() -> None:
    draw = np.random.default_rng(0)
    owner = draw.permutation(np.repeat(np.arange(50), 3))
    owner = owner[owner != 17]
    images, captions = drawn_pairs(50, owner, seed=1, most=20)
    assert len(images) == 20 == len(set(images.tolist()))
    assert (np.diff(images) > 0).all()
    for image, caption in zip(images, captions, strict=True):
        assert caption == np.flatnonzero(owner == image)[0]
    assert np.array_equal(drawn_pairs(50, owner, seed=1, most=20)[0], images)
    assert not np.array_equal(drawn_pairs(50, owner, seed=2, most=20)[0], images)
    everything, _ = drawn_pairs(50, owner, seed=1)
    assert everything.tolist() == [row for row in range(50) if row != 17]


# Reports and bad input


def test_work_is_told_and_can_be_cancelled() -> None:
    told: list[tuple[int, int, str]] = []
    similarity(*four(0), permutations=25, report=lambda *step: told.append(step))
    assert {step[1:] for step in told} == {(16, "measures")}
    done = [step[0] for step in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 16)

    for last in (0, len(told) - 1):
        seen = 0

        def stop(done: int, total: int, unit: str, last: int = last) -> None:
            nonlocal seen
            seen += 1
            if seen > last:
                raise Cancelled("stop")

        with pytest.raises(Cancelled):
            similarity(*four(0), permutations=25, report=stop)


def test_what_cannot_be_compared_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, u, v = four(0)
    with pytest.raises(InvalidInput, match="text embeddings: 39 rows, but 40 in image features"):
        similarity(x, y, u, v[:-1])
    broken = v.copy()
    broken[17, 2] = np.nan
    with pytest.raises(InvalidInput, match="text embeddings, row 17"):
        similarity(x, y, u, broken)
    with pytest.raises(InvalidInput, match="at least 5"):
        similarity(x[:4], y[:4], u[:4], v[:4])
    with pytest.raises(InvalidInput, match="at least 19"):
        similarity(x, y, u, v, permutations=10, report=lambda *_: pytest.fail("work was done"))
    monkeypatch.setattr(sys.modules[f"{package.__name__}.grams"], "_MOST", 1000)
    with pytest.raises(InvalidInput, match="draw at most 31 items"):
        similarity(x, y, u, v)
