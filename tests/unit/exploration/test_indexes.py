"""Every kind of index under one contract, in FAISS and in Milvus; which one a set gets; what a broken
folder does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import NotFound
from backend.exploration.indexes import Budget, VectorIndex, build_index, choose, open_index
from tests.unit.exploration.milvus_stores import store_at

N, D = 1500, 32
#: a budget that gives each kind for N vectors
BUDGETS = {
    "flat": Budget(exact_until=N),
    "hnsw": Budget(exact_until=0),
    "ivf-pq": Budget(exact_until=0, memory_bytes=1),
}


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clustered(seed: int, count: int) -> np.ndarray:
    """As embeddings are: in groups, and not all over the sphere."""
    draw = np.random.default_rng(seed)
    middles = np.random.default_rng(0).normal(size=(40, D))
    return unit(middles[draw.integers(0, 40, count)] + 0.6 * draw.normal(size=(count, D)))


VECTORS = clustered(1, N)
QUERIES = clustered(2, 50)
IDS = [f"item {number}" for number in range(N)]


#: kind -> its budget and where Milvus is, if it is that
KINDS = {
    **{kind: (budget, None) for kind, budget in BUDGETS.items()},
    "milvus, a file, exact": (BUDGETS["flat"], "file"),
    "milvus, a file, graph": (BUDGETS["hnsw"], "file"),
    "milvus, a server, exact": (BUDGETS["flat"], "server"),
    "milvus, a server, graph": (BUDGETS["hnsw"], "server"),
}


@pytest.fixture(scope="module", params=KINDS)
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VectorIndex]:
    """One of each kind."""
    folder = tmp_path_factory.mktemp("indexes") / "index"
    budget, where = KINDS[request.param]
    with store_at(where, folder.parent) as store:
        built = build_index(folder, IDS, VECTORS, QUERIES, budget, store=store)
        assert built.facts.kind == request.param.partition(",")[0]
        again = open_index(folder, store=store)
        assert again.facts == built.facts
        np.testing.assert_array_equal(again.search(QUERIES, 5)[0], built.search(QUERIES, 5)[0])
        yield again


def test_scores_are_cosines_in_falling_order_and_each_item_comes_once(index: VectorIndex) -> None:
    rows, scores = index.search(QUERIES, 25)
    assert rows.shape == scores.shape == (50, 25)
    np.testing.assert_allclose(
        scores, np.take_along_axis(QUERIES @ VECTORS.T, rows, axis=1), atol=1e-6
    )
    assert (np.diff(scores, axis=1) <= 1e-6).all()
    assert all(len(set(row)) == 25 for row in rows.tolist())


def test_the_recall_that_is_told_is_the_recall_there_is(index: VectorIndex) -> None:
    rows, _ = index.search(QUERIES, 10)
    truth = np.argsort(-(QUERIES @ VECTORS.T), axis=1)[:, :10]
    found = np.mean(
        [len(set(a) & set(b)) for a, b in zip(rows.tolist(), truth.tolist(), strict=True)]
    )
    if not index.facts.settings:  # exact, and said to be
        assert found == 10 and index.facts.recall_at_10 is None
    else:
        assert index.facts.recall_at_10 == pytest.approx(found / 10)
        assert index.facts.queries == len(QUERIES) and found >= 9


def test_exact_search_is_faiss_own(tmp_path: Path) -> None:
    index = build_index(tmp_path, IDS, VECTORS, budget=BUDGETS["flat"])
    own = faiss.IndexFlatIP(D)
    own.add(VECTORS)
    scores, rows = own.search(QUERIES, 10)
    mine = index.search(QUERIES, 10)
    np.testing.assert_array_equal(mine[0], rows)
    np.testing.assert_allclose(mine[1], scores, atol=1e-6)


def test_asked_for_more_than_there_is_it_gives_all(index: VectorIndex) -> None:
    rows, _ = index.search(QUERIES[:2], N + 5)
    assert rows.shape == (2, N)
    assert all(sorted(row) == list(range(N)) for row in rows.tolist())


@pytest.mark.parametrize("chosen", [0, 1, 30, 700, N])
def test_among_some_rows_the_search_is_exact(
    index: VectorIndex, chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.exploration.indexes.flat._BLOCK", 256)  # several blocks
    among = np.sort(np.random.default_rng(chosen).permutation(N)[:chosen])
    rows, scores = index.search(QUERIES[:7], 20, among)
    assert rows.shape == scores.shape == (7, min(20, chosen))
    for query, found, told in zip(QUERIES, rows, scores, strict=False):
        cosines = {int(row): float(VECTORS[row] @ query) for row in among}
        best = sorted(cosines, key=lambda row: -cosines[row])[:20]
        np.testing.assert_allclose(told, [cosines[row] for row in best], atol=1e-6)
        np.testing.assert_allclose(told, [cosines[int(row)] for row in found], atol=1e-6)
        assert len(set(found.tolist())) == len(found)


@pytest.mark.parametrize("k", [1, 3, 9])
def test_of_equal_vectors_the_first_come_first(tmp_path: Path, k: int) -> None:
    same = build_index(tmp_path, IDS[:40], np.repeat(VECTORS[:4], 10, axis=0))
    assert same.search(VECTORS[2:3], k)[0].tolist() == [list(range(20, 20 + k))]
    odd = np.arange(1, 40, 2)
    some, _ = same.search(VECTORS[2:3], k, odd)
    assert some[0, :5].tolist() == [21, 23, 25, 27, 29][:k]


def test_one_query_finds_what_many_do(index: VectorIndex) -> None:
    rows, scores = index.search(QUERIES, 10)
    for query, found, told in zip(QUERIES, rows, scores, strict=True):
        alone = index.search(query[None], 10)
        np.testing.assert_array_equal(alone[0][0], found)
        np.testing.assert_allclose(alone[1][0], told, atol=1e-6)


def test_opened_again_it_is_whole(index: VectorIndex) -> None:
    assert index.ids == IDS and len(index) == N and index.row_of["item 7"] == 7
    np.testing.assert_array_equal(index.vectors(), VECTORS)


def test_of_the_same_vectors_it_is_left_and_of_others_built_anew(tmp_path: Path) -> None:
    def written() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    index = build_index(tmp_path, IDS, VECTORS, QUERIES, BUDGETS["hnsw"])
    before = written()
    build_index(tmp_path, IDS, VECTORS, QUERIES, BUDGETS["hnsw"])
    assert written() == before
    exact = build_index(tmp_path, IDS, VECTORS, QUERIES, BUDGETS["flat"])
    assert exact.facts.kind == "flat" and not (tmp_path / "index.faiss").exists()
    other = build_index(tmp_path, IDS, clustered(3, N), QUERIES, BUDGETS["flat"])
    assert other.facts.key != index.facts.key
    renamed = build_index(tmp_path, [f"{name}!" for name in IDS], clustered(3, N))
    assert renamed.facts.key != other.facts.key and renamed.ids[0] == "item 0!"


@pytest.mark.parametrize("kept", [(), ("ids.json",), ("vectors.npy", "ids.json", "index.faiss")])
def test_what_is_not_whole_does_not_count(tmp_path: Path, kept: tuple[str, ...]) -> None:
    folder = tmp_path / "index"
    build_index(folder, IDS[:300], VECTORS[:300], budget=BUDGETS["hnsw"])
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    with pytest.raises(NotFound):
        open_index(folder)
    assert len(build_index(folder, IDS, VECTORS)) == N


def test_one_that_was_cut_short_does_not_count(tmp_path: Path) -> None:
    build_index(tmp_path, IDS, VECTORS)
    whole = (tmp_path / "vectors.npy").read_bytes()
    (tmp_path / "vectors.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NotFound):
        open_index(tmp_path)


def test_one_that_another_version_wrote_is_built_anew(tmp_path: Path) -> None:
    build_index(tmp_path, IDS, VECTORS)
    facts = (tmp_path / "index.json").read_text()
    (tmp_path / "index.json").write_text(facts.replace('"version": 2', '"version": 1'))
    with pytest.raises(NotFound):
        open_index(tmp_path)


@given(
    count=st.integers(1, 10**8),
    dimension=st.integers(2, 4096),
    gigabytes=st.floats(0.01, 64),
)
def test_what_is_chosen_fits_the_budget_where_anything_does(
    count: int, dimension: int, gigabytes: float
) -> None:
    budget = Budget(memory_bytes=int(gigabytes * 2**30))
    choice = choose(count, dimension, budget)
    if count <= 200_000:
        assert choice.kind == "flat"
    elif choice.kind == "hnsw":
        assert choice.memory_bytes <= budget.memory_bytes
    else:
        assert choice.kind == "ivf-pq" and dimension % choice.settings["code"] == 0
        assert choice.settings["lists"] >= 8 and choice.settings["probes"] >= 1


def test_a_small_budget_takes_less_memory_than_the_vectors() -> None:
    plain = 10**7 * 512 * 4
    small = choose(10**7, 512, Budget(memory_bytes=2 * 2**30))
    assert small.kind == "ivf-pq" and small.memory_bytes < plain / 20
