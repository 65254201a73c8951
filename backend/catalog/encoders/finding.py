"""Encoders: tables of known ones, and beyond them any folder, any Hub id, any file of features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from backend.catalog.address import Address, check_options, parse
from backend.catalog.encoders.files import EncoderFiles, Library, an
from backend.catalog.encoders.infos import file_poolings, poolings, row_info, spec_info
from backend.catalog.encoders.options import (
    FEATURE_OPTIONS,
    POOLINGS,
    Options,
    Precision,
    canonical,
    options_that_do_not_fit,
    read_options,
    refuse,
)
from backend.catalog.encoders.spec import (
    FEATURE_FILES,
    EncoderSpec,
    Kind,
    input_of,
    row_spec,
    spec_files,
)
from backend.catalog.encoders.table import (
    PLURALS,
    EncoderRow,
    find_row,
    offered,
    other_modalities,
    row_of,
)
from backend.catalog.hub import HUB_ID
from backend.errors import EncoderError
from backend.schemas import EncoderInfo, Modality
from backend.settings import Settings

__all__ = [
    "FEATURE_FILES",
    "POOLINGS",
    "EncoderFiles",
    "EncoderSpec",
    "Kind",
    "Library",
    "Precision",
    "encoder_info",
    "find_encoder",
    "list_encoders",
    "spec_files",
]

_FEATURES: Final = f"a file of features ({', '.join(FEATURE_FILES)})"


def list_encoders(modality: Modality, settings: Settings) -> list[EncoderInfo]:
    """The table's encoders, built-in ones first, each with whether it is on this disk.

    For "code" the encoders of programs come first and those of texts follow; for "features" there
    are none, as nothing can encode such items.
    """
    return [row_info(row, table, settings) for table, row in offered(modality)]


def find_encoder(address: str, modality: Modality, settings: Settings) -> EncoderSpec:
    """What loads an encoder. Folders are checked; the Hub is not asked.

    Args:
        address: an id of the table, a folder, "owner/name" on the Hub, or a file of features, with
            options behind a ``?``.

    Raises:
        EncoderError: there is no such encoder, its folder cannot be used, or its options do not
            fit; lists every fault.
    """
    given = parse(address)
    row = row_of(given.base, modality)
    if row is not None:
        return _from_table(row, given, modality, settings)
    path = _existing(given.base)
    if path is not None and path.is_file():
        return _from_features(path, given, modality)
    if modality == "features":
        raise EncoderError(
            "These items are known by their features alone, so no model can encode them. Give "
            f"{_FEATURES} that exists."
        )
    _refuse_other_modality(given.base, modality)
    if path is not None:
        return _from_folder(path, given, modality)
    if HUB_ID.fullmatch(given.base):
        return _from_hub(given, modality)
    known = ", ".join(row.id for _, row in offered(modality))
    raise EncoderError(
        f'There is no {modality} encoder "{given.base}". Choose one of {known}; or give a folder, '
        f"an id of the Hugging Face Hub (owner/name), or {_FEATURES}."
    )


def encoder_info(address: str, modality: Modality, settings: Settings) -> EncoderInfo:
    """What a person sees of an encoder, in the table or not.

    Raises:
        EncoderError: as :func:`find_encoder`.
    """
    spec = find_encoder(address, modality, settings)
    return spec_info(spec, modality, find_row(parse(spec.id).base, modality))


def _from_table(
    row: EncoderRow, given: Address, modality: Modality, settings: Settings
) -> EncoderSpec:
    spec = row_spec(row, modality, settings)
    if spec.kind == "bag-of-words":
        check_options(given, (), EncoderError)
        return spec
    options = read_options(given, modality, on_hub=spec.kind == "hub")
    allowed = poolings(row.model_type, row.library, row.pooling, spec.modality)
    refuse(given, options_that_do_not_fit(options, allowed, row.layers))
    spec = _with(spec, options, canonical(row.id, given))
    if spec.kind == "folder":
        spec_files(spec)
    return spec


def _from_folder(folder: Path, given: Address, modality: Modality) -> EncoderSpec:
    folder = folder.resolve()
    options = read_options(given, modality, on_hub=False)
    spec = EncoderSpec(canonical(str(folder), given), input_of(modality), "folder", str(folder))
    spec = _with(spec, options, spec.id)
    _refuse_what_files_cannot(given, options, spec)
    return spec


def _from_hub(given: Address, modality: Modality) -> EncoderSpec:
    options = read_options(given, modality, on_hub=True)
    name = canonical(given.base, given)
    spec = _with(EncoderSpec(name, input_of(modality), "hub", given.base), options, name)
    _refuse_what_files_cannot(given, options, spec)
    return spec


def _from_features(path: Path, given: Address, modality: Modality) -> EncoderSpec:
    if path.suffix.lower() not in FEATURE_FILES:
        raise EncoderError(
            f"{path} is neither a model's folder nor {_FEATURES}. Give the folder that holds "
            "config.json, or save the features in one of these formats."
        )
    check_options(given, FEATURE_OPTIONS, EncoderError)
    path = path.resolve()
    return EncoderSpec(canonical(str(path), given), input_of(modality), "features", str(path))


def _with(spec: EncoderSpec, options: Options, name: str) -> EncoderSpec:
    """The encoder as its address asks for it."""
    return replace(
        spec,
        id=name,
        library=options.library or spec.library,
        revision=options.revision or spec.revision,
        # the checksum is that of the revision in the table
        sha256=None if options.revision else spec.sha256,
        prefix=spec.prefix if options.prefix is None else options.prefix,
        pooling=options.pooling,
        layers=() if options.all_layers else _chosen(options, spec),
        all_layers=options.all_layers,
        precision=options.precision,
    )


def _chosen(options: Options, spec: EncoderSpec) -> tuple[int, ...]:
    """The layers asked for; those of the table where nothing is asked."""
    return spec.layers if options.layers is None else options.layers


def _refuse_what_files_cannot(given: Address, options: Options, spec: EncoderSpec) -> None:
    """Where the model is on this disk, its options are checked against it at once."""
    files = spec_files(spec)
    if files is not None:
        refuse(given, options_that_do_not_fit(options, file_poolings(files), files.layers))


def _existing(base: str) -> Path | None:
    """A path that exists, or None."""
    try:
        path = Path(base).expanduser() if base and "\0" not in base else None
        return path if path is not None and path.exists() else None
    except (OSError, RuntimeError):  # longer than any file name may be; a user that is not there
        return None


def _refuse_other_modality(encoder_id: str, modality: Modality) -> None:
    others = other_modalities(encoder_id, modality)
    if others:
        known = ", ".join(row.id for _, row in offered(modality))
        told = " and ".join(PLURALS[other] for other in others)
        raise EncoderError(
            f"{encoder_id} encodes {told}. As {an(modality)} encoder, choose one of {known}."
        )
