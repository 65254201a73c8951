"""Hashes of contents: right, remembered, and what they tell."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.catalog.datasets import load_dataset
from backend.catalog.datasets.hashes import content_keys
from backend.errors import Cancelled, DatasetError
from backend.media.blobs import Blob
from backend.settings import REPOSITORY, Settings
from tests.unit.catalog import sets


def old(*paths: Path) -> None:
    """Makes files look settled: those just written are not remembered."""
    for path in paths:
        os.utime(path, ns=(10**18, 10**18))


def key(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def test_keys_are_hashes_of_files_and_of_parts(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"0123456789")
    blobs = [
        Blob(file),
        Blob(file, 2, 3),
        Blob(file, 8, 2),
        Blob(tmp_path / "gone"),
        Blob(file, 8, 9),
    ]
    keys, faults = content_keys(blobs, tmp_path / "memo.db")
    assert keys == [key(b"0123456789"), key(b"234"), key(b"89"), "", ""]
    assert set(faults) == {3, 4}
    assert "No such file" in faults[3] and "ends before" in faults[4]


def test_an_unchanged_file_is_not_read_again_and_a_changed_one_is(tmp_path: Path) -> None:
    memo, files = tmp_path / "memo.db", [tmp_path / f"{n}" for n in range(5)]
    for number, file in enumerate(files):
        file.write_bytes(b"content %d" % number)
    old(*files)
    blobs = [*map(Blob, files), Blob(files[0], 0, 7), Blob(files[0], 1, 3)]
    first, _ = content_keys(blobs, memo)
    for file in files[:4]:  # other bytes, but size and time of change say nothing of it
        file.write_bytes(b"CONTENT X")
    old(*files[:3])
    again, _ = content_keys(blobs, memo)
    assert again[:3] + again[4:] == first[:3] + first[4:]
    assert again[3] == key(b"CONTENT X") != first[3]
    assert content_keys(blobs, None)[0][0] == key(b"CONTENT X")


def test_a_file_just_written_is_not_remembered(tmp_path: Path) -> None:
    file, memo = tmp_path / "a", tmp_path / "memo.db"
    file.write_bytes(b"one")
    now = time.time_ns()
    os.utime(file, ns=(now, now))
    content_keys([Blob(file)], memo)
    file.write_bytes(b"two")
    os.utime(file, ns=(now, now))
    assert content_keys([Blob(file)], memo)[0] == [key(b"two")]


def test_a_damaged_memo_costs_time_only(tmp_path: Path) -> None:
    file, memo = tmp_path / "a", tmp_path / "memo.db"
    file.write_bytes(b"one")
    old(file)
    memo.write_bytes(b"this is no database" * 500)
    assert content_keys([Blob(file)], memo)[0] == [key(b"one")]
    with sqlite3.connect(memo) as database:  # begun anew
        assert database.execute("select key from content").fetchall() == [(key(b"one"),)]
    assert content_keys([Blob(file)], tmp_path / "a" / "nowhere.db")[0] == [key(b"one")]


def test_what_is_hashed_is_remembered_when_it_is_stopped(tmp_path: Path) -> None:
    files = [tmp_path / f"{n}" for n in range(1100)]
    for file in files:
        file.write_text(file.name)
        old(file)

    def stop(done: int, total: int, unit: str) -> None:
        if done > 600:
            raise Cancelled

    with pytest.raises(Cancelled):
        content_keys([Blob(file) for file in files], tmp_path / "memo.db", stop)
    with sqlite3.connect(tmp_path / "memo.db") as database:
        assert 500 < database.execute("select count(*) from content").fetchone()[0] <= 1100


_HASH = """
import sys
from pathlib import Path
from backend.media.blobs import Blob
from backend.catalog.datasets.hashes import content_keys
files = [Blob(Path(sys.argv[1], str(n))) for n in range(1500)]
keys, faults = content_keys(files, Path(sys.argv[2]))
assert not faults and len(set(keys)) == 1500
"""


def test_two_processes_may_share_a_memo(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(1500):
        (folder / str(number)).write_text(str(number))
        old(folder / str(number))
    command = [sys.executable, "-c", _HASH, str(folder), str(tmp_path / "memo.db")]
    both = [subprocess.Popen(command, cwd=REPOSITORY) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    with sqlite3.connect(tmp_path / "memo.db") as database:
        assert database.execute("select count(*) from content").fetchone() == (1500,)


def test_the_copy_that_is_held_out_least_is_set_aside(tmp_path: Path) -> None:
    folder = sets.folder_set(tmp_path / "set")
    images = folder / "images"
    (images / "0.png").write_bytes((images / "1.png").read_bytes())  # train and val
    (images / "4.png").write_bytes((images / "2.png").read_bytes())  # val and test
    (images / "6.png").write_bytes((images / "3.png").read_bytes())  # train and train
    dataset = load_dataset(str(folder), Settings())
    ids = {record.id for record in dataset.records}
    assert ids == {f"{n}.png" for n in range(12)} - {"0.png", "4.png"}
    assert [(f.kind, f.where, f.set_aside) for f in dataset.findings] == [
        ("crosses splits", "0.png", True),
        ("crosses splits", "4.png", True),
    ]
    assert "same as 1.png in val, so not used in train" in dataset.findings[0].what
    assert all(len(record.key) == 32 for record in dataset.records)
    assert len(load_dataset(str(folder), Settings(), hashed=False).records) == 12


def test_a_set_that_is_the_same_in_all_splits_is_refused(tmp_path: Path) -> None:
    folder = sets.folder_set(tmp_path / "set", count=3)
    for number in (0, 1):
        (folder / "images" / f"{number}.png").write_bytes(sets.picture(2))
    with pytest.raises(DatasetError, match="no usable item for train and val"):
        load_dataset(str(folder), Settings())


def test_texts_are_keyed_by_their_words_and_items_without_content_by_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pairs.csv"
    lines = [f"{n},question {max(n, 1)},answer {n},{sets.SPLITS[n % 3]}" for n in range(12)]
    file.write_text("id,text,caption,split\n" + "\n".join(lines))
    dataset = load_dataset(str(file), Settings())
    assert dataset.modality == "text"
    assert dataset.split("test")[0].key == key(b"question 2")
    # 0 and 1 ask the same in train and val: the one in train is set aside
    assert {finding.kind for finding in dataset.findings} == {"crosses splits"}
    assert "0" not in {record.id for record in dataset.records}
    file.write_text(
        "id,caption,split\n" + "\n".join(f"{n},c,{sets.SPLITS[n % 3]}" for n in range(6))
    )
    bare = load_dataset(str(file), Settings())
    assert {record.key for record in bare.records} == {""}
    assert {record.content for record in bare.records} == {None}
    assert bare.modality == "features" and len(bare.records) == 6
