"""The feature store: nothing is encoded twice, nothing committed is lost, nothing damaged is believed."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.catalog.encoders import EncoderSpec
from backend.errors import Cancelled, EncoderError, StorageError
from backend.features.encoders import Encoder
from backend.features.store import FeatureStore, Stored, feature_store
from backend.features.store.parts import Keys, as_keys, compact, part_name, read_parts, write_part
from backend.features.work import Outcome, Output, Work
from backend.settings import REPOSITORY

BATCH = 300


class Counting(Encoder):
    """Encodes numbers by their digits, times a scale; it remembers what it was asked."""

    unit = "numbers"

    def __init__(self, scale: float = 1.0, faulty: Sequence[int] = ()) -> None:
        self.spec = EncoderSpec(f"counting-{scale}", "text", "folder", "")
        self.outputs = (Output(f"{scale}".encode().hex().ljust(64, "0"), "digits"),)
        self.asked: list[int] = []
        self._scale = scale
        self._faulty = frozenset(faulty)

    @property
    def dimension(self) -> int:
        return 3

    def prepare(self) -> None: ...

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        for start in range(0, len(items), BATCH):
            batch = [i for i in range(start, min(start + BATCH, len(items))) if wanted[i]]
            if batch:
                yield Work(tuple(batch), lambda batch=batch: self._run(batch, items))

    def _run(self, batch: list[int], items: Sequence[Any]) -> Outcome:
        self.asked += [items[i] for i in batch]
        kept = tuple(i for i in batch if items[i] not in self._faulty)
        return Outcome(
            kept,
            (expected([items[i] for i in kept], self._scale),),
            faults={i: "is faulty" for i in batch if items[i] in self._faulty},
        )


def expected(items: Sequence[int], scale: float = 1.0) -> NDArray[np.float32]:
    """Numbers that half precision holds exactly, as long as the scale is small."""
    rows = [[scale * (item % 1000), scale * (item // 1000), scale] for item in items]
    return np.asarray(rows, np.float32).reshape(-1, 3)


def ask(store: FeatureStore, encoder: Encoder, items: Sequence[int], **more: Any) -> Stored:
    return store.features(encoder, list(map(digits, items)), items, **more)


def digits(item: int) -> str:
    """The key of a number; some end in zeros, as hashes do."""
    return hashlib.sha256(str(item).encode()).hexdigest()[:30] + ("00" if item % 2 else "0a")


def keys_of(items: Sequence[int]) -> Keys:
    return as_keys(list(map(digits, items)))


def parts_folder(store: FeatureStore, encoder: Encoder, output: int = 0) -> Path:
    return store.root / encoder.outputs[output].fingerprint[:32] / "parts"


def test_every_item_is_encoded_once_whatever_set_it_comes_in(tmp_path: Path) -> None:
    store, encoder = FeatureStore(tmp_path), Counting(0.25)
    first = ask(store, encoder, range(1000))
    assert first.kept.tolist() == list(range(1000)) and first.vectors.dtype == np.float16
    assert np.array_equal(first.vectors, expected(range(1000), 0.25))
    mixed = [5, 2000, 3, 999, 2001]
    second = ask(FeatureStore(tmp_path), encoder, mixed)
    assert np.array_equal(second.vectors, expected(mixed, 0.25))
    assert sorted(encoder.asked) == [*range(1000), 2000, 2001]
    other = ask(store, Counting(0.5), range(10))
    assert np.array_equal(other.vectors, expected(range(10), 0.5))


def test_numbers_too_large_for_half_precision_stay_single(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    small = ask(store, Counting(100.0), range(100))
    assert small.vectors.dtype == np.float16
    whole = ask(store, Counting(100.0), range(1000))
    assert whole.vectors.dtype == np.float32
    assert np.array_equal(whole.vectors[656:], expected(range(656, 1000), 100.0))
    # a row that fits is rounded the same way whatever stands beside it
    assert np.array_equal(whole.vectors[:100], small.vectors)
    alone = ask(FeatureStore(tmp_path / "other"), Counting(100.0), [301])
    assert np.array_equal(whole.vectors[301], alone.vectors[0].astype(np.float32))
    assert compact(np.asarray([[65504.0]], np.float32)).dtype == np.float16
    assert compact(np.asarray([[65535.0]], np.float32)).dtype == np.float32


def test_large_sets_are_memory_mapped_and_equal(tmp_path: Path) -> None:
    encoder = Counting(0.5)
    ask(FeatureStore(tmp_path), encoder, range(0, 1000, 2))
    mapped = ask(FeatureStore(tmp_path, in_memory=100), encoder, range(1000))
    assert isinstance(mapped.vectors, np.memmap)
    assert np.array_equal(mapped.vectors, expected(range(1000), 0.5))
    again = ask(FeatureStore(tmp_path, in_memory=100), encoder, range(1000))
    assert isinstance(again.vectors, np.memmap) and len(encoder.asked) == 1000
    assert np.array_equal(again.vectors, mapped.vectors)


def test_faults_are_told_each_time_and_never_stored(tmp_path: Path) -> None:
    store, encoder = FeatureStore(tmp_path), Counting(faulty=[3, 700])
    for _ in range(2):
        stored = ask(store, encoder, range(1000))
        assert stored.faults == {3: "is faulty", 700: "is faulty"}
        assert stored.kept.tolist() == [n for n in range(1000) if n not in (3, 700)]
        assert np.array_equal(stored.vectors, expected(stored.kept))
    assert len(encoder.asked) == 1002
    nothing = ask(store, encoder, [3])
    assert len(nothing.kept) == 0 and len(nothing.vectors) == 0


def test_a_stop_keeps_whole_batches_and_going_on_takes_the_rest(tmp_path: Path) -> None:
    store, encoder = FeatureStore(tmp_path), Counting(0.5)

    def stop(done: int, total: int, unit: str) -> None:
        if done >= 2 * BATCH:
            raise Cancelled("asked to stop")

    with pytest.raises(Cancelled):
        ask(store, encoder, range(3000), report=stop)
    kept = np.concatenate([keys for _, keys in read_parts(parts_folder(store, encoder))])
    assert len(kept) >= 2 * BATCH and len(kept) % BATCH == 0
    fresh = Counting(0.5)
    told: list[tuple[int, int, str]] = []
    whole = ask(store, fresh, range(3000), report=lambda *told_now: told.append(told_now))
    assert len(fresh.asked) == 3000 - len(kept)
    assert told[0] == (len(kept), 3000, "numbers") and told[-1] == (3000, 3000, "numbers")
    assert np.array_equal(whole.vectors, expected(range(3000), 0.5))


KILLED = """
import os, signal, sys
from pathlib import Path
from backend.features.store import FeatureStore, feature_store
from tests.unit.features.test_store import Counting, ask

