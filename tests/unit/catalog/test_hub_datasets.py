"""Data sets of the Hub, from folders of the same form by the same functions; the Hub itself is away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image

from backend.catalog.datasets import Dataset, load_dataset
from backend.catalog.datasets.imports import hub_import
from backend.catalog.datasets.imports.archives import import_zip
from backend.catalog.datasets.imports.hub_stream import Repository, in_folder, on_the_hub
from backend.catalog.datasets.imports.removal import imported_folder, is_fetched, remove_import
from backend.errors import Cancelled, DatasetError, StorageError
from backend.settings import REPOSITORY, Settings
from tests.unit.catalog import sets

COLUMNS = {
    "img": datasets.Image(),
    "said": datasets.List(datasets.Value("string")),
    "kind": datasets.ClassLabel(names=["a_cat", "dog"]),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the library keeps for itself goes where the test's files are."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))


def load(address: object, **options: Any) -> Dataset:
    return load_dataset(str(address), Settings(**options))


def repository(folder: Path, counts: dict[str, int], columns: dict[str, Any] | None = None) -> str:
    """A folder as the Hub keeps it: Parquet files by split."""
    (folder / "data").mkdir(parents=True)
    first = 0
    for split, count in counts.items():
        numbers = range(first, first + count)
        first += count
        rows = {
            "img": [{"bytes": sets.picture(n), "path": None} for n in numbers],
            "said": [[f"one {n}", f"two {n}"] for n in numbers],
            "kind": [n % 2 for n in numbers],
        }
        chosen = columns or COLUMNS
        table = datasets.Dataset.from_dict(
            {name: rows[name] for name in chosen}, features=datasets.Features(chosen)
        )
        table.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return f"hf://{folder}"


def table(folder: Path, **splits: list[dict[str, Any]]) -> str:
    """The same as JSON lines."""
    folder.mkdir(parents=True)
    for split, rows in splits.items():
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return f"hf://{folder}"


def imported(home: Path) -> list[Path]:
    return [path for path in (home / "data" / "imports").iterdir() if path.name != ".locks"]


def test_parquet_with_pictures_is_fetched_once(tmp_path: Path, home: Path) -> None:
    address = repository(tmp_path / "birds", {"train": 40, "validation": 6, "test": 7})
    dataset = load(f"{address}?image=img&caption=said")
    counts = {name: (s.images, s.captions) for name, s in dataset.info().splits.items()}
    assert counts == {"train": (40, 80), "val": (6, 12), "test": (7, 14)}
    record = dataset.split("test")[2]
    assert record.captions == ("one 48", "two 48") and record.attributes == {"kind": "a_cat"}
    assert record.id == "test/0000/0000002.png"
    assert (dataset.name, dataset.set_aside, dataset.notes) == ("birds", (), ())
    (folder,) = imported(home)
    assert sorted(path.name for path in folder.iterdir()) == [
        ".left-out.json", "captions.jsonl", "images",
    ]  # fmt: skip
    before = (folder / "captions.jsonl").stat().st_mtime_ns
    assert load(f"{address}?image=img&caption=said").records == dataset.records
    assert (folder / "captions.jsonl").stat().st_mtime_ns == before


def test_columns_are_found_by_their_looks_or_named_in_the_error(tmp_path: Path, home: Path) -> None:
    address = repository(tmp_path / "x", {"train": 9, "validation": 6, "test": 7})
    assert len(load(address).records) == 22
    rows = [{"a": "x", "b": "y", "n": 1}]
    with pytest.raises(DatasetError) as caught:
        load(table(tmp_path / "y", train=rows))
    assert "Its columns are a (text), b (text), n (int64)" in str(caught.value)
    assert "?image=COLUMN&caption=COLUMN" in str(caught.value)
    with pytest.raises(DatasetError, match="there is no column 'c'"):
        load(f"hf://{tmp_path}/y?text=c&caption=b")
    with pytest.raises(DatasetError, match="addresses or names; what they lead to is not fetched"):
        load(f"hf://{tmp_path}/y?image=a&caption=b")
    with pytest.raises(DatasetError, match="there is no split dev"):
        load(f"{address}?split=dev")
    with pytest.raises(DatasetError, match="limit: must be a number"):
        load(f"{address}?limit=many")
    with pytest.raises(DatasetError, match="columns: is not an option"):
        load(f"{address}?columns=a")
    assert len(imported(home)) == 1  # nothing of the others is left


def test_classes_give_sentences(tmp_path: Path) -> None:
    columns = {"img": datasets.Image(), "kind": COLUMNS["kind"]}
    address = repository(tmp_path / "x", {"train": 9, "validation": 6, "test": 7}, columns)
    assert load(address).records[0].captions == ("a photo of a a cat.",)
    dataset = load(f"{address}?template=the {{}}&template={{}}!")
    assert dataset.records[1].captions == ("the dog", "dog!")


def test_rows_of_one_id_are_one_item_and_parts_of_columns_have_names(tmp_path: Path) -> None:
    rows = {
        split: [
            {"key": f"{split}{n // 2}", "q": f"{split} question {n // 2}", "a": {"raw": f"answer {n}"}}
            for n in range(8)
        ]
        for split in ("train", "dev", "test")
    }  # fmt: skip
    rows["train"].append({"key": None, "q": "whose", "a": {"raw": "nobody's"}})
    dataset = load(f"{table(tmp_path / 'qa', **rows)}?text=q&caption=a.raw&id=key")
    assert dataset.modality == "text" and len(dataset.records) == 12
    assert dataset.records[1].id == "train1" and dataset.records[1].content == "train question 1"
    assert dataset.records[1].captions == ("answer 2", "answer 3")
    assert [str(fault) for fault in dataset.set_aside] == ["train row 9: its key is empty"]
    guessed = load(f"hf://{tmp_path}/qa?text=q&caption=a&limit=2&split=train,validation,test")
    assert len(guessed.records) == 6 - 3  # two rows of each ask the same
    assert guessed.records[0].captions == ("answer 0",)


def test_an_imagefolder_is_read_and_a_name_that_leads_out_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    for place, split in enumerate(("train", "validation", "test")):
        (folder / split).mkdir(parents=True)
        lines = []
        for number in range(5):
            (folder / split / f"{number}.jpg").write_bytes(
                sets.picture(10 * place + number, "JPEG")
            )
            lines.append(json.dumps({"file_name": f"{number}.jpg", "text": f"words {number}"}))
        (folder / split / "metadata.jsonl").write_text("\n".join(lines))
    dataset = load(f"hf://{folder}")
    assert len(dataset.records) == 15 and dataset.records[4].captions == ("words 4",)
    assert dataset.records[4].id.endswith(".jpg")
    (tmp_path / "secret.jpg").write_bytes(sets.picture(99, "JPEG"))
    line = json.dumps({"file_name": "../../secret.jpg", "text": "x"})
    (folder / "train" / "metadata.jsonl").write_text(line)
    with pytest.raises(DatasetError):
        load(f"hf://{folder}")


def test_a_row_names_no_file_of_others(tmp_path: Path, home: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(sets.picture(99))
    (tmp_path / "x" / "data").mkdir(parents=True)
    paths = [
        str(secret),
        f"file://{secret}",
        "https://example.org/a.png",
        "zip://a::" + str(secret),
    ]
    for place, split in enumerate(("train", "validation", "test")):
        pictures = [{"bytes": None, "path": path} for path in paths]
        own = [{"bytes": sets.picture(10 * place + n), "path": "own.png"} for n in range(2)]
        told = {"image": pictures + own, "text": [f"{n}" for n in range(6)]}
        features = datasets.Features(
            {"image": datasets.Image(decode=False), "text": datasets.Value("string")}
        )
        rows = datasets.Dataset.from_dict(told, features=features)
        # written as the bare table that a stranger would make: to_parquet() would read the files
        import pyarrow.parquet as parquet

        parquet.write_table(rows.data.table, tmp_path / "x" / "data" / f"{split}.parquet")
    dataset = load(f"hf://{tmp_path}/x?image=image&caption=text")
    assert (
        len([fault for fault in dataset.set_aside if "not the data set's own" in fault.what]) == 12
    )
    (folder,) = imported(home)
    kept = {path.read_bytes() for path in folder.rglob("*.png")}
    assert len(kept) == 6 and sets.picture(99) not in kept


def test_a_card_names_no_files_of_others(tmp_path: Path) -> None:
    table(tmp_path / "other", train=[{"text": "secret", "caption": "c"}])
    folder = tmp_path / "x"
    folder.mkdir()
    for name in (f"{tmp_path}/other/*.jsonl", "../other/train.jsonl"):
        card = f"---\nconfigs:\n- config_name: default\n  data_files: {name}\n---\n"
        (folder / "README.md").write_text(card)
        with pytest.raises(DatasetError):
            load(f"hf://{folder}?text=text&caption=caption")


def test_files_of_a_repository_are_known_by_their_address(tmp_path: Path) -> None:
    hub = Repository("a/b", "a/b", "hf://datasets/a/b@", "abc")
    assert hub.holds("hf://datasets/a/b@abc/data/x.jpg")
    assert hub.holds("zip://x.jpg::hf://datasets/a/b@abc/x.zip")
    for alien in (
        "hf://datasets/a/c@abc/x.jpg", "/etc/passwd", "file:///etc/passwd", "https://x.org/y",
        "file:///etc/passwd::hf://datasets/a/b@abc/x", "zip://a::zip://b::hf://datasets/a/b@abc/x",
        "hf://datasets/a/b@abc/../../c@d/x",
    ):  # fmt: skip
        assert not hub.holds(alien), alien
    folder = in_folder(tmp_path)
    assert folder.holds(f"{tmp_path}/a") and not folder.holds(f"{tmp_path}/../a")


def test_broken_rows_are_listed_and_pictures_cleaned(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "x"
    (folder / "data").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    for place, split in enumerate(("train", "validation", "test")):
        good = [sets.picture(n + 10 * place, "JPEG", exif=exif) for n in range(3)]
        pictures = [*good, b"no picture", sets.picture(7, size=(300, 300)), None]
        told = {
            "image": [each and {"bytes": each, "path": "x.jpg"} for each in pictures],
            "caption": ["a", "b", "", "d", "e", "f"],
        }
        features = datasets.Features(
            {"image": datasets.Image(), "caption": datasets.Value("string")}
        )
        datasets.Dataset.from_dict(told, features=features).to_parquet(
            folder / "data" / f"{split}.parquet"
        )
    dataset = load(f"hf://{folder}", max_image_pixels=80_000)
    assert len(dataset.records) == 6
    told = [str(fault) for fault in dataset.set_aside]
    assert len(told) == 12
    assert "captions.jsonl line 3: caption 1 is empty" in told
    assert "train row 4: it cannot be read as a picture (of no known format)" in told
    assert any("train row 5: 300 x 300 pixels" in each for each in told)
    assert "train row 6: its image cannot be read (it is empty)" in told
    (written,) = imported(home)
    for path in written.rglob("*.jpg"):
        assert not Image.open(path).getexif()


def test_recordings_come_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    for place, split in enumerate(("train", "validation", "test")):
        (folder / split).mkdir(parents=True)
        lines = []
        for number in range(3):
            (folder / split / f"{number}.wav").write_bytes(sets.recording(10 * place + number))
            lines.append(
                json.dumps({"file_name": f"{number}.wav", "transcription": f"words {number}"})
            )
        (folder / split / "metadata.jsonl").write_text("\n".join(lines))
    dataset = load(f"hf://{folder}")
    assert dataset.modality == "audio" and len(dataset.records) == 9
    assert dataset.records[1].content.read() == sets.recording(1)  # type: ignore[union-attr]


@pytest.mark.parametrize("when", [1, 70, 130])
def test_a_break_is_gone_on_from_and_gives_the_same(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    address = repository(tmp_path / "x", {"train": 100, "validation": 40, "test": 40})
    cleaned: list[int] = []
    real = hub_import.clean_picture

    def counted(data: bytes, name: str, pixels: int) -> bytes:
        cleaned.append(1)
        return real(data, name, pixels)

    monkeypatch.setattr(hub_import, "clean_picture", counted)

    def stop(done: int, total: int, unit: str) -> None:
        if unit == "rows fetched" and done >= when:
            raise Cancelled

    with pytest.raises(Cancelled):
        load_dataset(f"{address}?caption=said", Settings(), stop)
    resumed = load(f"{address}?caption=said")
    assert len(cleaned) <= 180 + 2 * 32  # what was committed did not come again
    whole = load_dataset(f"{address}?caption=said", Settings(home=tmp_path / "other"))
    assert resumed.fingerprint == whole.fingerprint
    assert [r.key for r in resumed.records] == [r.key for r in whole.records]
    assert not any(path.name.startswith(".") for path in imported(home))


_KILLED = """
import os, sys
from backend.catalog.datasets.imports import hub_import
from backend.catalog.datasets import load_dataset
from backend.settings import Settings
hub_import._COMMIT_AFTER_S = 0.0
def report(done, total, unit):
    if unit == "rows fetched" and done >= 120:
        os._exit(9)
