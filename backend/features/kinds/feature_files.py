"""Reads files of precomputed features: vectors, memory-mapped where the format allows, and their ids.

    .npy          one 2-d array; the ids lie beside it
    .safetensors  a 2-d tensor; the ids in the metadata as JSON under "ids", or beside it
    .parquet      a column of lists, or columns of numbers; the ids in a column, or beside it

Beside it means: a file of the same name that ends in .ids.txt (one id a line) or .ids.json (a list).
Nothing that could run code is read: no pickles, no object arrays.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_BESIDE: Final = (".ids.json", ".ids.txt")
#: safetensors' names of the types that NumPy has
_TYPES: Final = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U8": "<u1",
}
_ROWS_AT_ONCE: Final = 4096
_LONGEST_HEADER: Final = 100_000_000


@dataclass(frozen=True)
class Table:
    """Vectors as a file holds them.

    Attributes:
        vectors: of any shape and type: nothing is checked yet.
        ids: None where the file itself has none.
    """

    vectors: NDArray[Any]
    ids: tuple[str, ...] | None = None


def read_table(path: Path, name: str = "", ids: str = "") -> Table:
    """Vectors and, where they are in the same file, ids.

    Args:
        path: the file.
        name: tensor or column that holds the vectors; needed where there are several.
        ids: column that holds the ids; elsewhere it is not looked at.

    Raises:
        ValueError: it is damaged, holds pickles, or does not tell what is meant; the reason in words.
        OSError: it cannot be read.
    """
    match path.suffix.lower():
        case ".npy":
            return Table(np.load(path, mmap_mode="r", allow_pickle=False))
        case ".safetensors":
            return _safetensors(path, name)
        case _:
            return _parquet(path, name, ids)


def ids_file(path: Path, given: str = "") -> Path | None:
    """The file of ids: the one that is named (relative to the features), or one beside them."""
    if given:
        named = path.parent / Path(given).expanduser()
        return named if named.is_file() else None
    beside = (path.with_suffix(suffix) for suffix in _BESIDE)
    return next((file for file in beside if file.is_file()), None)


def read_ids(path: Path) -> tuple[str, ...]:
    """Ids from a list in JSON, or from lines.

    Raises:
        ValueError: it is neither; the reason in words.
        OSError: it cannot be read.
    """
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return _as_ids(json.loads(text))
    return tuple(text.removesuffix("\n").replace("\r\n", "\n").split("\n"))


def _as_ids(listed: Any) -> tuple[str, ...]:
    if not isinstance(listed, list) or not all(isinstance(one, str | int) for one in listed):
        raise ValueError("the ids are no list of words or whole numbers")
    return tuple(map(str, listed))


def _safetensors(path: Path, name: str) -> Table:
    """One tensor, mapped at the place that the header tells."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(size, _LONGEST_HEADER):
            raise ValueError("its header is longer than the file")
        header = json.loads(file.read(length))
    told = header.pop("__metadata__", {})
    flat = [key for key, tensor in header.items() if len(tensor["shape"]) == 2]
    name = _only("tensor", name, list(header), flat)
    tensor = header[name]
    start, end = tensor["data_offsets"]
    kind, shape = tensor["dtype"], tuple(tensor["shape"])
    if kind not in _TYPES and kind != "BF16":
        raise ValueError(f"tensor {name} has the type {kind}; save it as float32")
    stored = np.dtype(_TYPES.get(kind, "<u2"))
    if math.prod(shape) * stored.itemsize != end - start or 8 + length + end > size:
        raise ValueError("it is damaged or cut short")
    ids = _as_ids(json.loads(told["ids"])) if "ids" in told else None
    if 0 in shape:  # nothing can be mapped
        return Table(np.empty(shape, stored), ids)
    mapped = np.memmap(path, stored, "r", 8 + length + start, shape)
    return Table(_from_bfloat16(mapped) if kind == "BF16" else mapped, ids)


