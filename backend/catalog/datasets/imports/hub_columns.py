"""Which columns of a table hold the item, its captions and its id: as told, else by their looks.

A caption may be words, a list of words, or words inside a dictionary or a list of those; ``a.b`` names
a part of a column. A column of classes gives a sentence made with a template.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backend.catalog.address import Address
from backend.catalog.datasets.folders import shown
from backend.catalog.datasets.layouts.class_folders import DEFAULT_TEMPLATE
from backend.errors import DatasetError, Fault
from backend.schemas import Modality

ITEM_OPTIONS: Final[tuple[Modality, ...]] = ("image", "audio", "text", "code")

#: what captions are called, the surest first
_CAPTION_NAMES: Final = (
    "captions", "caption", "sentences", "sentence", "raw", "sentences_raw", "text", "texts",
    "description", "descriptions", "alt_text", "txt", "docstring", "summary", "transcription",
)  # fmt: skip
#: what holds the words inside a dictionary
_INNER: Final = ("raw", "caption", "captions", "text", "sentence", "value", "en")
_WORDS: Final = ("text", "texts", "texts in parts", "class")
_MOST_LABELS: Final = 6


@dataclass(frozen=True)
class Columns:
    """What is taken from each row.

    Attributes:
        item: the column with the item.
        modality: what it is.
        caption: the column with the captions, a part of one (``a.b``).
        id: the column with the item's id; empty where each row is an item of its own.
        split: a column that names the row's split; often empty.
        classes: names of the classes of each column of classes.
        templates: sentences made of a class, where the caption is one.
    """

    item: str
    modality: Modality
    caption: str
    id: str
    split: str
    classes: Mapping[str, Sequence[str]]
    templates: tuple[str, ...]


def kinds(features: Mapping[str, Any] | None, row: Mapping[str, Any]) -> dict[str, str]:
    """What each column holds, in words: by its declared type, else by the first row."""
    if not features:
        return {name: _kind_of_value(value) for name, value in row.items()}
    return {name: _kind_of_type(feature) for name, feature in features.items()}


def choose(
    address: Address, holds: Mapping[str, str], classes: Mapping[str, Sequence[str]]
) -> Columns:
    """Takes the columns that the address names, and finds the others.

    Args:
        address: options image, audio, text or code, caption, id, template.
        holds: what each column holds (:func:`kinds`).
        classes: names of the classes of each column of classes.

    Raises:
        DatasetError: a column is not there, or what is not named cannot be found; lists all columns.
    """
    faults = [
        Fault(option, f"there is no column {shown(name)}")
        for option in (*ITEM_OPTIONS, "caption", "id")
        if (name := address.get(option)) and name.partition(".")[0] not in holds
    ]
    item, modality = _item(address, holds)
    caption = address.get("caption") or _caption(holds, item)
    if not item and not faults:
        faults.append(Fault("image", "no column, or more than one, holds pictures or recordings"))
    if not caption and not faults:
        faults.append(Fault("caption", "no column looks like captions, or more than one does"))
    if modality in ("image", "audio") and holds.get(item) == "text":
        what = f"column {shown(item)} holds addresses or names; what they lead to is not fetched"
        faults.append(Fault(modality, what))
    templates = address.all("template") or (DEFAULT_TEMPLATE,)
    faults += [
        Fault("template", f"{shown(each)} has no {{}}") for each in templates if "{}" not in each
    ]
    if faults:
        listed = ", ".join(f"{name} ({kind})" for name, kind in holds.items())
        raise DatasetError(
            f"Its columns are {listed}. Name those with the item and its captions: "
            f"{address.base}?image=COLUMN&caption=COLUMN (or audio, text or code for image).",
            faults,
        )
    split = "split" if holds.get("split") in ("text", "class") else ""
    some = {name: classes[name] for name in list(classes)[:_MOST_LABELS]}
    return Columns(item, modality, caption, address.get("id"), split, some, templates)


def captions_in(row: Mapping[str, Any], columns: Columns) -> list[Any]:
    """The captions of a row, in order; what is no text is left for the check of rows to tell."""
    name, *parts = columns.caption.split(".")
    value: Any = row.get(name)
    if name in columns.classes and isinstance(value, int):
        names = columns.classes[name]
        spoken = names[value] if 0 <= value < len(names) else str(value)
        spoken = spoken.replace("_", " ").replace("-", " ")
        return [template.replace("{}", spoken) for template in columns.templates]
    return list(_words(value, parts))


def _words(value: Any, parts: Sequence[str]) -> Iterable[Any]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _words(each, parts)
    elif isinstance(value, dict):
        name = parts[0] if parts else next((key for key in _INNER if key in value), "")
        yield from _words(value.get(name), parts[1:])
    elif value is not None:
        yield value


def _item(address: Address, holds: Mapping[str, str]) -> tuple[str, Modality]:
    for option in ITEM_OPTIONS:
        if address.get(option):
            return address.get(option), option
    found: dict[str, Modality] = {"picture": "image", "recording": "audio"}
    for kind, modality in found.items():
        names = [name for name, held in holds.items() if held == kind]
        sure = [name for name in names if name.lower() in (modality, "img", "jpg", "png", "wav")]
        for some in (names, sure):
            if len(some) == 1:
                return some[0], modality
    if holds.get("code") == "text":
        return "code", "code"
    return "", "image"


def _caption(holds: Mapping[str, str], item: str) -> str:
    words = [name for name, kind in holds.items() if kind in _WORDS and name != item]
    lower = {name.lower(): name for name in reversed(words)}
    named = next((lower[name] for name in _CAPTION_NAMES if name in lower), "")
    if named:
        return named
    for kind in ("text", "texts", "class"):
        some = [name for name in words if holds[name] == kind and name != "split"]
        if len(some) == 1:
            return some[0]
    return ""


def _kind_of_type(feature: Any) -> str:
    """By the name of the type: the library need not be imported here."""
    name = type(feature).__name__
    if name in ("Image", "Audio", "ClassLabel"):
        return {"Image": "picture", "Audio": "recording", "ClassLabel": "class"}[name]
    if name == "Value":
        return "text" if "string" in str(feature.dtype) else str(feature.dtype)
    if isinstance(feature, dict):
        return "texts in parts"
    inner = feature[0] if isinstance(feature, list) and feature else None
    inner = getattr(feature, "feature", inner)
    if inner is not None:
        kind = _kind_of_type(inner)
        return (
            "texts" if kind == "text" else kind if kind == "texts in parts" else f"list of {kind}"
        )
    return name


def _kind_of_value(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, dict):
        return "texts in parts"
    if isinstance(value, list) and value:
        kind = _kind_of_value(value[0])
        return (
            "texts" if kind == "text" else kind if kind == "texts in parts" else f"list of {kind}"
        )
    return type(value).__name__
