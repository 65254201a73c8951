"""A benchmark of compositional understanding, read and ready to be encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from backend.catalog.records import Record
from backend.errors import DatasetError, Fault
from backend.media.blobs import Blob
from backend.schemas import CompositionalKind


class Example(NamedTuple):
    """One question: which captions are true of which picture.

    Attributes:
        id: its subset and its id there.
        subset: the kind of difference between true and false; of Winoground its tag.
        image_ids: one; of Winoground two.
        true: the true captions; of Winoground that of each picture.
        false: the false caption; None of Winoground, where each is the other picture's.
    """

    id: str
    subset: str
    image_ids: tuple[str, ...]
    true: tuple[str, ...]
    false: str | None

    @property
    def captions(self) -> tuple[str, ...]:
        """All of them."""
        return self.true if self.false is None else (*self.true, self.false)

    @property
    def answerable(self) -> bool:
        """Whether what is false differs in words from what is true."""
        if self.false is None:
            return len({caption.strip() for caption in self.true}) > 1
        return self.false.strip() not in {caption.strip() for caption in self.true}


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's questions.

    Attributes:
        examples: the usable ones, in the order of the files.
        images: where each picture is, by its id: its path below the folder of pictures.
        left_out: why an example is left out, one fault an example.
        missing: subsets that have no file.
    """

    kind: CompositionalKind
    examples: tuple[Example, ...]
    images: Mapping[str, Path]
    left_out: tuple[Fault, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[Record, ...]:
        """The pictures as items that can be encoded, in the order of :attr:`images`."""
        true: dict[str, dict[str, None]] = {image_id: {} for image_id in self.images}
        for one in self.examples:
            pairs = (
                zip(one.image_ids, one.true, strict=True)
                if one.false is None
                else ((one.image_ids[0], caption) for caption in one.true)
            )
            for image_id, caption in pairs:
                true[image_id][caption] = None
        return tuple(
            Record(image_id, "image", Blob(path), "test", tuple(true[image_id]))
            for image_id, path in self.images.items()
        )

    @property
    def captions(self) -> tuple[str, ...]:
        """Every caption once, in the order of the examples."""
        return tuple(dict.fromkeys(caption for one in self.examples for caption in one.captions))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its shares should know, in sentences."""
        told = []
        if self.left_out:
            count = len(self.left_out)
            told.append(
                f"{count:,} of {count + len(self.examples):,} examples are left out; the first is "
                f"{self.left_out[0]}."
            )
        if self.missing:
            told.append(f"There is no file of {', '.join(self.missing)}, so no mean counts it.")
        same = sum(not one.answerable for one in self.examples)
        if same:
            told.append(
                f"{same:,} of the examples call the same words true and false, so nothing can answer "
                "them."
            )
        return tuple(told)

    def only(self, image_ids: AbstractSet[str]) -> Benchmark:
        """Without the examples whose pictures are not among these: they could not be encoded.

        Raises:
            DatasetError: no example is left.
        """
        kept, lost = [], []
        for one in self.examples:
            gone = [image_id for image_id in one.image_ids if image_id not in image_ids]
            if gone:
                lost.append(Fault(one.id, f"picture {' and '.join(gone)} cannot be read"))
            else:
                kept.append(one)
        check_some(kept, lost, "The benchmark")
        used = {image_id for one in kept for image_id in one.image_ids}
        return replace(
            self,
            examples=tuple(kept),
            images={image_id: path for image_id, path in self.images.items() if image_id in used},
            left_out=(*self.left_out, *lost),
        )


def check_some(examples: Sequence[Example], left_out: Sequence[Fault], what: str) -> None:
    """Raises DatasetError, with every fault, where no example can be used."""
    if not examples:
        raise DatasetError(
            f"{what} has no example that can be used. Correct what is listed, or give the folder "
            "that holds its pictures.",
            left_out,
        )