def _from_bfloat16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """float32 of the same value: bfloat16 is its upper half."""
    vectors = _scratch(bits.shape)
    for start in range(0, len(bits), _ROWS_AT_ONCE):
        part = bits[start : start + _ROWS_AT_ONCE].astype(np.uint32) << 16
        vectors[start : start + _ROWS_AT_ONCE] = part.view(np.float32)
    return vectors


def _parquet(path: Path, name: str, ids: str) -> Table:
    """Copied batch by batch to a scratch file, as columns cannot be mapped."""
    import pyarrow.parquet as parquet

    with parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        key = _id_column(schema, ids)
        columns = _vector_columns(schema, name, key)
        count = file.metadata.num_rows
        vectors: NDArray[np.float32] | None = None
        found: list[str] = []
        start = 0
        wanted = [*columns, key] if key else columns
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=wanted):
            part = _rows(batch, columns)
            if vectors is None:
                vectors = _scratch((count, part.shape[1]))
            if part.shape[1] != vectors.shape[1]:
                raise ValueError(f"row {start + 1} has {part.shape[1]} numbers, others have others")
            vectors[start : start + len(part)] = part
            start += len(part)
            if key:
                found += ["" if one is None else str(one) for one in batch[key].to_pylist()]
    empty = np.empty((0, 0), np.float32)
    return Table(empty if vectors is None else vectors, tuple(found) if key else None)


def _id_column(schema: Any, given: str) -> str:
    """The column that is named, or the only one that is no number; empty where there is none."""
    from pyarrow import types

    if given:
        if given not in schema.names:
            return ""  # a file of that name is meant
        return given
    words = (types.is_string, types.is_large_string)
    named = [field.name for field in schema if any(check(field.type) for check in words)]
    for usual in ("id", "ids", "key"):
        if usual in schema.names:
            return usual
    return named[0] if len(named) == 1 else ""


def _vector_columns(schema: Any, name: str, key: str) -> list[str]:
    """The column of lists, or all columns of numbers."""
    from pyarrow import types

    checks = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    lists = [field.name for field in schema if any(check(field.type) for check in checks)]
    numbers = [
        field.name
        for field in schema
        if (types.is_floating(field.type) or types.is_integer(field.type)) and field.name != key
    ]
    if name or lists:
        return [_only("column", name, schema.names, lists)]
    if not numbers:
        raise ValueError("it has neither a column of lists nor columns of numbers")
    return numbers


def _rows(batch: Any, columns: Sequence[str]) -> NDArray[np.float32]:
    """(rows, d) of a batch of rows; what is missing becomes a number that is not finite."""
    from pyarrow import types

    first = batch[columns[0]]
    if len(columns) > 1 or not types.is_nested(first.type):
        parts = [batch[column].to_numpy(zero_copy_only=False) for column in columns]
        return np.stack(parts, axis=1).astype(np.float32)
    flat = first.flatten().to_numpy(zero_copy_only=False)
    if first.null_count or flat.size % max(len(first), 1):
        raise ValueError(f"the lists in column {columns[0]} are missing or not of one length")
    lengths = set(first.value_lengths().to_pylist())
    if len(lengths) > 1:
        raise ValueError(f"the lists in column {columns[0]} are not of one length")
    return np.asarray(flat.reshape(len(first), -1), dtype=np.float32)


def _only(what: str, name: str, known: Sequence[str], fit: Sequence[str]) -> str:
    """The one that is named or, without a name, the only one that fits."""
    if name:
        if name not in known:
            raise ValueError(f'it has no {what} "{name}"; it has {", ".join(known) or "none"}')
        return name
    if len(fit) != 1:
        several = f"several: {', '.join(fit)}" if fit else "none"
        raise ValueError(f"it should have one {what} of vectors and has {several}; name it (name=)")
    return fit[0]


def _scratch(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Zeros in a file without a name, which ends with the array: memory stays flat."""
    if 0 in shape:
        return np.empty(shape, np.float32)
    with tempfile.TemporaryFile(prefix="features-") as file:
        file.truncate(math.prod(shape) * 4)
        return np.memmap(file, np.float32, "r+", shape=shape)


def chunks(vectors: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """A large array in parts, each with its first row's number."""
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        yield start, vectors[start : start + _ROWS_AT_ONCE]
