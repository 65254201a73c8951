"""A data set's items with what is said of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.media.blobs import Blob
from backend.schemas import Modality


@dataclass(frozen=True, slots=True)
class Record:
    """One item with its captions.

    Attributes:
        id: for a file, its path below the folder of items, with forward slashes; else as given.
        modality: what it is.
        content: the bytes of a picture or a recording, the words of a text or a program; None for
            an item that is known by its features alone.
        split: "train", "val" or "test".
        captions: at least one.
        attributes: what the map may colour by, e.g. {"shape": "star"}; often empty.
        key: 32 hex digits of the SHA-256 of the content; empty until hashed
            (:func:`backend.catalog.datasets.hashes.with_keys`), and for items without content.
        numbers: the place of each caption in the set's own list, from 0; empty where none was left
            out. What is broken must not shift the ids of the others.
    """

    id: str
    modality: Modality
    content: Blob | str | None
    split: str
    captions: tuple[str, ...]
    attributes: dict[str, str] = field(default_factory=dict)
    key: str = ""
    numbers: tuple[int, ...] = ()

    @property
    def caption_ids(self) -> tuple[str, ...]:
        """The id of each caption."""
        numbers = self.numbers or range(len(self.captions))
        return tuple(caption_id(self.id, number) for number in numbers)


def caption_id(record_id: str, number: int) -> str:
    """The id of an item's caption number ``number``, from 0, as files of features name it."""
    return f"{record_id}#{number}"
