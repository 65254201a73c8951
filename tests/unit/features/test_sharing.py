"""The store between processes and threads: nothing twice, nothing wrong, nobody stuck."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from backend.errors import Cancelled, InvalidInput
from backend.features.store import FeatureStore
from backend.features.store.inventory import remove_features, stored_features
from backend.features.work import Outcome
from tests.unit.features.test_store import Counting, ask, expected, parts_folder


class Gated(Counting):
    """Encodes when it is let."""

    def __init__(self) -> None:
        super().__init__(0.5)
        self.began, self.gate = threading.Event(), threading.Event()

    def _run(self, batch: list[int], items: Any) -> Outcome:
        self.began.set()
        assert self.gate.wait(60)
        return super()._run(batch, items)


def test_what_two_want_at_once_is_encoded_by_one(tmp_path: Path) -> None:
    one, two = Gated(), Gated()
    told: list[int] = []
    waited = threading.Event()

    def report(done: int, total: int, unit: str) -> None:
        told.append(done)
        if len(told) > 2:  # it has looked while the other had the lock
            waited.set()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, FeatureStore(tmp_path), one, range(2000))
        assert one.began.wait(60)
        second = pool.submit(ask, FeatureStore(tmp_path), two, range(500, 2500), report=report)
        assert waited.wait(60)
        assert not two.began.is_set()
        two.gate.set()
        one.gate.set()
        assert np.array_equal(first.result(60).vectors, expected(range(2000), 0.5))
        assert np.array_equal(second.result(60).vectors, expected(range(500, 2500), 0.5))
    assert sorted(one.asked) == list(range(2000))
    assert sorted(two.asked) == list(range(2000, 2500))


def test_one_that_waits_can_be_stopped(tmp_path: Path) -> None:
    encoder = Counting(0.5)
    told: list[int] = []

    def stop(done: int, total: int, unit: str) -> None:
        told.append(done)
        if len(told) > 3:
            raise Cancelled("asked to stop")

    (tmp_path / "locks").mkdir()
    with (
        FileLock(tmp_path / "locks" / f"{encoder.outputs[0].fingerprint[:32]}.lock"),
        pytest.raises(Cancelled),
    ):
        ask(FeatureStore(tmp_path), encoder, range(5), report=stop)
    assert encoder.asked == []


def test_nobody_waits_for_long_for_what_is_of_no_use(tmp_path: Path) -> None:
    """The other one encodes other items; and removing its features harms neither."""
    encoder = Counting(0.5)
    store = FeatureStore(tmp_path, patience=0.3)
    name = encoder.outputs[0].fingerprint[:32]
    (tmp_path / "locks").mkdir()

    def remove(done: int, total: int, unit: str) -> None:
        if done >= 300 and (tmp_path / name / "parts").is_dir() and not removed:
            removed.append(done)
            (tmp_path / name).rename(tmp_path / "aside")

    removed: list[int] = []
    with FileLock(tmp_path / "locks" / f"{name}.lock"):
        found = ask(store, encoder, range(3000), report=remove)
    assert removed and np.array_equal(found.vectors, expected(range(3000), 0.5))


def test_a_reader_keeps_what_it_has_mapped_and_a_newcomer_encodes_again(tmp_path: Path) -> None:
    store, encoder = FeatureStore(tmp_path, in_memory=100), Counting(0.5)
    mapped = ask(store, encoder, range(3000))
    (entry,) = stored_features(tmp_path)
    freed = remove_features(tmp_path, [entry.key])
    assert freed == entry.bytes > 3000 * 6
    assert np.array_equal(mapped.vectors, expected(range(3000), 0.5))
    assert stored_features(tmp_path) == []
    again = Counting(0.5)
    assert np.array_equal(ask(store, again, range(10)).vectors, expected(range(10), 0.5))
    assert again.asked == list(range(10))


def test_parts_that_vanish_while_they_are_read_are_encoded_again(tmp_path: Path) -> None:
    """Removed by another process just after this one has found them."""
    store, encoder = FeatureStore(tmp_path), Counting(0.5)
    ask(store, encoder, range(2000))
    (entry,) = stored_features(tmp_path)

    def remove(done: int, total: int, unit: str) -> None:
        if done == total == 2000 and len(encoder.asked) == 2000:
            remove_features(tmp_path, [entry.key])

    found = ask(store, encoder, range(2000), report=remove)
    assert np.array_equal(found.vectors, expected(range(2000), 0.5))
    assert len(encoder.asked) == 4000


def test_what_is_being_written_is_not_removed(tmp_path: Path) -> None:
    ask(FeatureStore(tmp_path), Counting(0.25), range(10))
    (old,) = stored_features(tmp_path)
    encoder = Gated()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(ask, FeatureStore(tmp_path), encoder, range(2000))
        assert encoder.began.wait(60)
        key = parts_folder(FeatureStore(tmp_path), encoder).parent.name
        with pytest.raises(InvalidInput, match="being encoded right now"):
            remove_features(tmp_path, [old.key, key])
        encoder.gate.set()
        assert np.array_equal(writing.result(60).vectors, expected(range(2000), 0.5))
    assert {entry.key for entry in stored_features(tmp_path)} == {old.key, key}
