"""A data set, checked and ready to be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.catalog.datasets.reading import as_fault
from backend.catalog.datasets.splits import SPLIT_NAMES
from backend.catalog.records import Record
from backend.errors import Fault
from backend.schemas import DatasetInfo, Finding, Modality, SplitCount

#: lines of what was left out that pass through the door; a report lists all in a file
_TOLD: Final = 200


@dataclass(frozen=True)
class Dataset:
    """A data set, checked and ready.

    Attributes:
        id: a built-in name, or the address, with paths made absolute.
        layout: how it is stored, in words.
        modality: of its items.
        records: the usable items, in the order of the files.
        findings: everything left out, with the reason, and what a person should know besides.
        fingerprint: SHA-256 of every item's id, split, captions, attributes and size or words. The
            contents of files are hashed apart (:func:`backend.catalog.datasets.hashes.with_keys`).
    """

    id: str
    name: str
    description: str
    built_in: bool
    layout: str
    modality: Modality
    records: tuple[Record, ...]
    findings: tuple[Finding, ...]
    fingerprint: str

    @property
    def set_aside(self) -> tuple[Fault, ...]:
        """Everything left out, with the reason."""
        return tuple(as_fault(finding) for finding in self.findings if finding.set_aside)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its numbers should know, in sentences: how splits were made."""
        return tuple(finding.what for finding in self.findings if finding.kind == "note")

    def split(self, name: str) -> tuple[Record, ...]:
        """The items of "train", "val" or "test"."""
        return tuple(record for record in self.records if record.split == name)

    def info(self) -> DatasetInfo:
        """What a person sees of it."""
        aside = self.set_aside
        lines = [str(fault) for fault in aside[:_TOLD]]
        if len(aside) > _TOLD:
            lines.append(f"and {len(aside) - _TOLD:,} more; the report lists them all")
        return DatasetInfo(
            id=self.id,
            name=self.name,
            description=self.description,
            built_in=self.built_in,
            layout=self.layout,
            modality=self.modality,
            splits={name: _count(self.split(name)) for name in SPLIT_NAMES},
            set_aside=tuple(lines),
            notes=self.notes,
        )


def _count(records: Sequence[Record]) -> SplitCount:
    captions = sum(len(record.captions) for record in records)
    return SplitCount(images=len(records), captions=captions)
