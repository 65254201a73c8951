"""Data sets: the built-in scenes, or any folder of images with a captions file.

What is broken is set aside and listed, with its row; the rest is used. Only when nothing is left to
train on, to choose on or to test on does loading fail, with all faults at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from backend.catalog.captions_file import CAPTIONS_FILES, captions_file, read_rows
from backend.catalog.rows import ImageRecord, check_rows, stable_number
from backend.errors import DatasetError, Fault
from backend.reporting import Report, silent
from backend.scenes.world import build_world, counts
from backend.schemas import DatasetInfo, SplitCount
from backend.settings import Settings

SPLIT_NAMES: Final = ("train", "val", "test")

#: name and description of each built-in set
BUILT_IN_DATASETS: Final[dict[str, tuple[str, str]]] = {
    "scenes": (
        "Scenes",
        "Drawn scenes of 1 to 4 objects with five captions each; every attribute is known.",
    ),
    "scenes-small": (
        "Scenes, small",
        "The first images of Scenes, two captions each in training: a first look.",
    ),
}


@dataclass(frozen=True)
class Dataset:
    """A data set, checked and ready.

    Attributes:
        id: a built-in name or the absolute path of a folder.
        images: the usable ones, in the order of the captions file.
        set_aside: everything left out, with the reason.
        fingerprint: SHA-256 of every image's id, split, captions, attributes and file size. The
            pictures themselves are hashed when they are encoded.
    """

    id: str
    name: str
    description: str
    built_in: bool
    images: tuple[ImageRecord, ...]
    set_aside: tuple[Fault, ...]
    fingerprint: str

    def split(self, name: str) -> tuple[ImageRecord, ...]:
        """The images of "train", "val" or "test"."""
        return tuple(image for image in self.images if image.split == name)

    def info(self) -> DatasetInfo:
        """What a person sees of it."""
        return DatasetInfo(
            id=self.id,
            name=self.name,
            description=self.description,
            built_in=self.built_in,
            splits={name: _count(self.split(name)) for name in SPLIT_NAMES},
            set_aside=tuple(str(fault) for fault in self.set_aside),
        )


def list_datasets() -> list[DatasetInfo]:
    """The built-in sets, without drawing them."""
    return [
        DatasetInfo(
            id=dataset_id,
            name=name,
            description=description,
            built_in=True,
            splits={
                split: SplitCount(images=images, captions=captions)
                for split, (images, captions) in counts(dataset_id).items()
            },
        )
        for dataset_id, (name, description) in BUILT_IN_DATASETS.items()
    ]


def dataset_folder(dataset_id: str) -> Path:
    """The absolute folder of a data set that is not built in; its captions file may be given too.

    Raises:
        DatasetError: it is neither a built-in name nor a folder.
    """
    given = dataset_id.strip()
    path = Path(given).expanduser() if given and "\0" not in given else None
    if path is not None and path.name in CAPTIONS_FILES and path.is_file():
        path = path.parent
    if path is None or not path.is_dir():
        raise DatasetError(
            f'There is no data set "{dataset_id}". Choose {" or ".join(BUILT_IN_DATASETS)}, or give '
            "a folder that holds images/ and captions.json."
        )
    return path.resolve()


def load_dataset(dataset_id: str, settings: Settings, report: Report = silent) -> Dataset:
    """Reads and checks a data set; draws a built-in one on first use.

    Args:
        dataset_id: a name of :data:`BUILT_IN_DATASETS`, or a folder.
        settings: says where built-in sets are drawn.
        report: told the pictures drawn and the rows read; may raise ``Cancelled``.

    Raises:
        DatasetError: it cannot be read, or a split has no usable image; lists every fault.
        StorageError: a built-in set cannot be drawn on this disk.
    """
    if dataset_id in BUILT_IN_DATASETS:
        name, description = BUILT_IN_DATASETS[dataset_id]
        folder = build_world(settings.worlds_dir, dataset_id, report)
        return _read(folder, dataset_id, name, description, built_in=True, report=report)
    folder = dataset_folder(dataset_id)
    description = f"Images and captions in {folder}"
    return _read(folder, str(folder), folder.name, description, built_in=False, report=report)


def _read(
    folder: Path, dataset_id: str, name: str, description: str, *, built_in: bool, report: Report
) -> Dataset:
    path = captions_file(folder)
    rows = read_rows(path)
    records, sizes, faults = check_rows(rows, _images_folder(folder), report)
    records, held_out = _hold_out(records)
    faults += held_out
    counts = {split: sum(record.split == split for record in records) for split in SPLIT_NAMES}
    empty = [split for split, count in counts.items() if count == 0]
    if empty:
        raise DatasetError(
            f"{path} gives no usable image for {' and '.join(empty)}. A run trains on train, "
            "chooses on val and reports on test: correct the rows below, or add images or splits.",
            faults,
        )
    return Dataset(
        id=dataset_id,
        name=name,
        description=description,
        built_in=built_in,
        images=tuple(records),
        set_aside=tuple(faults),
        fingerprint=_fingerprint(records, sizes),
    )


def _images_folder(folder: Path) -> Path:
    """``images/`` where there is one, else the folder itself.

    Raises:
        DatasetError: ``images/`` is a link that leads elsewhere.
    """
    images = folder / "images"
    if not images.is_dir():
        return folder
    if not images.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(
            f"{images} is a link out of the data set's folder. Put the images there, or give the "
            "folder that it leads to, with the captions file in it."
        )
    return images


def _hold_out(records: Sequence[ImageRecord]) -> tuple[list[ImageRecord], list[Fault]]:
    """Takes a tenth of the training images, by hash, to choose on where a set has no val split."""
    kept = list(records)
    if any(record.split == "val" for record in kept):
        return kept, []
    for index, record in enumerate(kept):
        if record.split == "train" and stable_number(f"val/{record.id}") % 10 == 0:
            kept[index] = replace(record, split="val")
    moved = sum(record.split == "val" for record in kept)
    if not moved:
        return kept, []
    what = f"the set has no val split: {moved} of its train images are used to choose on instead"
    return kept, [Fault("val", what)]


def _count(records: Sequence[ImageRecord]) -> SplitCount:
    captions = sum(len(record.captions) for record in records)
    return SplitCount(images=len(records), captions=captions)


def _fingerprint(records: Sequence[ImageRecord], sizes: Sequence[int]) -> str:
    digest = hashlib.sha256()
    for record, size in zip(records, sizes, strict=True):
        attributes = [f"{key}={value}" for key, value in sorted(record.attributes.items())]
        parts = (record.id, record.split, str(size), *record.captions, "", *attributes)
        digest.update("\x1f".join(parts).encode() + b"\x1e")
    return digest.hexdigest()
