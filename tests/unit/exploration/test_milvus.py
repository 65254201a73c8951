"""Milvus beside the contract of all indexes: its collections' lives, what is said where it cannot be used."""

from __future__ import annotations

import gc
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from backend.errors import Cancelled, NotFound, StorageError
from backend.exploration.indexes import Budget, Store, build_index, drop_of, is_in, open_index
from backend.exploration.indexes.stores import names
from tests.unit.exploration.milvus_stores import MISSING, store_at

pytest.importorskip("pymilvus", reason=MISSING)
pytest.importorskip("milvus_lite", reason=MISSING)

REPOSITORY = Path(__file__).resolve().parents[3]
N, D = 300, 8
IDS = [f"item {number}" for number in range(N)]


def unit(seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(N, D))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


VECTORS = unit(0)


@pytest.fixture(params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    where: Literal["file", "server"] = request.param
    with store_at(where, tmp_path / "store") as found:
        assert found is not None
        yield found


def test_a_run_has_a_collection_of_each_side_and_loses_them_alone(
    store: Store, tmp_path: Path
) -> None:
    for run in ("r-a", "r-ab"):
        for side in ("image", "text"):
            build_index(tmp_path / run / side, IDS, VECTORS, store=store)
    assert sorted(name.rpartition("_")[0] for name in names(store)) == [
        "isthmus_r_a_image",
        "isthmus_r_a_text",
        "isthmus_r_ab_image",
        "isthmus_r_ab_text",
    ]
    drop_of(store, "r-a")
    assert {name.rpartition("_")[0] for name in names(store)} == {
        "isthmus_r_ab_image",
        "isthmus_r_ab_text",
    }
    assert not is_in(tmp_path / "r-a" / "image", store)
    assert is_in(tmp_path / "r-ab" / "image", store)


def test_of_the_same_vectors_it_is_left_and_of_others_built_anew(
    store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "r-a" / "image"
    build_index(folder, IDS, VECTORS, store=store)
    before = (folder / "index.json").stat().st_mtime_ns, names(store)
    build_index(folder, IDS, VECTORS, store=store)
    assert ((folder / "index.json").stat().st_mtime_ns, names(store)) == before
    other = build_index(folder, IDS, unit(1), store=store)
    assert len(names(store)) == 1 and names(store) != before[1]
    rows, scores = other.search(unit(1), 1)  # what was just written is found
    assert rows[:, 0].tolist() == list(range(N))
    np.testing.assert_allclose(scores, 1, atol=1e-6)


def test_a_missing_collection_is_missed_and_made_again(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "r-a" / "image"
    build_index(folder, IDS, VECTORS, store=store)
    drop_of(store, "r-a", "text")
    assert is_in(folder, store)
    drop_of(store, "r-a", "image")
    assert not is_in(folder, store)
    again = build_index(folder, IDS, VECTORS, store=store)
    assert is_in(folder, store) and again.search(VECTORS[5:6], 1)[0].tolist() == [[5]]


def test_one_is_where_the_settings_want_it_or_is_not_there(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "r-a" / "image"
    build_index(folder, IDS, VECTORS)
    assert is_in(folder, None) and not is_in(folder, store)
    build_index(folder, IDS, VECTORS, store=store)
    assert is_in(folder, store) and not is_in(folder, None)
    # whoever reads its vectors needs no store
    read = open_index(folder)
    np.testing.assert_array_equal(read.vectors(), VECTORS)
    assert read.search(VECTORS[:3], 1)[0].tolist() == [[0], [1], [2]]


def test_progress_rises_to_the_end_and_one_that_is_stopped_does_not_count(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.exploration.indexes.milvus._BATCH_BYTES", 64 * D * 4)
    folder = tmp_path / "r-a" / "image"

    def stop(done: int, total: int, unit: str) -> None:
        if done >= N / 4:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        build_index(folder, IDS, VECTORS, report=stop, store=store)
    assert not is_in(folder, store)
    with pytest.raises(NotFound):
        open_index(folder)
    gc.collect()

    told: list[int] = []
    build_index(folder, IDS, VECTORS, report=lambda done, total, _: told.append(done), store=store)
    assert told == sorted(told) and (told[0], told[-1]) == (0, N) and len(told) > N // 64
    assert len(names(store)) == 1


def test_one_that_is_let_go_leaves_the_others_and_then_the_file(tmp_path: Path) -> None:
    from milvus_lite.db import MilvusLite
    from milvus_lite.exceptions import DataDirLockedError

    folder, store = tmp_path / "r-a" / "image", Store(str(tmp_path / "milvus.db"))
    first = build_index(folder, IDS, VECTORS, store=store)
    second = open_index(folder, store=store)
    (name,) = names(store)
    for index in (first, second):
        index.search(VECTORS[:1], 1)
    del index, first
    gc.collect()
    assert second.search(VECTORS[7:8], 1)[0].tolist() == [[7]]
    with pytest.raises(DataDirLockedError):
        MilvusLite(str(store.file(name)))
    del second
    gc.collect()
    MilvusLite(str(store.file(name))).close()


def test_while_another_process_has_the_file_search_is_exact_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from milvus_lite.db import MilvusLite

    folder, store = tmp_path / "r-a" / "image", Store(str(tmp_path / "milvus.db"))
    built = build_index(folder, IDS, VECTORS, budget=Budget(exact_until=0), store=store)
    del built
    gc.collect()
    other = MilvusLite(str(store.file(names(store)[0])))
    index = open_index(folder, store=store)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            rows, _ = index.search(VECTORS[:4], 3)
    np.testing.assert_array_equal(rows, np.argsort(-(VECTORS[:4] @ VECTORS.T), axis=1)[:, :3])
    assert len([line for line in caplog.messages if "without Milvus" in line]) == 1
    other.close()
    assert index.search(VECTORS[:4], 1)[0][:, 0].tolist() == [0, 1, 2, 3]
    assert index._connection is not None  # type: ignore[attr-defined]


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        store = Store(f"http://root:secret@{address}", "another secret")
        with pytest.raises(StorageError, match=f"http://{address}.*ISTHMUS_VECTOR_STORE") as told:
            build_index(tmp_path / "r-a" / "image", IDS, VECTORS, store=store)
    assert "secret" not in str(told.value) and "secret" not in repr(store).replace(
        "root:secret", ""
    )


def test_a_server_that_is_silent_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.exploration.indexes.stores.CONNECT", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = Store(f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(StorageError, match="does not answer"):
            build_index(tmp_path / "r-a" / "image", IDS, VECTORS, store=store)
        assert time.monotonic() - begun < 30


def test_without_the_client_one_is_told_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for store in (Store("http://127.0.0.1:1"), Store(str(tmp_path / "milvus.db"))):
        with pytest.raises(StorageError, match="pip install -r requirements-milvus.txt"):
            build_index(tmp_path / "r-a" / "image", IDS, VECTORS, store=store)


def test_the_client_is_imported_by_nobody_who_did_not_choose_it(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np; from pathlib import Path;"
        "from backend.exploration.indexes import build_index;"
        "build_index(Path(sys.argv[1]), ['a'], np.eye(1, dtype=np.float32));"
        "print('pymilvus' in sys.modules, 'milvus_lite' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["False", "False"], done.stderr
