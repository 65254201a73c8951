"""What a person sees of an encoder before it is used: its row's figures, or those of its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.catalog.encoders.files import EncoderFiles, family_poolings, header_shapes
from backend.catalog.encoders.options import POOLINGS, SENTENCE_POOLINGS
from backend.catalog.encoders.spec import EncoderSpec, row_spec, spec_files
from backend.catalog.encoders.table import EncoderRow, Input
from backend.errors import EncoderError
from backend.schemas import EncoderInfo, Modality
from backend.settings import Settings

_MB = 1_000_000


def row_info(row: EncoderRow, table: Modality, settings: Settings) -> EncoderInfo:
    """A row as it stands, and whether it is on this disk."""
    try:
        spec = row_spec(row, table, settings)
        files = spec_files(spec)
    except EncoderError:
        return _of_row(row, table, None, available=False)
    return _of_row(row, table, files, available=bool(files) or spec.kind == "bag-of-words")


def spec_info(
    spec: EncoderSpec, asked: Modality, found: tuple[Modality, EncoderRow] | None
) -> EncoderInfo:
    """An encoder with the options of its address.

    Args:
        asked: what it was picked for.
        found: the table and the row that its address names, if one does.
    """
    files = spec_files(spec)
    if spec.kind == "features":
        return _of_features(spec)
    if found is None:
        info = _of_files(spec, asked, files)
    else:
        here = bool(files) or spec.kind == "bag-of-words"
        info = _of_row(found[1], found[0], files, available=here)
        if spec.id == info.id:
            return info
    changed: dict[str, Any] = {"id": spec.id, "pooling": spec.pooling or info.pooling}
    if spec.revision and not (files and files.revision):
        changed["revision"] = spec.revision
    if found is None or spec.pooling or spec.all_layers or spec.layers != found[1].use_layers:
        changed["dimension"] = _asked_dimension(spec, files, found[1] if found else None)
    return info.model_copy(update=changed)


def poolings(model_type: str, library: str | None, own: str, modality: Modality) -> tuple[str, ...]:
    """What may be asked for, the model's own first; empty where nothing is known of it.

    A sentence-transformers model keeps its own output, and its transformer can be pooled otherwise.
    """
    allowed: Sequence[str] = family_poolings(model_type, modality)
    if library == "sentence-transformers" and not allowed:
        allowed = SENTENCE_POOLINGS
    first = [own] if own else []
    return tuple([*first, *(each for each in allowed if each != own)]) if allowed else ()


def file_poolings(files: EncoderFiles) -> tuple[str, ...]:
    """As :func:`poolings`, of a model on this disk: without a pooler where it has none."""
    allowed = poolings(files.model_type, files.library, files.pooling, files.modality)
    learned = files.family.get("learned_pooler") and not any("pooler." in n for n in files.shapes)
    return tuple(each for each in allowed if not (each == "pooler" and learned))


def _of_row(
    row: EncoderRow, table: Modality, files: EncoderFiles | None, *, available: bool
) -> EncoderInfo:
    size = files.bytes if files else (row.download_mb * _MB if row.download_mb else None)
    return EncoderInfo(
        id=row.id,
        name=row.name,
        modality=table,
        description=row.description,
        built_in=row.kind != "hub",
        family=row.family,
        library=row.library if row.kind != "bag-of-words" else "none",
        dimension=row.dimension or (files.dimension if files else None),
        layers=row.layers or (files.layers if files else None),
        parameters=row.parameters or (files.parameters if files else None),
        licence=row.licence,
        gated=row.gated,
        revision=row.revision or (files.revision if files else None),
        download_bytes=size if row.kind == "hub" else None,
        pooling=row.pooling,
        poolings=poolings(row.model_type, row.library, row.pooling, table),
        input_size=str(row.input),
        aligned=row.aligned,
        available=available,
    )


def _of_files(spec: EncoderSpec, asked: Modality, files: EncoderFiles | None) -> EncoderInfo:
    name = Path(spec.location).name
    where = f"In {spec.location}" if spec.kind == "folder" else "On the Hugging Face Hub"
    if files is None:
        return EncoderInfo(
            id=spec.id,
            name=name,
            modality=asked,
            description=where,
            built_in=False,
            library=spec.library or "transformers",
            pooling=spec.pooling,
            poolings=POOLINGS,
            available=False,
        )
    return EncoderInfo(
        id=spec.id,
        name=name,
        modality=asked,
        description=where,
        built_in=False,
        family=files.model_type if files.library != "timm" else files.config["architecture"],
        library=files.library,
        layers=files.layers,
        parameters=files.parameters,
        revision=files.revision,
        download_bytes=files.bytes if spec.kind == "hub" else None,
        pooling=files.pooling,
        poolings=file_poolings(files),
        input_size=str(Input.model_validate(files.input_size)),
        aligned=files.family.get("pooling") == "projection" and files.tower is not files.config,
    )


def _of_features(spec: EncoderSpec) -> EncoderInfo:
    path = Path(spec.location)
    return EncoderInfo(
        id=spec.id,
        name=path.name,
        modality=spec.modality,
        description=f"Precomputed features in {path}",
        built_in=False,
        family="precomputed features",
        library="none",
        dimension=_stored_dimension(path),
        input_size="its own items",
    )


def _asked_dimension(
    spec: EncoderSpec, files: EncoderFiles | None, row: EncoderRow | None
) -> int | None:
    """Length of a feature with another pooling or other layers; None where only running it tells."""
    plain = row.dimension if row and not row.use_layers else files.dimension if files else None
    if not (spec.pooling or spec.layers or spec.all_layers):
        return plain
    width = (row.width or plain) if row else files.width if files else None
    if spec.pooling == "projection":
        return plain
    if not (spec.layers or spec.all_layers):
        return width and width * (2 if spec.pooling == "cls+mean" else 1)
    depth = row.layers if row else files.layers if files else None
    if files is None or depth is None or "hidden_sizes" in files.tower or "depths" in files.tower:
        return None  # of a convolutional network every stage has another width
    count = depth + 1 if spec.all_layers else len(spec.layers)
    return width and width * count * (2 if spec.pooling == "cls+mean" else 1)


def _stored_dimension(path: Path) -> int | None:
    """Columns of an array on disk, from its header; None where it is not told there."""
    import numpy as np

    try:
        if path.suffix == ".safetensors":
            shapes = {shape for shape in header_shapes(path).values() if len(shape) == 2}
            return shapes.pop()[1] if len(shapes) == 1 else None
        if path.suffix == ".npy":
            shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
            return int(shape[1]) if len(shape) == 2 else None
    except Exception:  # whatever is wrong with it is told by what reads the features
        return None
    return None
