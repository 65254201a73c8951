"""What reading a data set's files gives, whatever their layout."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from backend.catalog.records import Record
from backend.errors import Fault
from backend.schemas import Finding


@dataclass(frozen=True)
class Row:
    """One entry as it stands in a file, not yet checked.

    Attributes:
        where: "captions.json row 12", from 1; lines are counted in line-based files.
        value: whatever was there.
        fault: why the entry could not even be parsed; empty when it could.
    """

    where: str
    value: object
    fault: str = ""


@dataclass
class Reading:
    """The items of a set, before its splits are completed; filled while it is read.

    Attributes:
        source: the file or folder that was read, as it is named in errors.
        layout: how the set is stored, in words.
        records: the usable items, in the order of the files.
        sizes: bytes of each one's content.
        findings: everything left out, and what a person should know.
        named: splits that the files name, also for items left out; empty where they name none.
    """

    source: Path
    layout: str = ""
    records: list[Record] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    named: set[str] = field(default_factory=set)


def broken(fault: Fault) -> Finding:
    """A row, or a part of one, that is left out."""
    return Finding(kind="broken row", where=fault.where, what=fault.what, set_aside=True)


def note(where: str, what: str) -> Finding:
    """Something to know; nothing is left out."""
    return Finding(kind="note", where=where, what=what, set_aside=False)


def as_fault(finding: Finding) -> Fault:
    """A finding as it is listed in an error."""
    return Fault(finding.where, finding.what)
