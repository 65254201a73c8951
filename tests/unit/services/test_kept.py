"""What is kept open within a budget of memory."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from backend.exploration.gallery import Entry, Gallery, build_gallery, load_gallery
from backend.exploration.indexes import Budget
from backend.services.kept import Kept
from backend.settings import Settings

N, D = 300, 16


@pytest.fixture
def galleries(tmp_path: Path) -> list[Gallery]:
    """Three of one size, as they are opened."""
    entries = [Entry(f"i{number}", "text", "words", ("a", "b"), {}) for number in range(N)]
    found = []
    for seed in range(3):
        rows = np.random.default_rng(seed).normal(size=(3 * N, D)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        build_gallery(tmp_path / str(seed), entries, rows[:N], rows[N:])
        found.append(load_gallery(tmp_path / str(seed), tmp_path))
    return found


def test_what_was_not_asked_for_longest_is_let_go(galleries: list[Gallery]) -> None:
    kept = Kept[Gallery](2 * galleries[0].memory_bytes)
    kept.put("0", galleries[0])
    kept.put("1", galleries[1])
    assert kept.get("0") is galleries[0] and len(kept) == 2
    kept.put("2", galleries[2])
    assert "1" not in kept and kept.get("1") is None
    assert kept.get("0") is galleries[0] and kept.get("2") is galleries[2]


def test_what_is_asked_for_stays_whatever_it_takes(galleries: list[Gallery]) -> None:
    kept = Kept[Gallery](1)
    for name, gallery in enumerate(galleries):
        kept.put(str(name), gallery)
        assert len(kept) == 1 and kept.get(str(name)) is gallery
    kept.drop("2")
    kept.drop("2")
    assert len(kept) == 0


def test_letting_go_frees_the_gallery_its_index_and_its_memory_map(
    galleries: list[Gallery],
) -> None:
    kept = Kept[Gallery](1)
    first = galleries.pop(0)
    index = first.indexes["image"]
    alive = [weakref.ref(first), weakref.ref(index), weakref.ref(index.vectors())]
    kept.put("0", first)
    found = first.indexes["image"].search(first.vector("image:i0")[None], 1)[0]
    assert found.tolist() == [[0]]
    del first, index
    gc.collect()
    assert all(ref() is not None for ref in alive)
    kept.put("1", galleries[0])
    assert [ref() for ref in alive] == [None, None, None]


def test_memory_counts_vectors_that_search_reads_ids_and_items(
    galleries: list[Gallery], tmp_path: Path
) -> None:
    gallery = galleries[0]
    vectors = 3 * N * D * 4
    assert vectors + 3 * N * 50 < gallery.memory_bytes < vectors + 3 * N * 1000
    # codes are searched in place of the vectors, which are looked up in
    rows = gallery.indexes["image"].vectors()
    entries = [Entry(f"i{number}", "text", "words", ("a", "b"), {}) for number in range(N)]
    texts = np.repeat(rows, 2, axis=0)
    few = Budget(memory_bytes=1, exact_until=0)
    build_gallery(tmp_path / "codes", entries, rows, texts, budget=few)
    codes = load_gallery(tmp_path / "codes", tmp_path).indexes["text"]
    assert codes.facts.kind == "ivf-pq"
    assert codes.memory_bytes < gallery.indexes["text"].memory_bytes


def test_the_budget_is_the_setting_or_a_quarter_of_what_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Settings(index_memory_mb=100).index_memory_bytes == 100 * 1024**2
    monkeypatch.setattr("backend.settings.memory", lambda: 8 * 1024**3)
    assert Settings().index_memory_bytes == 2 * 1024**3
    monkeypatch.setattr("backend.settings.memory", lambda: None)
    assert Settings().index_memory_bytes == 2 * 1024**3


def test_a_store_that_is_none_is_refused_with_those_there_are() -> None:
    for given in (
        "faiss",
        "milvus.db",
        "/data/vectors.db",
        "http://host:19530",
        "https://in.cloud",
    ):
        assert Settings(vector_store=given).vector_store == given
    for given in ("milvus", "", "ftp://host", "fais"):
        with pytest.raises(ValueError, match="allowed are faiss"):
            Settings(vector_store=given)
    assert "secret" not in repr(Settings(vector_store_token="secret"))