load_dataset(sys.argv[1], Settings(), report)
"""


def test_what_was_committed_before_a_kill_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = repository(tmp_path / "x", {"train": 100, "validation": 40, "test": 40})
    killed = subprocess.run([sys.executable, "-c", _KILLED, address], cwd=REPOSITORY, timeout=100)
    assert killed.returncode == 9
    cleaned: list[int] = []
    real = hub_import.clean_picture
    monkeypatch.setattr(
        hub_import, "clean_picture", lambda *given: (cleaned.append(1), real(*given))[1]
    )
    resumed = load(address)
    assert 60 <= len(cleaned) <= 60 + 2 * 32
    assert resumed.fingerprint == load_dataset(address, Settings(home=tmp_path / "y")).fingerprint


def test_an_import_can_be_removed_and_what_is_none_cannot(tmp_path: Path, home: Path) -> None:
    address = repository(tmp_path / "x", {"train": 9, "validation": 6, "test": 7})
    assert not is_fetched(address, Settings())
    load(address)
    folder = imported_folder(address, Settings())
    assert folder == imported(home)[0] and is_fetched(address, Settings())
    own = str(sets.folder_set(tmp_path / "own"))
    for kept in (own, "hf://owner/name", f"{home}/data/imports/../../../own", "scenes", "\0"):
        assert imported_folder(kept, Settings()) is None
    remove_import(folder, Settings())
    assert imported(home) == [] and len(load(own).records) == 12
    unpacked = import_zip(sets.zipped(tmp_path / "x.zip", sets.zip_members()), "x", Settings())
    folder = imported_folder(f"{unpacked}?layout=captions", Settings())
    assert folder == Path(unpacked)
    remove_import(folder, Settings())
    assert imported(home) == []


def test_two_at_once_fetch_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = repository(tmp_path / "x", {"train": 60, "validation": 20, "test": 20})
    calls: list[int] = []
    real = hub_import.open_splits
    monkeypatch.setattr(
        hub_import, "open_splits", lambda *given: (calls.append(1), real(*given))[1]
    )
    found: list[Dataset] = []
    both = [threading.Thread(target=lambda: found.append(load(address))) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert len(found) == 2 and found[0].records == found[1].records and calls == [1]


def test_a_full_disk_is_told_and_what_has_come_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = repository(tmp_path / "x", {"train": 9, "validation": 6, "test": 7})
    real = hub_import.write_leftovers

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hub_import, "write_leftovers", full)
    with pytest.raises(StorageError, match="No space left"):
        load(address)
    monkeypatch.setattr(hub_import, "write_leftovers", real)
    assert len(load(address).records) == 22


def test_a_hub_that_cannot_be_reached_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Check the connection and try again"):
        load("hf://owner/name")
    with pytest.raises(DatasetError, match="is no id of a data set"):
        load("hf://name")
    with pytest.raises(DatasetError, match="There is no folder"):
        load(f"hf://{tmp_path}/nowhere")
    with pytest.raises(DatasetError, match="Check the connection|no data set"):
        on_the_hub("owner/name", "", "http://127.0.0.1:9")
    os.makedirs(tmp_path / "empty")
    with pytest.raises(DatasetError):
        load(f"hf://{tmp_path}/empty")
