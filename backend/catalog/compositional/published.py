"""Benchmarks of compositional understanding from the files they are published as.

    SugarCrepe     swap_obj.json, ...: {"0": {"filename", "caption", "negative_caption"}, ...}
    SugarCrepe++   swap_obj.json, ...: [{"id", "filename", "caption", "caption2", "negative_caption"}]
    Winoground     examples.jsonl: {"id", "image_0", "image_1", "caption_0", "caption_1", "tag",
                   "collapsed_tag"}, one a line; the pictures are images/ex_0_img_0.png and so on

The pictures of the first two are COCO's val2017, in a folder of their own. What is broken or has no
picture is left out and listed. Sources: Hsieh et al. 2023, Dumpala et al. 2024, Thrush et al. 2022.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from backend.catalog.compositional.benchmark import Benchmark, Example, check_some
from backend.catalog.compositional.files import SUBSETS, benchmark_files, existing, read_contents
from backend.catalog.datasets.captions_file import read_rows
from backend.catalog.datasets.folders import Folder, encodable, shown
from backend.catalog.datasets.layouts.captions_files import items_folder
from backend.catalog.datasets.reading import Row
from backend.errors import DatasetError, Fault
from backend.reporting import Report, silent
from backend.schemas import CompositionalKind

#: where a row names its pictures: one, or Winoground's two
_IMAGES: Final = (("filename",), ("image_0", "image_1"))
#: where it tells its captions; of all but Winoground the last is false
_CAPTIONS: Final[dict[CompositionalKind, tuple[str, ...]]] = {
    "sugarcrepe": ("caption", "negative_caption"),
    "sugarcrepe++": ("caption", "caption2", "negative_caption"),
    "winoground": ("caption_0", "caption_1"),
}
#: what the names of Winoground's pictures lack
_ENDINGS: Final = (".png", ".jpg")
_REPORT_EVERY: Final = 200


class _Entry(NamedTuple):
    """One row of a file with the subset that it is of, and its id there."""

    row: Row
    subset: str
    id: str


def read_benchmark(
    address: str,
    images: str = "",
    kind: CompositionalKind | None = None,
    report: Report = silent,
) -> Benchmark:
    """Reads a published benchmark.

    Args:
        address: the folder of its files, or one of them.
        images: the folder of the pictures; images/ beside the files where it is not given.
        kind: how the files are to be read; by what they look like where it is not given.
        report: told the examples read; may raise ``Cancelled``.

    Raises:
        DatasetError: there are no such files, or they have no usable example; lists every fault.
    """
    path = existing(address)
    files = benchmark_files(path)
    if files[0].suffix.lower() == ".jsonl":
        found: CompositionalKind = "winoground"
        entries = list(_lines(files[0]))
    else:
        contents = read_contents(files)
        found = kind if kind in ("sugarcrepe", "sugarcrepe++") else _kind(contents)
        entries = [entry for file, rows in contents for entry in _entries(file, rows, found)]
    if kind not in (None, found):
        raise DatasetError(
            f"{address} was asked for as {kind}, and its files are of {found}'s form. Give {kind}'s "
            "files, or do not say what they are."
        )
    folder = Folder(items_folder(files[0].parent, images).resolve())
    missing = _missing(found, files) if path.is_dir() else ()
    return _checked(found, entries, folder, missing, report)


def _kind(contents: Sequence[tuple[Path, Any]]) -> CompositionalKind:
    """SugarCrepe++ where examples have a second caption.

    Raises:
        DatasetError: some files are of one and some of the other.
    """
    kinds: dict[str, CompositionalKind] = {}
    for file, content in contents:
        values = content.values() if isinstance(content, dict) else content
        second = any(isinstance(value, dict) and "caption2" in value for value in values)
        kinds[file.name] = "sugarcrepe++" if second else "sugarcrepe"
    if len(set(kinds.values())) > 1:
        raise DatasetError(
            "The folder holds files of two benchmarks. Put each benchmark's into its own folder.",
            [Fault(name, f"is of {kind}'s form") for name, kind in kinds.items()],
        )
    return next(iter(kinds.values()))


def _entries(file: Path, content: Any, kind: CompositionalKind) -> Iterator[_Entry]:
    subset = _subset(file, kind)
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for number, (key, value) in enumerate(pairs):
        own = _name(value.get("id") if isinstance(value, dict) else None, str(key))
        yield _Entry(Row(f"{file.name} {shown(key)}", value), subset, _name(own, str(number)))


def _lines(file: Path) -> Iterator[_Entry]:
    """Winoground's examples; of its tags the collapsed one is Object, Relation or Both."""
    for number, row in enumerate(read_rows(file)):
        value = row.value if isinstance(row.value, dict) else {}
        tag = _name(value.get("collapsed_tag"), _name(value.get("tag"), "no tag"))
        yield _Entry(row, tag, _name(value.get("id"), str(number)))


