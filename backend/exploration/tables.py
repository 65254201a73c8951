"""A map's points as a table to take away, written a piece at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import StorageError
from backend.exploration.gallery import Gallery
from backend.exploration.points import Drawn
from backend.schemas import Side
from backend.spreadsheets import safe_cell
from backend.whole_files import whole_file

_ROWS: Final = 10_000
_BETWEEN: Final = " | "  # captions of one item

Column = tuple[str, list[Any]]


def write_points(
    path: Path,
    gallery: Gallery,
    points: NDArray[np.int32],
    coordinates: NDArray[np.float32],
    regions: NDArray[np.integer],
    ranks: NDArray[np.floating],
) -> None:
    """Writes CSV or Parquet, by the path's suffix; it is renamed into place when it is whole.

    Columns: id, modality, item, caption, every attribute, x, y (and z), cluster from 1, partner_rank.

    Args:
        points: (n,) of the gallery, rising.
        coordinates: (n, 2 or 3).
        regions: (n,) from 0.
        ranks: (n,) of the true partners; not a number where there is none.

    Raises:
        StorageError: it cannot be written.
    """
    pieces = _pieces(gallery, points, coordinates, regions, ranks)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as draft:
            (_csv if path.suffix == ".csv" else _parquet)(draft, pieces)
    except OSError as error:
        raise StorageError(
            f"The points could not be written to {path.parent} ({error.strerror or error}). Free some "
            "space, or set ISTHMUS_HOME to a folder that can be written."
        ) from error


def _pieces(
    gallery: Gallery,
    points: NDArray[np.int32],
    coordinates: NDArray[np.float32],
    regions: NDArray[np.integer],
    ranks: NDArray[np.floating],
) -> Iterator[list[Column]]:
    """Some thousand rows at a time, as columns; at least one piece, so that a header is written."""
    entries = list(gallery.entries.values())
    attributes = sorted({name for entry in entries for name in entry.attributes})
    for start in range(0, max(1, len(points)), _ROWS):
        part = slice(start, start + _ROWS)
        drawn = Drawn.of(points[part], len(entries))
        owners = [
            entries[row]
            for row in np.concatenate([drawn.image, gallery.owners[drawn.text]]).tolist()
        ]
        sides: tuple[tuple[Side, NDArray[np.int64]], ...] = (
            ("image", drawn.image),
            ("text", drawn.text),
        )
        ids = [gallery.indexes[side].ids[row] for side, rows in sides for row in rows.tolist()]
        captions = [_BETWEEN.join(entry.captions) for entry in owners[: len(drawn.image)]]
        captions += [gallery.said(name) for name in ids[len(drawn.image) :]]
        numbers = coordinates[part].T
        yield [
            ("id", ids),
            ("modality", [*["item"] * len(drawn.image), *["caption"] * len(drawn.text)]),
            ("item", [entry.id for entry in owners]),
            ("caption", captions),
            *(
                (f"attribute/{name}", [entry.attributes.get(name, "") for entry in owners])
                for name in attributes
            ),
            *((axis, numbers[place].tolist()) for place, axis in enumerate("xyz"[: len(numbers)])),
            ("cluster", (regions[part] + 1).tolist()),
            ("partner_rank", [None if np.isnan(rank) else float(rank) for rank in ranks[part]]),
        ]


def _csv(path: Path, pieces: Iterator[list[Column]]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        table = csv.writer(file)
        for number, piece in enumerate(pieces):
            if number == 0:
                table.writerow(safe_cell(name) for name, _ in piece)
            for row in zip(*(values for _, values in piece), strict=True):
                table.writerow(safe_cell(cell) if isinstance(cell, str) else cell for cell in row)


def _parquet(path: Path, pieces: Iterator[list[Column]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"cluster": pa.int32(), "partner_rank": pa.float32()}
    kinds |= {axis: pa.float32() for axis in "xyz"}
    writer = None
    try:
        for piece in pieces:
            arrays = {
                name: pa.array(values, kinds.get(name, pa.string())) for name, values in piece
            }
            table = pa.table(arrays)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
