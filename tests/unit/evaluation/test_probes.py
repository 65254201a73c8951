"""Probes of frozen features against scikit-learn, SciPy, slow loops, and numbers known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from backend.evaluation import probes as module
from backend.evaluation.probes import (
    CS,
    clusters,
    linear_probe,
    neighbour_hits,
    share_of,
    standardised,
    stratified,
)
from tests.unit.golden import unit


def labelled(seed: int, items: int = 120, dimension: int = 8, classes: int = 4, apart: float = 0.7):
    """Features of classes that overlap, and the classes."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(classes, size=items)
    labels[:classes] = np.arange(classes)
    features = apart * draw.normal(size=(classes, dimension))[labels]
    return features + draw.normal(size=(items, dimension)) + 0.3, labels


@pytest.mark.parametrize("k", [1, 5, 20])
def test_the_neighbours_vote_is_scikit_learns(k: int) -> None:
    features, labels = labelled(0, 400)
    theirs = KNeighborsClassifier(
        k, metric="cosine", algorithm="brute", weights=lambda distance: np.exp((1 - distance) / 0.07)
    ).fit(features[:200], labels[:200])  # fmt: skip
    rows = unit(features)
    mine = neighbour_hits(rows[:200], labels[:200], rows[200:], labels[200:], k)
    assert np.array_equal(mine, theirs.predict(features[200:]) == labels[200:])
    assert 0.3 < mine.mean() < 0.95


def test_a_near_neighbour_outweighs_many_far_ones() -> None:
    # cosines 1 and 0.8: exp(1 / 0.07) is 17.4 times exp(0.8 / 0.07)
    for far, expected in ((2, 1.0), (17, 1.0), (18, 0.0)):
        train = np.array([[1.0, 0.0]] + far * [[0.8, 0.6]])
        labels = np.array([0] + far * [1])
        hits = neighbour_hits(train, labels, np.array([[1.0, 0.0]]), np.array([0]), 50)
        assert hits[0] == expected
    assert np.exp(0.2 / 0.07) == pytest.approx(17.4, abs=0.1)


def test_equal_votes_share_the_hit() -> None:
    train = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    for labels in ([0, 1, 2], [1, 0, 2]):
        for k in (1, 2):  # with one place for two, each is taken half
            hits = neighbour_hits(train, np.array(labels), train[:1], np.array([0]), k)
            assert hits[0] == 0.5