feature_store.PART_SECONDS = float("inf")

def report(done, total, unit):
    if done >= int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

ask(FeatureStore(Path(sys.argv[1])), Counting(0.5), range(9000), report=report)
"""


def test_killed_in_the_middle_it_goes_on_and_ends_with_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # parts are closed by their size alone: where a slow machine closes one by the clock is chance
    monkeypatch.setattr(feature_store, "PART_SECONDS", math.inf)
    for after in ("3000", "7000"):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path / "killed"), after], cwd=REPOSITORY
        )
        assert done.returncode == -signal.SIGKILL
    store, encoder = FeatureStore(tmp_path / "killed"), Counting(0.5)
    whole = ask(store, encoder, range(9000))
    assert np.array_equal(whole.vectors, expected(range(9000), 0.5))
    # 7,000 were done, at most one open part of 1,024 rows and a batch under way were lost
    assert BATCH <= len(encoder.asked) <= 2000 + 1024 + BATCH
    undisturbed = FeatureStore(tmp_path / "whole")
    ask(undisturbed, Counting(0.5), range(9000))
    assert _files(store, encoder) == _files(undisturbed, encoder)


def _files(store: FeatureStore, encoder: Encoder) -> dict[str, bytes]:
    folder = parts_folder(store, encoder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def _remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [_truncate, _flip, _remove])
@pytest.mark.parametrize("suffix", [".npy", ".json"])
@pytest.mark.parametrize("same_store", [True, False])
def test_a_damaged_part_is_encoded_again_and_alone(
    tmp_path: Path, damage: Any, suffix: str, same_store: bool
) -> None:
    store, encoder = FeatureStore(tmp_path), Counting(0.5)
    ask(store, encoder, range(5000))
    part, keys = list(read_parts(parts_folder(store, encoder)))[1]
    damage(part.path.with_suffix(suffix))
    fresh = Counting(0.5)
    whole = ask(store if same_store else FeatureStore(tmp_path), fresh, range(5000))
    assert np.array_equal(whole.vectors, expected(range(5000), 0.5))
    assert set(keys_of(fresh.asked)) == set(keys)


def test_a_full_disk_is_told_and_costs_nothing_that_was_committed(tmp_path: Path) -> None:
    store, encoder = FeatureStore(tmp_path), Counting(0.5)
    ask(store, encoder, range(BATCH))
    folder = parts_folder(store, encoder)
    keys = keys_of(range(BATCH, 2 * BATCH))
    # the part's draft leads to a device on which there is never room
    (folder / f".{part_name(keys)}.npy.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"disk is full: .* about 0.1 MB in .*resume") as caught:
        ask(store, encoder, range(2 * BATCH))
    assert str(folder) in str(caught.value)
    assert [len(keys) for _, keys in read_parts(folder)] == [BATCH]
    fresh = Counting(0.5)
    ask(store, fresh, range(2 * BATCH))
    assert fresh.asked == list(range(BATCH, 2 * BATCH))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        ask(FeatureStore(tmp_path / "file"), Counting(), range(3))


def test_features_that_are_not_numbers_are_refused_and_not_stored(tmp_path: Path) -> None:
    store, encoder = FeatureStore(tmp_path), Counting(float("nan"))
    with pytest.raises(EncoderError, match="not finite"):
        ask(store, encoder, range(3))
    assert list(read_parts(parts_folder(store, encoder))) == []


def test_a_part_survives_being_written_twice(tmp_path: Path) -> None:
    one = write_part(tmp_path, keys_of([1, 2]), expected([1, 2]))
    two = write_part(tmp_path, keys_of([1, 2]), expected([1, 2]))
    assert one == two and one.intact()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npy"]
