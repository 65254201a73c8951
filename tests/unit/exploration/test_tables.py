"""A map's points as files: read back, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backend.errors import StorageError
from backend.exploration import tables
from backend.exploration.gallery import Gallery
from backend.exploration.tables import write_points
from backend.spreadsheets import safe_cell
from tests.unit.exploration.made import IMAGES, make_gallery

POINTS = np.array([0, 4, 29, 30, 31, 89], np.int32)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return make_gallery(tmp_path / "index")


def written(path: Path, gallery: Gallery, points: np.ndarray = POINTS, dimensions: int = 2) -> Any:
    places = np.random.default_rng(0).normal(size=(len(points), dimensions)).astype(np.float32)
    ranks = np.array([1, 2.5, np.nan, 4, 5, 6][: len(points)], np.float32)
    regions = (np.arange(len(points)) % 3).astype(np.int8)
    write_points(path, gallery, points, places, regions, ranks)
    read = pd.read_csv if path.suffix == ".csv" else pd.read_parquet
    return read(path), places


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_every_point_has_all_that_is_known_of_it(
    gallery: Gallery, tmp_path: Path, form: str, dimensions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_ROWS", 4)  # so that there are two pieces
    table, places = written(tmp_path / f"out.{form}", gallery, dimensions=dimensions)
    assert list(table.columns) == [
        "id", "modality", "item", "caption", "attribute/cluster", "attribute/colour",
        "attribute/many", "attribute/same", *"xyz"[:dimensions], "cluster", "partner_rank",
    ]  # fmt: skip
    ids = [*gallery.indexes["image"].ids, *gallery.indexes["text"].ids]
    assert table["id"].tolist() == [ids[point] for point in POINTS]
    assert table["modality"].tolist() == ["item"] * 3 + ["caption"] * 3
    assert table["item"].tolist() == ["p0", "p4", "p29", "p0", "p0", "p28"]
    assert table["caption"].fillna("").tolist() == [
        "a red kite 0 | a red kite 1", "a blue kite 0", "", "a red kite 0", "a red kite 1",
        "a blue kite 3",
    ]  # fmt: skip
    assert table["attribute/colour"].tolist() == ["red", "blue", "green", "red", "red", "blue"]
    np.testing.assert_allclose(table[[*"xyz"[:dimensions]]].to_numpy(), places, rtol=1e-5)
    assert table["cluster"].tolist() == [1, 2, 3, 1, 2, 3]
    np.testing.assert_array_equal(table["partner_rank"], [1, 2.5, np.nan, 4, 5, 6])
    assert [path.name for path in tmp_path.glob("out*")] == [f"out.{form}"]


def test_no_cell_is_a_formula(gallery: Gallery, tmp_path: Path) -> None:
    entry = gallery.entries["p0"]
    entry.attributes["colour"] = "=1+1"
    entry.attributes["@evil"] = "+2"
    written(tmp_path / "out.csv", gallery)
    with (tmp_path / "out.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    numbers = [cell for cell in cells if cell[:1] in "-+" and cell]
    assert "'=1+1" in cells and "'+2" in cells
    assert all(float(cell) < 0 for cell in numbers), "what begins so is a number"
    assert not any(cell.startswith(("=", "@", "\t")) for cell in cells)
    assert [safe_cell(text) for text in ("", "a", "=a", "-a", "\ta")] == [
        "", "a", "'=a", "'-a", "'\ta",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_no_points_are_a_table_without_rows(gallery: Gallery, tmp_path: Path, form: str) -> None:
    table, _ = written(tmp_path / f"out.{form}", gallery, np.zeros(0, np.int32))
    assert len(table) == 0 and "caption" in table.columns


def test_what_cannot_be_written_is_told(gallery: Gallery, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="Free some space"):
        written(tmp_path / "file" / "out.csv", gallery)
    assert IMAGES == len(gallery.entries)