def _name(given: object, otherwise: str) -> str:
    """A name or number as a file gives it, where it can be written down."""
    usable = isinstance(given, str) and given.strip() and encodable(given)
    return str(given) if usable or type(given) is int else otherwise


def _subset(file: Path, kind: CompositionalKind) -> str:
    return (SUBSETS.get(file.stem) or file.stem) if kind == "sugarcrepe++" else file.stem


def _missing(kind: CompositionalKind, files: Sequence[Path]) -> tuple[str, ...]:
    """Subsets of a published benchmark that have no file."""
    all_of: dict[CompositionalKind, tuple[str, ...]] = {
        "sugarcrepe": tuple(SUBSETS),
        "sugarcrepe++": tuple(long for long in SUBSETS.values() if long),
    }
    there = {_subset(file, kind) for file in files}
    return tuple(name for name in all_of.get(kind, ()) if name not in there)


def _checked(
    kind: CompositionalKind,
    entries: Sequence[_Entry],
    folder: Folder,
    missing: tuple[str, ...],
    report: Report,
) -> Benchmark:
    """What is usable of the entries, with a fault for each that is not.

    Raises:
        DatasetError: not a single one is.
    """
    examples: list[Example] = []
    left_out: list[Fault] = []
    for number, entry in enumerate(entries):
        if number % _REPORT_EVERY == 0:
            report(number, len(entries), "examples")
        example, what = _example(kind, entry, folder)
        if example is None:
            left_out.append(Fault(entry.row.where, what))
        else:
            examples.append(example)
    report(len(entries), len(entries), "examples")
    check_some(examples, left_out, f"The benchmark, with pictures in {folder.path},")
    ids = dict.fromkeys(image_id for one in examples for image_id in one.image_ids)
    images = {image_id: folder.blob(image_id).path for image_id in ids}
    return Benchmark(kind, tuple(examples), images, tuple(left_out), missing)


def _example(kind: CompositionalKind, entry: _Entry, folder: Folder) -> tuple[Example | None, str]:
    """The example, or everything that is wrong with it."""
    value = entry.row.value
    if entry.row.fault or not isinstance(value, dict):
        return None, entry.row.fault or f"must be an object, not {shown(value)}"
    faults: list[str] = []
    pair = kind == "winoground"
    images = [_image(value, name, folder, faults) for name in _IMAGES[pair]]
    captions = [_caption(value, name, faults) for name in _CAPTIONS[kind]]
    if faults:
        return None, "; ".join(faults)
    false = None if pair else captions.pop()
    name = f"{entry.subset}/{entry.id}"
    return Example(name, entry.subset, tuple(images), tuple(captions), false), ""


def _image(value: dict[str, Any], name: str, folder: Folder, faults: list[str]) -> str:
    """The id of a picture, or why there is none."""
    given = value.get(name)
    endings = ("", *_ENDINGS) if isinstance(given, str) and given else ("",)
    found = [folder.find(f"{given}{ending}" if ending else given) for ending in endings]
    for (item_id, _), fault in found:
        if not fault:
            return item_id
    faults.append(found[0][1])
    return ""


def _caption(value: dict[str, Any], name: str, faults: list[str]) -> str:
    given = value.get(name)
    if isinstance(given, str) and given.strip() and encodable(given):
        return given
    faults.append(f"{name} must be words, not {shown(given)}")
    return ""
