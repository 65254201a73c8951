"""Encoders: a table of known ones for each side; beyond it, any folder and any Hub id."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from backend.catalog.encoder_files import EncoderFiles, inspect_folder
from backend.catalog.hub import HUB_ID, cached_folder
from backend.errors import EncoderError
from backend.schemas import EncoderInfo, Side
from backend.settings import Settings

Precision = Literal["float32", "bfloat16"]

_TABLES: Final = Path(__file__).parent / "tables"
#: columns that go into the EncoderSpec as they are
_ROW_OPTIONS: Final = ("revision", "sha256", "prefix", "precision")


@dataclass(frozen=True)
class EncoderSpec:
    """Everything that loading an encoder needs.

    Attributes:
        id: as picked: a built-in name, an absolute folder, or a Hub id.
        kind: "folder" and "hub" are transformers or sentence-transformers models.
        location: the folder, the Hub id, or empty for the bag of words.
        revision: commit, tag or branch on the Hub; None for the newest.
        sha256: of model.safetensors, where it is known beforehand; checked when loaded.
        prefix: put before every text.
        layers: hidden states whose averages are joined into one feature, 0 being the embeddings; empty
            for the model's own pooling. Early layers keep what a last layer was trained to forget.
        precision: bfloat16 is taken only on processors that have it, where it is about 1.8 times as
            fast and turns features by no more than their storage as fp16 does.
    """

    id: str
    side: Side
    kind: Literal["folder", "hub", "bag-of-words"]
    location: str
    revision: str | None = None
    sha256: str | None = None
    prefix: str = ""
    precision: Precision = "float32"
    layers: tuple[int, ...] = ()


def list_encoders(side: Side, settings: Settings) -> list[EncoderInfo]:
    """The table's encoders, built-in ones first, each with whether it is on this disk."""
    return [_row_info(row, side, settings) for row in _table(side)]


def find_encoder(encoder_id: str, side: Side, settings: Settings) -> EncoderSpec:
    """What loads an encoder. Folders are checked; the Hub is not asked.

    Args:
        encoder_id: an id of the table, a folder, or "owner/name" on the Hub.

    Raises:
        EncoderError: there is no such encoder, or its folder cannot be used; lists every fault.
    """
    given = encoder_id.strip()
    row = _row(given, side)
    if row is not None:
        spec = _row_spec(row, side, settings)
        if spec.kind == "folder":
            inspect_folder(Path(spec.location), side)
        return spec
    _refuse_other_side(given, side)
    folder = Path(given).expanduser() if given and "\0" not in given else None
    if folder is not None and folder.exists():
        folder = folder.resolve()
        inspect_folder(folder, side)
        return EncoderSpec(str(folder), side, "folder", str(folder))
    if HUB_ID.fullmatch(given):
        return EncoderSpec(given, side, "hub", given)
    known = ", ".join(row["id"] for row in _table(side))
    raise EncoderError(
        f'There is no {side} encoder "{given}". Choose one of {known}; or give a folder, or an id '
        "of the Hugging Face Hub (owner/name)."
    )


def encoder_info(encoder_id: str, side: Side, settings: Settings) -> EncoderInfo:
    """What a person sees of an encoder, in the table or not.

    Raises:
        EncoderError: as :func:`find_encoder`.
    """
    spec = find_encoder(encoder_id, side, settings)
    row = _row(spec.id, side)
    if row is not None:
        return _row_info(row, side, settings)
    files = spec_files(spec)
    return EncoderInfo(
        id=spec.id,
        name=Path(spec.location).name,
        side=side,
        description=f"In {spec.location}" if spec.kind == "folder" else "On the Hugging Face Hub",
        built_in=False,
        dimension=files.dimension if files else None,
        parameters=files.parameters if files else None,
        available=files is not None,
    )


def spec_files(spec: EncoderSpec) -> EncoderFiles | None:
    """The checked files of an encoder that is on this disk; None where it has none or they are not here.

    Raises:
        EncoderError: the folder cannot be used.
    """
    if spec.kind == "folder":
        return inspect_folder(Path(spec.location), spec.side)
    folder = cached_folder(spec.location, spec.revision) if spec.kind == "hub" else None
    try:
        return inspect_folder(folder, spec.side) if folder else None
    except EncoderError:  # a part of it was fetched by another program: the rest still has to be
        return None


@cache
def _table(side: Side) -> tuple[dict[str, Any], ...]:
    rows: list[dict[str, Any]] = json.loads((_TABLES / f"{side}_encoders.json").read_text("utf-8"))
    return tuple(rows)


def _row(encoder_id: str, side: Side) -> dict[str, Any] | None:
    return next((row for row in _table(side) if row["id"] == encoder_id), None)


def _refuse_other_side(encoder_id: str, side: Side) -> None:
    other: Side = "text" if side == "image" else "image"
    row = _row(encoder_id, other)
    if row is not None and row["kind"] != "hub":
        known = ", ".join(row["id"] for row in _table(side))
        raise EncoderError(
            f"{encoder_id} encodes the {other} side. As {side} encoder, choose one of {known}."
        )


def _row_spec(row: dict[str, Any], side: Side, settings: Settings) -> EncoderSpec:
    """Turns a row of the table into what loads it, whether or not it is on this disk."""
    options: dict[str, Any] = {name: row[name] for name in _ROW_OPTIONS if name in row}
    options["layers"] = tuple(row.get("layers", ()))
    match row["kind"]:
        case "demo":
            folder = settings.demo_dir / row["id"]
            return EncoderSpec(row["id"], side, "folder", str(folder), **options)
        case "wheel":
            folder = _wheel_folder(row)
            return EncoderSpec(row["id"], side, "folder", str(folder), **options)
        case "hub":
            return EncoderSpec(row["id"], side, "hub", row["id"], **options)
        case _:
            return EncoderSpec(row["id"], side, "bag-of-words", "", **options)


def _wheel_folder(row: dict[str, Any]) -> Path:
    """The model's folder in an installed package, found without importing the package."""
    found = importlib.util.find_spec(row["module"])
    if found is None or not found.submodule_search_locations:
        package = row["module"].replace("_", "-")
        raise EncoderError(
            f"The package {package}, which holds {row['id']}, is not installed. "
            "Install what requirements.txt names."
        )
    return Path(found.submodule_search_locations[0], str(row["folder"]))


def _row_info(row: dict[str, Any], side: Side, settings: Settings) -> EncoderInfo:
    try:
        spec = _row_spec(row, side, settings)
        files = spec_files(spec)
        available = files is not None or spec.kind == "bag-of-words"
    except EncoderError:
        files, available = None, False
    return EncoderInfo(
        id=row["id"],
        name=row["name"],
        side=side,
        description=row["description"],
        built_in=row["kind"] != "hub",
        dimension=row.get("dimension") or (files.dimension if files else None),
        parameters=row.get("parameters") or (files.parameters if files else None),
        licence=row.get("licence"),
        available=available,
    )
