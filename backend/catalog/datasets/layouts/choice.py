"""Finds out how a data set is stored, and reads it.

    /data/flowers                              a folder with captions.json, .jsonl, .csv or .parquet
    /data/pairs.csv?text=question&caption=answer   a captions file of any name
    /data/dataset_coco.json?images=/data/coco  Karpathy's JSON
    /data/caltech?template=a photo of a {}.    folders of classes
    /data/caltech101                           a folder with labels.json, or such a file
    /data/shards/train-{000..009}.tar          webdataset shards; also a folder of them
    hf://owner/name?split=train&image=img&caption=text   a data set of the Hugging Face Hub

``layout`` (captions, karpathy, classes, labels, webdataset) decides where a folder could be two things.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from backend.catalog.address import Address, check_options
from backend.catalog.datasets.captions_file import CAPTIONS_FILES, SUFFIXES, read_text
from backend.catalog.datasets.folders import is_inside
from backend.catalog.datasets.layouts import (
    captions_files,
    class_folders,
    hub_dataset,
    karpathy,
    labels_file,
    webdataset,
)
from backend.catalog.datasets.leftovers import read_leftovers
from backend.catalog.datasets.reading import Reading
from backend.errors import DatasetError, Fault
from backend.reporting import Report
from backend.settings import Settings

_LAYOUTS: Final = {
    "captions": captions_files,
    "karpathy": karpathy,
    "classes": class_folders,
    "labels": labels_file,
    "webdataset": webdataset,
}


def read_layout(
    address: Address, settings: Settings, report: Report
) -> tuple[str, str, str, Reading]:
    """Reads a data set that is not built in.

    Returns:
        Its address with absolute paths, its name, a description, and what was read.

    Raises:
        DatasetError: there is no such data set, or it cannot be read.
        StorageError: a data set of the Hub cannot be written on this disk.
    """
    if address.base.startswith(hub_dataset.SCHEME):
        reading = hub_dataset.read(address, settings, report)
        name = address.base.removeprefix(hub_dataset.SCHEME).rstrip("/").rpartition("/")[2]
        return str(address), name, f"{address.base}, imported into {reading.source.parent}", reading
    path = _path(address)
    layout = address.get("layout") or _layout(path)
    if layout not in _LAYOUTS:
        raise DatasetError(
            f"{address} asks for a layout that is not known.",
            [Fault("layout", f"must be one of {', '.join(_LAYOUTS)}, not {layout}")],
        )
    check_options(address, _LAYOUTS[layout].OPTIONS, DatasetError)
    reading = _LAYOUTS[layout].read(path, address, report)
    reading.findings.extend(read_leftovers(path))
    if path.name in CAPTIONS_FILES and reading.source == _first(path.parent):
        path = path.parent
    name = path.name if path.is_dir() else path.stem
    kind = reading.layout[0].upper() + reading.layout[1:]
    return str(Address(str(path), address.options)), name, f"{kind} in {path}", reading


def _path(address: Address) -> Path:
    """The absolute path that an address names; a pattern of shards is a path, too.

    Raises:
        DatasetError: there is nothing there.
    """
    base = address.base
    if base and "\0" not in base:
        path = Path(base).expanduser()
        try:
            if path.exists():
                return path.resolve()
            if webdataset.is_pattern(path.name) and path.parent.is_dir():
                return path.parent.resolve() / path.name
        except (OSError, RuntimeError):  # a name that no file can have; links in a circle
            pass
    raise DatasetError(
        f'There is no data set "{address}". Choose scenes or scenes-small, or give a folder that '
        "holds images/ and captions.json, a captions file, folders of classes, webdataset shards "
        "or hf://owner/name."
    )


def _first(folder: Path) -> Path | None:
    return next((folder / name for name in CAPTIONS_FILES if (folder / name).is_file()), None)


def _check_no_captions(path: Path) -> None:
    """Folders with tables in them are no classes: their captions would be made up.

    Raises:
        DatasetError: there are such, with what to give instead.
    """
    folders = [folder for folder in path.iterdir() if folder.is_dir() and is_inside(folder, path)]
    captions = [f for folder in folders if (f := _first(folder)) is not None]
    if captions:
        raise DatasetError(
            f"The folder {path} has captions in the folders below it "
            f"({captions[0].relative_to(path)}). Give hf://{path} to read them all as a set of the "
            "Hub, or one of these folders."
        )
    annotations = path / "annotations"
    if annotations.is_dir() and is_inside(annotations, path) and any(annotations.glob("*.json")):
        raise DatasetError(
            f"The folder {path} has annotations, which are not read from there. Put Karpathy's "
            "dataset_coco.json or a captions.jsonl into it; or add ?layout=classes if its folders "
            "are classes."
        )


def _layout(path: Path) -> str:
    """How a path is stored, by what is there.

    Raises:
        DatasetError: it is nothing that can be read, with all that could be.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        if _first(path) is not None:
            return "captions"
        if karpathy.found_in(path) is not None:
            return "karpathy"
        if labels_file.found_in(path) is not None:
            return "labels"
        if webdataset.shards_in(path):
            return "webdataset"
        if class_folders.looks_so(path):
            _check_no_captions(path)
            return "classes"
        raise DatasetError(
            f"The folder {path} has no captions file, no shards and no folders of classes. Add "
            'captions.json, a list of {"file": "a.jpg", "split": "train", "captions": ["..."]}, '
            "or captions.jsonl, captions.csv or captions.parquet."
        )
    if suffix == ".tar" or webdataset.is_pattern(path.name):
        return "webdataset"
    if suffix == ".json" and labels_file.looks_so(path):
        return "labels"
    if suffix == ".json":
        return "karpathy" if read_text(path).lstrip()[:1] == "{" else "captions"
    if suffix in SUFFIXES:
        return "captions"
    if suffix == ".zip":
        raise DatasetError(
            f"{path} is a zip file. Import it first, or unpack it and give its folder."
        )
    raise DatasetError(
        f"{path} is no file of a data set. Give a folder, or a file that ends in "
        f"{', '.join((*SUFFIXES, '.tar'))}."
    )
