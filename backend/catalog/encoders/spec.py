"""What an encoder is loaded by, made of a row of the table or found on this disk."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from backend.catalog.encoders.files import EncoderFiles, Library, inspect_folder
from backend.catalog.encoders.options import Precision
from backend.catalog.encoders.table import EncoderRow
from backend.catalog.hub import cached_folder
from backend.errors import EncoderError
from backend.schemas import Modality
from backend.settings import Settings

Kind = Literal["folder", "hub", "bag-of-words", "features"]

#: files of precomputed features
FEATURE_FILES: Final = (".npy", ".safetensors", ".parquet")


@dataclass(frozen=True)
class EncoderSpec:
    """Everything that loading an encoder needs.

    Attributes:
        id: as picked: a built-in name, or an address (:mod:`backend.catalog.address`).
        modality: what it encodes; "text" where it takes words, also where it takes programs.
        kind: "folder" and "hub" hold a model; "features" is a file of precomputed ones.
        location: the folder or file, the Hub id, or empty for the bag of words.
        library: what is to run the model; None for what its files are made for, which
            :attr:`backend.catalog.encoders.files.EncoderFiles.library` tells.
        revision: commit, tag or branch on the Hub; None for the newest.
        sha256: of model.safetensors, where it is known beforehand; checked when loaded.
        prefix: put before every text.
        pooling: one of :data:`backend.catalog.encoders.options.POOLINGS`, or empty for the model's
            own.
        layers: hidden states that are pooled and joined, 0 being the embeddings and negative ones
            counted from the last; empty for the model's own output. Early layers keep what a last
            layer was trained to forget.
        all_layers: every hidden state, whatever their number.
        precision: "auto" is bfloat16 on a GPU (float16 where it has none) and float32 on a CPU.
    """

    id: str
    modality: Modality
    kind: Kind
    location: str
    library: Library | None = None
    revision: str | None = None
    sha256: str | None = None
    prefix: str = ""
    pooling: str = ""
    layers: tuple[int, ...] = ()
    all_layers: bool = False
    precision: Precision = "auto"


def spec_files(spec: EncoderSpec) -> EncoderFiles | None:
    """The checked files of an encoder that is on this disk; None where it has none or they are not here.

    Raises:
        EncoderError: the folder cannot be used.
    """
    if spec.kind == "folder":
        return inspect_folder(Path(spec.location), spec.modality, spec.library)
    folder = cached_folder(spec.location, spec.revision) if spec.kind == "hub" else None
    try:
        return inspect_folder(folder, spec.modality, spec.library) if folder else None
    except EncoderError:  # a part of it was fetched by another program: the rest still has to be
        return None


def row_spec(row: EncoderRow, modality: Modality, settings: Settings) -> EncoderSpec:
    """Turns a row of the table into what loads it, whether or not it is on this disk.

    Raises:
        EncoderError: the package that holds it is not installed.
    """
    kind: Kind = "folder"
    match row.kind:
        case "demo":
            location = str(settings.demo_dir / row.id)
        case "wheel":
            location = str(_wheel_folder(row))
        case "hub":
            kind, location = "hub", row.id
        case "bag-of-words":
            kind, location = "bag-of-words", ""
    return EncoderSpec(
        row.id,
        input_of(modality),
        kind,
        location,
        library=row.library if row.kind == "hub" else None,
        revision=row.revision,
        sha256=row.sha256,
        prefix=row.prefix,
        layers=row.use_layers,
    )


def input_of(modality: Modality) -> Modality:
    """What an encoder takes: programs are texts."""
    return "text" if modality == "code" else modality


def _wheel_folder(row: EncoderRow) -> Path:
    """The model's folder in an installed package, found without importing the package."""
    found = importlib.util.find_spec(row.module)
    if found is None or not found.submodule_search_locations:
        package = row.module.replace("_", "-")
        raise EncoderError(
            f"The package {package}, which holds {row.id}, is not installed. "
            "Install what requirements.txt names."
        )
    return Path(found.submodule_search_locations[0], row.folder)
