"""Files of features take part as encoders that know their own items alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
import torch
from safetensors.numpy import save_file

from backend.catalog.encoders import EncoderSpec, find_encoder
from backend.errors import EncoderError
from backend.features.kinds.precomputed import Precomputed
from backend.features.loading import load_encoder
from backend.settings import Settings

VECTORS = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
IDS = tuple(f"item {number}" for number in range(9))


def load(path: Path, options: str = "") -> Precomputed:
    spec: EncoderSpec = find_encoder(f"{path}{options}", "features", Settings())
    encoder = load_encoder(spec, "cpu")
    assert isinstance(encoder, Precomputed)
    encoder.prepare()
    return encoder


def faults(path: Path, options: str = "") -> list[str]:
    with pytest.raises(EncoderError, match="cannot be used as features") as caught:
        load(path, options)
    return [str(fault) for fault in caught.value.faults]


def _npy(folder: Path, vectors: Any = VECTORS, ids: Any = IDS) -> Path:
    np.save(folder / "a.npy", vectors)
    (folder / "a.ids.txt").write_text("\n".join(ids) + "\n", "utf-8")
    return folder / "a.npy"


def _columns(columns: dict[str, Any], path: Path) -> Path:
    parquet.write_table(arrow.table(columns), path)
    return path


def _write(folder: Path, form: str) -> tuple[Path, str]:
    """The same features in one of the forms that are read, and the options that it needs."""
    ids = list(IDS)
    match form:
        case "npy and lines":
            return _npy(folder), ""
        case "npy and a list":
            np.save(folder / "a.npy", VECTORS.astype(np.float64))
            (folder / "a.ids.json").write_text(json.dumps(ids))
            return folder / "a.npy", ""
        case "npy and a named file":
            np.save(folder / "a.npy", VECTORS)
            (folder / "names.txt").write_bytes("\r\n".join(ids).encode())
            return folder / "a.npy", "?ids=names.txt"
        case "safetensors":
            save_file(
                {"x": VECTORS, "y": VECTORS[0]}, folder / "a.safetensors", {"ids": json.dumps(ids)}
            )
            return folder / "a.safetensors", ""
        case "safetensors with two":
            save_file({"x": VECTORS, "y": VECTORS * 2}, folder / "a.safetensors")
            (folder / "a.ids.txt").write_text("\n".join(ids))
            return folder / "a.safetensors", "?name=x"
        case "parquet with lists":
            columns = {"key": ids, "words": ids, "v": arrow.array(list(VECTORS))}
            return _columns(columns, folder / "a.parquet"), ""
        case "parquet with fixed lists":
            flat = arrow.FixedSizeListArray.from_arrays(arrow.array(VECTORS.ravel()), 5)
            return _columns({"v": flat, "n": ids}, folder / "a.parquet"), "?name=v&ids=n"
        case _:
            numbers = {f"d{number}": VECTORS[:, number] for number in range(5)}
            return _columns({"id": ids, **numbers}, folder / "a.parquet"), ""


FORMS = (
    "npy and lines",
    "npy and a list",
    "npy and a named file",
    "safetensors",
    "safetensors with two",
    "parquet with lists",
    "parquet with fixed lists",
    "parquet with numbers",
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_rows(tmp_path: Path, form: str) -> None:
    encoder = load(*_write(tmp_path, form))
    assert encoder.ids == IDS and encoder.dimension == 5 and encoder.vectors.shape == (9, 5)
    assert isinstance(encoder.vectors, np.memmap)
    rows = encoder.rows(["item 3", "nobody", "item 0", "item 3"])
    assert rows.dtype == np.int64 and rows.tolist() == [3, -1, 0, 3]
    taken = encoder.take(rows[[0, 2]])
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, VECTORS[[3, 0]])


def test_more_rows_than_are_read_at_once(tmp_path: Path) -> None:
    vectors = np.arange(30_000, dtype=np.float32).reshape(-1, 3)
    path = _columns(
        {"id": [f"{n}" for n in range(10_000)], "v": arrow.array(list(vectors))},
        tmp_path / "a.parquet",
    )
    np.testing.assert_array_equal(load(path).vectors, vectors)


def test_bfloat16_is_read(tmp_path: Path) -> None:
    from safetensors.torch import save_file as save_torch

    half = torch.from_numpy(VECTORS).bfloat16()
    save_torch({"x": half}, tmp_path / "a.safetensors", {"ids": json.dumps(list(IDS))})
    np.testing.assert_array_equal(load(tmp_path / "a.safetensors").vectors, half.float().numpy())


def test_whole_numbers_count_as_features(tmp_path: Path) -> None:
    encoder = load(_npy(tmp_path, np.arange(18, dtype=np.int16).reshape(9, 2)))
    np.testing.assert_array_equal(encoder.take(np.array([1])), [[2.0, 3.0]])


def test_it_encodes_nothing_new(tmp_path: Path) -> None:
    encoder = load(_npy(tmp_path))
    for ask in (lambda: encoder.encode(["x"]), lambda: encoder.works(["x"], [True])):
        with pytest.raises(EncoderError, match="search from an item instead"):
            ask()


def test_the_fingerprint_is_that_of_the_files(tmp_path: Path) -> None:
    prints = [load(_npy(tmp_path)).fingerprint]
    again = tmp_path / "again"
    again.mkdir()
    assert load(_npy(again)).fingerprint == prints[0]
    prints.append(load(_npy(tmp_path, VECTORS * 2)).fingerprint)
    prints.append(load(_npy(tmp_path, VECTORS * 2, IDS[::-1])).fingerprint)
    assert len(set(prints)) == 3


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    broken = VECTORS.copy()
    broken[2, 1], broken[7, 0] = np.nan, np.inf
    told = "\n".join(faults(_npy(tmp_path, broken, ("a", "b", "a", "", "c"))))
    assert "1 of them empty" in told and "1 come more than once: a" in told
    assert "5 ids for 9 rows" in told and "2 rows are not finite throughout: row 3, row 8" in told
    told = "\n".join(faults(_npy(tmp_path, broken)))
    assert "not finite throughout: item 2, item 7" in told


def test_files_that_cannot_be_features(tmp_path: Path) -> None:
    path = _npy(tmp_path, VECTORS[0])
    assert "a.npy: is 5; it must be items x numbers (2-d)" in "\n".join(faults(path))
    assert "3 x 3 x 5" in "\n".join(faults(_npy(tmp_path, VECTORS.reshape(3, 3, 5))))
    assert "holds complex128" in "\n".join(faults(_npy(tmp_path, VECTORS.astype(complex))))
    assert "is empty" in "\n".join(faults(_npy(tmp_path, VECTORS[:0], ())))
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "Python objects, which are never loaded" in "\n".join(faults(path))
    path.write_bytes(path.read_bytes()[:40])
    assert "a.npy: " in "\n".join(faults(path))
    np.save(path, VECTORS)
    path.write_bytes(path.read_bytes()[:-8])
    assert "a.npy: " in "\n".join(faults(path))
    (tmp_path / "a.ids.txt").unlink()
    np.save(path, VECTORS)
    assert "missing; put a.ids.txt" in "\n".join(faults(path))
    assert "nowhere.txt: missing" in "\n".join(faults(path, "?ids=nowhere.txt"))
    (tmp_path / "a.ids.json").write_text('{"a": 1}')
    assert "no list of words" in "\n".join(faults(path))


def test_tables_that_do_not_tell_what_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"x": VECTORS, "y": VECTORS}, path)
    assert "has several: x, y; name it" in "\n".join(faults(path))
    assert 'no tensor "z"; it has x, y' in "\n".join(faults(path, "?name=z"))
    path.write_bytes(path.read_bytes()[:-4])
    assert "damaged or cut short" in "\n".join(faults(path, "?name=y"))
    path = _columns({"id": ["a", "b"], "v": [[1.0, 2.0], [3.0]]}, tmp_path / "a.parquet")
    assert "not of one length" in "\n".join(faults(path))
    path = _columns({"id": ["a", "b"], "v": [[1.0, 2.0], None]}, tmp_path / "a.parquet")
    assert "missing or not of one length" in "\n".join(faults(path))
    path = _columns({"id": ["a", None], "v": [[1.0, 2.0], [1.0, None]]}, tmp_path / "a.parquet")
    told = "\n".join(faults(path))
    assert "1 of them empty" in told and "1 rows are not finite" in told
    path = _columns({"id": ["a", "b"], "other": ["c", "d"]}, tmp_path / "a.parquet")
    assert "neither a column of lists nor columns of numbers" in "\n".join(faults(path))
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and then nothing")
    assert "a.parquet: " in "\n".join(faults(path))


@pytest.mark.parametrize("form", ["npy and lines", "safetensors", "parquet with lists"])
def test_damage_of_any_kind_is_told_or_harmless(tmp_path: Path, form: str) -> None:
    path, options = _write(tmp_path, form)
    good = path.read_bytes()
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        data = bytearray(good)
        for place in generator.integers(0, min(len(data), 300), 4):
            data[place] = generator.integers(256)
        if generator.random() < 0.3:
            data = data[: generator.integers(0, len(data))]
        path.write_bytes(data)
        try:
            encoder = load(path, options)
            assert encoder.vectors.ndim == 2 and len(set(encoder.ids)) == len(encoder.vectors)
        except EncoderError as error:
            assert error.faults
            refused += 1
    assert refused > 20