def test_items_as_near_as_the_last_share_the_places_that_are_left() -> None:
    # the nearest of class 0, then three of class 1 for one place: together they weigh as one
    train = np.array([[1.0, 0.0], *3 * [[0.96, 0.28]]])
    for k, expected in ((2, 1.0), (4, 0.0)):
        hits = neighbour_hits(train, np.array([0, 1, 1, 1]), train[:1], np.array([0]), k)
        assert hits[0] == expected


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_neither_rotation_nor_order_nor_block_matters(seed: int) -> None:
    features, labels = labelled(seed)
    features[60:90] = features[:30]  # copies, as far as each other from everything
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(8, 8)))
    order = np.random.default_rng(seed).permutation(80)
    whole = neighbour_hits(unit(features[:80]), labels[:80], unit(features[80:]), labels[80:], 7)
    turned = neighbour_hits(
        unit(features @ turn)[order], labels[order], unit(features @ turn)[80:], labels[80:], 7
    )
    assert turned == pytest.approx(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CELLS", 300)
        parts = neighbour_hits(
            unit(features[:80]), labels[:80], unit(features[80:]), labels[80:], 7
        )
    assert parts == pytest.approx(whole)
    assert clusters(unit(features @ turn), labels).silhouette == pytest.approx(
        clusters(unit(features), labels).silhouette
    )


@pytest.mark.parametrize("seed", range(4))
def test_c_is_the_one_that_held_out_train_items_are_told_best_with(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ITERATIONS", 9999)
    features, labels = labelled(seed, 200, 20, 4, 0.5)
    features = np.exp(1.5 * features)  # a few large values, of which means and deviations depend
    train, known, test, asked = features[:100], labels[:100], features[100:], labels[100:]
    fitted = stratified(known, 0.8, 1, np.random.default_rng(seed))
    right = []
    for c in CS:  # each by itself, from nothing
        theirs = make_pipeline(StandardScaler(), LogisticRegression(C=c, tol=1e-7, max_iter=9999))
        right.append(theirs.fit(train[fitted], known[fitted]).score(train[~fitted], known[~fitted]))
    hits, chosen = linear_probe(train, known, test, asked, seed)
    assert chosen == CS[int(np.argmax(right))] and len(set(right)) > 2
    last = make_pipeline(StandardScaler(), LogisticRegression(C=chosen, tol=1e-7, max_iter=9999))
    assert np.array_equal(hits, last.fit(train, known).predict(test) == asked)
    assert 0.3 < hits.mean() < 0.95


def test_of_equally_good_cs_the_most_regularised_is_taken() -> None:
    features, labels = labelled(1, 200, 10, 3, 9.0)
    hits, chosen = linear_probe(features[:100], labels[:100], features[100:], labels[100:])
    assert chosen < 0.1 and hits.all()  # from there on nothing is wrong


def test_test_labels_never_change_the_chosen_c() -> None:
    features, labels = labelled(2, 300, 40, 5, 0.35)
    shuffled = np.random.default_rng(0).permutation(labels[150:])
    told = linear_probe(features[:150], labels[:150], features[150:], labels[150:])
    other = linear_probe(features[:150], labels[:150], features[150:], shuffled)
    nothing = linear_probe(features[:150], labels[:150], features[150:151], labels[150:151])
    assert told[1] == other[1] == nothing[1]
    assert told[0].mean() > other[0].mean() + 0.2


@pytest.mark.filterwarnings("error")
def test_the_probe_does_not_warn_and_tells_of_each_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ITERATIONS", 2)
    features, labels = labelled(3)
    with pytest.warns(ConvergenceWarning):
        LogisticRegression(max_iter=2).fit(features, labels)
    told: list[tuple[int, int, str]] = []
    linear_probe(
        features[:90], labels[:90], features[90:], labels[90:], 0, lambda *at: told.append(at)
    )
    assert told == [(fit, 8, "fits") for fit in range(1, 9)]


def test_labels_that_say_nothing_are_told_by_chance() -> None:
    features, labels = labelled(4, 2000, 12, 4, 2.0)
    shuffled = np.random.default_rng(1).permutation(labels)
    rows = unit(features)
    near = neighbour_hits(rows[:1000], shuffled[:1000], rows[1000:], shuffled[1000:])
    probe, _ = linear_probe(features[:1000], shuffled[:1000], features[1000:], shuffled[1000:])
    for hits in (near, probe):  # 1,000 items: a quarter, plus or minus 4 standard errors
        assert hits.mean() == pytest.approx(0.25, abs=0.055)
    found = clusters(rows, shuffled)
    assert found.adjusted_mutual_information == pytest.approx(0, abs=0.01)
    assert found.adjusted_rand_index == pytest.approx(0, abs=0.01)
    true = neighbour_hits(rows[:1000], labels[:1000], rows[1000:], labels[1000:])
    assert true.mean() > 0.9


def test_features_that_are_all_the_same_are_told_by_the_largest_class() -> None:
    rows, labels = np.ones((60, 5)), np.repeat([0, 1, 2], [30, 20, 10])
    for hits in (
        neighbour_hits(rows, labels, rows, labels),
        linear_probe(rows, labels, rows, labels)[0],
    ):
        assert np.array_equal(hits, labels == 0)


def test_features_are_standardised_by_the_train_part() -> None:
    features, _ = labelled(5)
    features[:, 2] = 0.1
    features[:, 3] *= 1e4
    scaler = StandardScaler().fit(features[:50])
    assert standardised(features[:50], features) == pytest.approx(scaler.transform(features))
    halves = features.astype(np.float16)
    found = standardised(halves[:50], halves)
    assert found.dtype == np.float32 and np.isfinite(found).all()
    assert found[:50, 3].std() == pytest.approx(1, abs=1e-5) and not found[:, 2].any()


def test_clusters_far_apart_are_the_classes() -> None:
    draw = np.random.default_rng(6)
    labels = np.repeat(np.arange(5), 20)
    rows = unit(np.eye(5)[labels] + 0.02 * draw.normal(size=(100, 5)))
    found = clusters(rows, labels)
    assert found.adjusted_mutual_information == pytest.approx(1)
    assert found.adjusted_rand_index == pytest.approx(1)
    assert found.silhouette is not None and found.silhouette > 0.95


def test_silhouette_equals_a_slow_loop() -> None:
    features, labels = labelled(7, 50, 6, 3)
    rows = unit(features)
    distance, values = 1 - rows @ rows.T, []
    for item in range(50):
        own = [distance[item, j] for j in range(50) if labels[j] == labels[item] and j != item]
        others = [distance[item, labels == c].mean() for c in range(3) if c != labels[item]]
        near, far = np.mean(own), min(others)
        values.append((far - near) / max(far, near))
    assert clusters(rows, labels).silhouette == pytest.approx(np.mean(values))


def test_chance_raises_plain_mutual_information_but_not_the_adjusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(8)
    rows, labels = unit(draw.normal(size=(300, 6))), draw.integers(60, size=300)
    assert normalized_mutual_info_score(labels, draw.integers(60, size=300)) > 0.5
    assert clusters(rows, labels).adjusted_mutual_information == pytest.approx(0, abs=0.05)
    monkeypatch.setattr(module, "MOST_SILHOUETTES", 1)  # one item has no silhouette
    assert clusters(rows, labels).silhouette is None


def test_the_interval_is_scipys() -> None:
    hits = np.random.default_rng(9).choice([0.0, 0.5, 1.0], 300, p=[0.3, 0.1, 0.6])
    mine = share_of(hits, 0.25)
    theirs = bootstrap((hits,), np.mean, n_resamples=5000, method="percentile",
                       rng=np.random.default_rng(1)).confidence_interval  # fmt: skip
    assert (mine.value, mine.chance, mine.count) == (hits.mean(), 0.25, 300)
    assert mine.interval == pytest.approx((theirs.low, theirs.high), abs=0.005)
    # Wilson's where the bootstrap has no width: ten of ten are no certainty
    exact = binomtest(10, 10).proportion_ci(method="wilson")
    assert share_of(np.ones(10), 0.5).interval == pytest.approx((exact.low, exact.high))


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    share=st.floats(0, 1),
    least=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_every_class_gives_its_share(
    counts: list[int], share: float, least: int, seed: int
) -> None:
    codes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    chosen = stratified(codes, share, least, np.random.default_rng(seed))
    for code, count in enumerate(counts):
        taken = int(chosen[codes == code].sum())
        assert min(least, count) <= taken <= max(least, count - 1)
        if least < taken < count - 1:
            assert abs(taken - share * count) <= 0.5
