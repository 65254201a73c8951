"""Which files a published benchmark is in, and what they hold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from backend.catalog.datasets.captions_file import read_json
from backend.catalog.datasets.folders import is_inside, shown
from backend.errors import DatasetError, Fault

WINOGROUND_FILE: Final = "examples.jsonl"
#: file names of SugarCrepe's subsets, and how SugarCrepe++ calls the five that it has
SUBSETS: Final[dict[str, str]] = {
    "add_att": "",
    "add_obj": "",
    "replace_att": "replace_attribute",
    "replace_obj": "replace_object",
    "replace_rel": "replace_relation",
    "swap_att": "swap_attribute",
    "swap_obj": "swap_object",
}


_LOOKED_FOR: Final = (
    f"{WINOGROUND_FILE} (Winoground) and {', '.join(f'{name}.json' for name in SUBSETS)} "
    "(SugarCrepe and SugarCrepe++)"
)


def existing(address: str) -> Path:
    """The folder or file that an address names.

    Raises:
        DatasetError: there is none, with what to give.
    """
    try:
        path = Path(address.strip()).expanduser()
        if address.strip() and "\0" not in address and path.exists():
            return path
    except (OSError, RuntimeError):  # longer than any file name may be; nobody's home
        pass
    raise DatasetError(
        f'There is no folder or file "{address}". Give the folder that holds a benchmark\'s '
        f"files: {_LOOKED_FOR}."
    )


def benchmark_files(path: Path) -> list[Path]:
    """The files of a benchmark, subset by subset: those of a folder, or the one that is given.

    Raises:
        DatasetError: there are none, with what was looked for.
    """
    if path.is_file():
        if path.suffix.lower() in (".json", ".jsonl"):
            return [path.resolve()]
        raise DatasetError(f"{path} is no file of a benchmark: those end in .json or .jsonl.")
    names = (
        WINOGROUND_FILE,
        *(f"{name}.json" for pair in SUBSETS.items() for name in pair if name),
    )
    found = [path / name for name in names if (path / name).is_file()]
    faults = [
        Fault(file.name, "it is a link out of the folder; put the file itself there")
        for file in found
        if not is_inside(file, path)
    ]
    if faults or not found:
        raise DatasetError(
            f"The folder {path} holds no benchmark that can be read. Looked for were {_LOOKED_FOR}.",
            faults,
        )
    kept = [file.resolve() for file in found]
    return kept[:1] if kept[0].name == WINOGROUND_FILE else kept


def read_contents(files: Iterable[Path]) -> list[tuple[Path, Any]]:
    """What SugarCrepe's files hold: objects or lists of examples.

    Raises:
        DatasetError: a file cannot be read; lists all such.
    """
    contents: list[tuple[Path, Any]] = []
    faults: list[Fault] = []
    for file in files:
        try:
            content = read_json(file)
        except DatasetError as error:
            faults += error.faults
            continue
        if isinstance(content, dict | list) and content:
            contents.append((file, content))
        else:
            what = f"it must hold an object or a list of examples, not {shown(content)}"
            faults.append(Fault(file.name, what))
    if faults:
        raise DatasetError("The benchmark's files cannot be read. Fetch them again.", faults)
    return contents
