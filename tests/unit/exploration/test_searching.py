"""Answers to a query: ranks, near-duplicates, pairs and filters, against slow loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import backend.exploration.gallery
import backend.exploration.searching
from backend.exploration.gallery import Entry, Gallery, build_gallery, load_gallery
from backend.exploration.indexes import Budget, build_index
from backend.exploration.searching import NEAR_DUPLICATE, answers, distinct, note
from backend.schemas import Side
from tests.unit.exploration.made_up import unit

N, D = 120, 16


def vectors(seed: int, count: int) -> np.ndarray:
    """In threes that are nearly the same, mostly within the bound."""
    draw = np.random.default_rng(seed)
    near = np.repeat(draw.normal(size=(-(-count // 3), D)), 3, axis=0)[:count]
    return unit(near + 0.12 * draw.normal(size=near.shape))


IMAGE, TEXT = vectors(1, N), vectors(2, 2 * N)
QUERY = unit(np.random.default_rng(3).normal(size=D))


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    def said(row: int) -> tuple[str, str]:
        return f"Thing  {row % 50}", f"thing {row % 50} again, {row}"

    entries = [Entry(f"p{row}", "features", None, said(row), {}) for row in range(N)]
    build_gallery(tmp_path / "index", entries, IMAGE, TEXT)
    return load_gallery(tmp_path / "index", tmp_path)


def greedy(gallery: Gallery, side: Side, order: list[int], k: int) -> list[int]:
    """The rows that are kept, by the words of the docstring."""
    rows = IMAGE if side == "image" else TEXT
    kept: list[int] = []
    for row in order:
        words = gallery.said(gallery.indexes[side].ids[row]).lower().split()
        same = any(
            float(rows[row] @ rows[other]) >= NEAR_DUPLICATE
            or (words and gallery.said(gallery.indexes[side].ids[other]).lower().split() == words)
            for other in kept
        )
        if not same and len(kept) < k:
            kept.append(row)
    return kept


@pytest.mark.parametrize("side", ["image", "text"])
@pytest.mark.parametrize("k", [1, 7, 200])
@pytest.mark.parametrize("some", [None, 90, 3, 0])
def test_answers_are_those_of_a_loop(
    gallery: Gallery, side: Side, k: int, some: int | None
) -> None:
    rows = IMAGE if side == "image" else TEXT
    among = None if some is None else np.sort(np.random.default_rng(4).permutation(N)[:some])
    order = sorted(
        range(len(rows)) if among is None else among.tolist(), key=lambda r: -rows[r] @ QUERY
    )
    plain = answers(gallery, QUERY, side, k, among)
    ids = gallery.indexes[side].ids
    assert [hit.item.id for hit in plain.hits] == [ids[row] for row in order[:k]]
    assert [hit.rank for hit in plain.hits] == list(range(1, 1 + min(k, len(order))))
    assert (plain.gallery, plain.searched, plain.duplicates) == (len(rows), len(order), 0)
    np.testing.assert_allclose(
        [hit.score for hit in plain.hits], [rows[row] @ QUERY for row in order[:k]], atol=1e-6
    )
    found = answers(gallery, QUERY, side, k, among, hide_duplicates=True)
    kept = greedy(gallery, side, order, k)
    assert [hit.item.id for hit in found.hits] == [ids[row] for row in kept]
    assert [hit.rank for hit in found.hits] == [order.index(row) + 1 for row in kept]
    looked_at = order.index(kept[-1]) + 1 if len(kept) == k else len(order)
    assert found.duplicates == looked_at - len(kept)
    if k == 200 and some is None:
        assert found.duplicates > 20  # or nothing is tested


def test_it_looks_no_deeper_than_allowed(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend.exploration.searching, "_DEEPEST", 30)
    found = answers(gallery, QUERY, "image", 25, hide_duplicates=True)
    assert len(found.hits) + found.duplicates == 30 and len(found.hits) < 25


def test_near_is_from_the_bound_on() -> None:
    angles = np.arccos([1.0, NEAR_DUPLICATE + 1e-3, NEAR_DUPLICATE - 1e-3])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert distinct(rows, ["", "", ""], 3) == ([0, 2], 1)
    # what is left out hides nothing itself: the third is near the second alone
    angles = np.array([0.0, 0.15, 0.3])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert distinct(rows, ["", "", ""], 3) == ([0, 2], 1)
    far = np.eye(3, dtype=np.float32)
    assert distinct(far, ["A  b", "c", " a B "], 3) == ([0, 1], 1)
    assert distinct(far, ["", "", ""], 2) == ([0, 1], 0)


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("side", ["image", "text"])
def test_a_pair_is_marked_and_its_rank_is_among_all(
    gallery: Gallery, side: Side, hide: bool
) -> None:
    asked = "text:p40#1" if side == "image" else "image:p40"
    query = gallery.vector(asked)
    rows = IMAGE if side == "image" else TEXT
    own = [40] if side == "image" else [80, 81]
    scores = rows @ query
    rank = 1 + int((scores > scores[own].max() + 1e-6).sum())
    for k in (3, 200):
        for among in (None, np.array([1, 2, 40])):
            found = answers(gallery, query, side, k, among, "p40", hide)
            assert found.truth_rank == rank
            marked = {hit.item.id for hit in found.hits if hit.ground_truth}
            assert marked == {hit.item.id for hit in found.hits if hit.item.image_id == "p40"}
    assert answers(gallery, query, side, 5).truth_rank is None


def test_an_approximate_search_does_not_decide_a_rank(gallery: Gallery, tmp_path: Path) -> None:
    ids = gallery.indexes["image"].ids
    graph = build_index(tmp_path / "graph", ids, IMAGE, TEXT, Budget(exact_until=0))
    told = note(graph.facts)
    assert (told.kind, told.exact, told.queries) == ("hnsw", False, 2 * N)
    assert told.recall_at_10 == graph.facts.recall_at_10
    query = gallery.vector("text:p40#0")
    exact = answers(gallery, query, "image", 9, truth="p40")
    assert exact.index.exact and exact.index.recall_at_10 is None
    gallery.indexes["image"] = graph

    class Misses:
        """Finds the second best and everything after it."""

        def __getattr__(self, name: str) -> object:
            return getattr(graph, name)

        def __len__(self) -> int:
            return N

        def search(self, *asked: object) -> tuple[np.ndarray, np.ndarray]:
            rows, scores = graph.search(*asked)  # type: ignore[arg-type]
            return rows[:, 1:], scores[:, 1:]

    gallery.indexes["image"] = Misses()  # type: ignore[assignment]
    assert answers(gallery, query, "image", N, truth="p40").truth_rank == exact.truth_rank


def test_of_very_large_galleries_the_best_alone_are_looked_at_for_a_rank(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = gallery.vector("text:p40#0")
    ranks = {name: gallery.truth_rank(query, "image", name) for name in gallery.entries}
    monkeypatch.setattr(backend.exploration.gallery, "_RANKED", N - 1)
    monkeypatch.setattr(backend.exploration.gallery, "_DEEPEST_RANK", 10)
    for name, rank in ranks.items():
        assert gallery.truth_rank(query, "image", name) == (rank if rank and rank <= 10 else None)


def test_what_has_no_item_of_a_modality_has_no_rank_there(tmp_path: Path) -> None:
    entries = [Entry("bare", "features", None, (), {}), Entry("p", "features", None, ("c",), {})]
    build_gallery(tmp_path, entries, IMAGE[:2], TEXT[:1])
    bare = load_gallery(tmp_path, tmp_path)
    assert bare.owners.tolist() == [1]
    assert bare.truth_rank(IMAGE[0], "text", "bare") is None
    assert bare.truth_rank(IMAGE[0], "text", "p") == 1
