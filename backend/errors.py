"""One tree of exceptions for everything a person can do something about.

    IsthmusError
      InvalidInput        what was given cannot be used; lists every fault at once
        DatasetError      a data set's files
        EncoderError      an encoder's files or id
        OperatorError     what makes the next generation of a chain
      NotFound            no such run, data set, encoder, method or item
      StorageError        the disk is full or may not be written, or the vector store does not answer
      NotAllowed          the place is read-only, or a limit is reached
      Cancelled           the person asked to stop; what was done is kept
      TrainingDiverged    the loss is no longer finite

Only the edges (ui/, the command line, the worker) turn these into words for people. Each message is a
sentence that ends with the next step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing wrong with what was given.

    Attributes:
        where: the field, file or row, in words a person recognises ("row 12", "image encoder").
        what: what is wrong and what is allowed instead.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class IsthmusError(Exception):
    """Base of all errors that are told to a person."""


class InvalidInput(IsthmusError):
    """Something given cannot be used. All faults are collected before it is raised.

    Args:
        summary: one sentence with the next step.
        faults: every fault found, each with the place it was found at.
    """

    shown = 20

    def __init__(self, summary: str, faults: Sequence[Fault] = ()) -> None:
        self.summary = summary
        self.faults = tuple(faults)
        lines = [summary, *(f"- {fault}" for fault in self.faults[: self.shown])]
        if len(self.faults) > self.shown:
            lines.append(f"- and {len(self.faults) - self.shown} more")
        super().__init__("\n".join(lines))


class DatasetError(InvalidInput):
    """A data set's files cannot be used."""


class EncoderError(InvalidInput):
    """An encoder cannot be loaded."""


class OperatorError(InvalidInput):
    """What makes the next generation of a chain cannot be used, or does not answer."""


class NotFound(IsthmusError):
    """There is no such thing; the message names what there is."""


class StorageError(IsthmusError):
    """What stores things failed; nothing that was committed before is lost."""


class NotAllowed(IsthmusError):
    """The place is read-only or a limit is reached."""


class Cancelled(IsthmusError):
    """The person asked to stop. Raised by progress callbacks, caught by the worker."""


class TrainingDiverged(IsthmusError):
    """The loss stopped being finite; the last good checkpoint is kept."""
