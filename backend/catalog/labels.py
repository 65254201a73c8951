"""Labels of items, for classification: one of their attributes, as ``class`` of folders of classes.

Any attribute will do: a column of classes of a Hub data set, or the shape in the built-in scenes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.catalog.records import Record
from backend.errors import DatasetError, Fault

#: taken without being named, the first that is there
USUAL: Final = ("class", "label")
#: what an attribute of the built-in scenes says where the objects of a picture differ: no one class
SEVERAL: Final = "several"
MOST_CLASSES: Final = 2000
#: items that a value has on average, in an attribute that is offered as a label
_REPEATED: Final = 2
_NAMED: Final = 20


class Labels(NamedTuple):
    """Items with their classes.

    Attributes:
        attribute: what the items are labelled by.
        classes: its values, in alphabetical order.
        of: (n,) each item's place among the classes.
        records: the n items that have a label, in their order.
        left_out: how many have none.
    """

    attribute: str
    classes: tuple[str, ...]
    of: NDArray[np.int64]
    records: tuple[Record, ...]
    left_out: int


def labels(
    records: Sequence[Record], attribute: str | None = None, without: Collection[str] = ()
) -> Labels:
    """The classes of a data set's items.

    Args:
        records: its items.
        attribute: what they are labelled by; without, the first of :data:`USUAL` that is there.
        without: values that are no class (:data:`SEVERAL`).

    Raises:
        DatasetError: no such attribute, or another number of classes than 2 to 2,000; names the
            attributes there are, each with its number of values.
    """
    there = _values(records)
    name = attribute or next((usual for usual in USUAL if usual in there), "")
    if name not in there:
        wanted = f"an attribute {name}" if name else "an attribute class or label"
        raise DatasetError(f"The items do not have {wanted} to be classified by. {_offer(there)}")
    classes = sorted(set(there[name]) - set(without))
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise DatasetError(
            f"The attribute {name} cannot be classified by. {_offer(there)}",
            [
                Fault(
                    name, f"must have 2 to {MOST_CLASSES:,} different values, not {len(classes):,}"
                )
            ],
        )
    place = {value: number for number, value in enumerate(classes)}
    kept = tuple(record for record in records if record.attributes.get(name) in place)
    of = np.array([place[record.attributes[name]] for record in kept], np.int64)
    return Labels(name, tuple(classes), of, kept, len(records) - len(kept))


def labelled_by(records: Sequence[Record]) -> list[str]:
    """The attributes that items can be classified by; the usual ones first.

    Those with 2 to 2,000 different values, each of which occurs twice on average.
    """
    good = [
        name
        for name, values in _values(records).items()
        if 2 <= len(values) <= MOST_CLASSES and values.total() >= _REPEATED * len(values)
    ]
    usual = [name for name in USUAL if name in good]
    return [*usual, *(name for name in good if name not in usual)]


def _values(records: Sequence[Record]) -> dict[str, Counter[str]]:
    """How often each value of each attribute occurs."""
    found: dict[str, Counter[str]] = {}
    for record in records:
        for name, value in record.attributes.items():
            found.setdefault(name, Counter())[value] += 1
    return found


def _offer(there: dict[str, Counter[str]]) -> str:
    """What may be named instead, in a sentence."""
    if not there:
        return (
            "They have no attributes at all: give folders of classes, a labels.json, or a captions "
            "file with attributes."
        )
    named = [f"{name} ({len(values):,} values)" for name, values in there.items()]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"Name another one; there are {', '.join(named[:_NAMED])}{more}."
