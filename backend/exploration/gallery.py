"""A run's gallery: its data set's test split in the shared space, ready to be searched.

Files under indexes/<run>/, all of which can be rebuilt from features and heads:

    gallery.json    the items: where each one's content is, its captions and attributes
    image/, text/   an index each (:mod:`backend.exploration.indexes`); ids are ``image:<image id>``
                    and ``text:<image id>#<k>``
    map-*, ...      layouts (:mod:`backend.exploration.layouts.stored`)

``gallery.json`` is renamed into place last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import NotFound
from backend.exploration.filters import Filters
from backend.exploration.indexes import (
    Budget,
    Store,
    VectorIndex,
    build_index,
    is_in,
    open_index,
)
from backend.exploration.previews import preview
from backend.media.blobs import Blob
from backend.reporting import Report, part, silent
from backend.schemas import Hit, Item, Modality, Side
from backend.whole_files import whole_file

_ITEMS: Final = "gallery.json"
#: what an item takes in memory, as times of its bytes in that file
_READ: Final = 3
#: of larger galleries an item's rank is not looked for among all, which would read every vector
_RANKED: Final = 1_000_000
_DEEPEST_RANK: Final = 1000
#: scores that are nearer than this are equal but for rounding
_ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class Entry:
    """An item of the gallery as files know it.

    Attributes:
        content: where its bytes are, or its own words; None where only its features are known.
    """

    id: str
    modality: Modality
    content: Blob | str | None
    captions: tuple[str, ...]
    attributes: dict[str, str]


def image_item(image_id: str) -> str:
    """The gallery's id of an image."""
    return f"image:{image_id}"


def text_item(image_id: str, number: int) -> str:
    """The gallery's id of an image's caption number ``number``, from 0."""
    return f"text:{image_id}#{number}"


def side_of(item_id: str) -> Side:
    """Which modality an item id names.

    Raises:
        NotFound: it is no item id.
    """
    head, _, rest = item_id.partition(":")
    if head not in ("image", "text") or not rest:
        raise NotFound(f"{item_id!r} is not an item; ids look like image:NAME or text:NAME#0.")
    return "image" if head == "image" else "text"


def owner_of(item_id: str) -> str:
    """Id of the image that an item is, or that a caption belongs to, whether or not it is there.

    Raises:
        NotFound: it is no item id.
    """
    name = item_id.partition(":")[2]
    return name if side_of(item_id) == "image" else name.rpartition("#")[0]


class Gallery:
    """Items, their embeddings, and search among them.

    Args:
        entries: in the order of the image index's rows; the text index has their captions in this order.
        image: index of the items.
        text: index of all captions.
        previews: where small pictures and recordings are kept.
        held_bytes: what the items take in memory, beside the indexes.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        image: VectorIndex,
        text: VectorIndex,
        previews: Path,
        held_bytes: int = 0,
    ) -> None:
        self.entries = {entry.id: entry for entry in entries}
        self.indexes: dict[Side, VectorIndex] = {"image": image, "text": text}
        self._previews = previews
        self._held_bytes = held_bytes

    @property
    def memory_bytes(self) -> int:
        """What it keeps in memory, with what search reads again and again."""
        image, text = self.indexes.values()
        return self._held_bytes + image.memory_bytes + text.memory_bytes

    @property
    def modality(self) -> Modality:
        """What its items are; a data set has one kind."""
        return next((entry.modality for entry in self.entries.values()), "image")

    def owner(self, item_id: str) -> str:
        """Id of the image that an item is, or that a caption belongs to."""
        if item_id not in self.indexes[side_of(item_id)].row_of:
            raise NotFound(f"{item_id!r} is not in this run's gallery (the test split).")
        return owner_of(item_id)

    def item(self, item_id: str) -> Item:
        """What is shown of an item; its thumbnail is made on first use."""
        entry = self.entries[self.owner(item_id)]
        captions = entry.captions
        if side_of(item_id) == "text":
            captions = (captions[int(item_id.rpartition("#")[2])],)
        try:
            picture, recording = preview(entry.modality, entry.content, self._previews)
        except NotFound:  # its file is gone: it is shown by its captions, and search goes on
            picture, recording = None, None
        return Item(
            side=side_of(item_id),
            id=item_id,
            image_id=entry.id,
            modality=entry.modality,
            thumbnail=picture,
            recording=recording,
            text=entry.content if isinstance(entry.content, str) else "",
            captions=captions,
            attributes=entry.attributes,
        )

    def said(self, item_id: str) -> str:
        """The words of a caption, or of an item that is words; empty for others."""
        entry = self.entries[self.owner(item_id)]
        if side_of(item_id) == "text":
            return entry.captions[int(item_id.rpartition("#")[2])]
        return entry.content if isinstance(entry.content, str) else ""

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """(m,) each caption's image row."""
        counts = [len(entry.captions) for entry in self.entries.values()]
        return np.repeat(np.arange(len(counts)), counts)

    @cached_property
    def filters(self) -> Filters:
        """What rows are left by metadata."""
        return Filters([entry.attributes for entry in self.entries.values()], self.owners)

    def among(
        self, side: Side, where: Mapping[str, Sequence[str]], points: NDArray[np.int32] | None
    ) -> NDArray[np.int64] | None:
        """Rows of a side that metadata and a selection leave, rising; None: all.

        Args:
            where: attribute -> allowed values, without :meth:`Filters.faults`.
            points: chosen ones, rising, the images' numbered before the captions'; None: all.
        """
        rows = self.filters.rows(side, where) if where else None
        if points is None:
            return rows
        first = 0 if side == "image" else len(self.indexes["image"])
        start, end = np.searchsorted(points, [first, first + len(self.indexes[side])])
        chosen = points[start:end].astype(np.int64) - first
        return chosen if rows is None else np.intersect1d(rows, chosen, assume_unique=True)

    def embedded(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        """Images (n, d), captions (m, d), and each caption's image row."""
        return self.indexes["image"].vectors(), self.indexes["text"].vectors(), self.owners

    def vector(self, item_id: str) -> NDArray[np.float32]:
        """(d,) unit vector of an item."""
        self.owner(item_id)
        index = self.indexes[side_of(item_id)]
        vector: NDArray[np.float32] = index.vectors()[index.row_of[item_id]]
        return vector

    def search(
        self, query: NDArray[np.float32], target: Side, k: int, truth: str | None = None
    ) -> tuple[Hit, ...]:
        """The k best items of a modality.

        Args:
            query: (d,) unit vector.
            truth: image id of the query's own pair; its items are marked.
        """
        rows, scores = self.indexes[target].search(query[None], k)
        ranks = range(1, len(rows[0]) + 1)
        return self.hits(target, rows[0].tolist(), scores[0].tolist(), ranks, truth)

    def hits(
        self,
        side: Side,
        rows: Sequence[int],
        scores: Sequence[float],
        ranks: Sequence[int],
        truth: str | None = None,
    ) -> tuple[Hit, ...]:
        """Rows that were found, with what is shown of them."""
        ids = self.indexes[side].ids
        found = []
        for row, score, rank in zip(rows, scores, ranks, strict=True):
            item = self.item(ids[row])
            marked = item.image_id == truth
            found.append(Hit(rank=rank, score=score, item=item, ground_truth=marked))
        return tuple(found)

    def truth_rank(
        self, query: NDArray[np.float32], target: Side, truth: str, hits: Sequence[Hit] = ()
    ) -> int | None:
        """Rank, from 1, of the best item of ``truth`` among all items of a modality.

        Args:
            hits: the best of all of them, where they are known: nothing is searched if they tell.

        Returns:
            None where it has no item, or where the gallery is so large that only the best are looked at
            and it is not among them.
        """
        index = self.indexes[target]
        own = [index.row_of[item] for item in self._items_of(truth, target)]
        if not own:
            return None
        best = float((index.vectors()[own] @ query).max()) + _ROUNDING
        # not what an approximate search found: it may have missed one that is better
        if hits and index.facts.recall_at_10 is None and hits[-1].score <= best:
            return 1 + sum(hit.score > best for hit in hits)
        if len(index) > _RANKED:
            _, scores = index.search(query[None], _DEEPEST_RANK)
            return 1 + int((scores > best).sum()) if scores[0, -1] <= best else None
        return 1 + int((index.vectors() @ query > best).sum())

    def _items_of(self, image_id: str, side: Side) -> list[str]:
        """The item ids of an image on a side: its own, or its captions'."""
        if side == "image":
            return [image_item(image_id)]
        return [text_item(image_id, k) for k in range(len(self.entries[image_id].captions))]


def build_gallery(
    folder: Path,
    entries: Sequence[Entry],
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    made_of: str = "",
    budget: Budget | None = None,
    store: Store | None = None,
    report: Report = silent,
) -> None:
    """Writes a gallery.

    Args:
        image: (n, d) unit rows, one an item, in order.
        text: unit rows of all captions, item by item in order.
        made_of: tells the heads and features that it is of from others (:func:`gallery_of`).
        budget: what both indexes may take together; None for the usual one.
        store: Milvus, where that is to search.
        report: told vectors indexed; may raise ``Cancelled``.

    Raises:
        StorageError: Milvus is to search and does not answer.
    """
    budget = budget or Budget()
    each = budget._replace(memory_bytes=budget.memory_bytes // 2)
    total = len(image) + len(text)
    share = len(image) / max(1, total)
    halves = [part(report, total, "vectors", *ends) for ends in ((0, share), (share, 1))]
    image_ids = [image_item(entry.id) for entry in entries]
    text_ids = [
        text_item(entry.id, number) for entry in entries for number in range(len(entry.captions))
    ]
    build_index(folder / "image", image_ids, image, text, each, report=halves[0], store=store)
    build_index(folder / "text", text_ids, text, image, each, report=halves[1], store=store)
    told = {"made_of": made_of, "items": [_row(entry) for entry in entries]}
    with whole_file(folder / _ITEMS) as draft:
        draft.write_text(json.dumps(told), encoding="utf-8")


def load_gallery(
    folder: Path, previews: Path, device: str = "cpu", store: Store | None = None
) -> Gallery:
    """The gallery in ``folder``.

    Args:
        previews: where small pictures and recordings are kept.
        device: auto, cpu, cuda or cuda:N; where exact search is done, if it can.
        store: Milvus, where that searches; without, this machine does, exactly.

    Raises:
        NotFound: it was not built, was removed or is damaged.
    """
    entries = [_entry(row) for row in _told(folder)["items"]]
    image, text = (open_index(folder / side, device, store) for side in ("image", "text"))
    return Gallery(entries, image, text, previews, _READ * (folder / _ITEMS).stat().st_size)


def gallery_of(folder: Path, store: Store | None = None) -> str:
    """What the gallery in ``folder`` is made of, as :func:`build_gallery` was told.

    Args:
        store: Milvus, where its indexes are to be; None where they are to be on this machine.

    Raises:
        NotFound: there is none. Of an older version it is empty.
        StorageError: Milvus does not answer.
    """
    made_of: str = _told(folder)["made_of"]
    if not all(is_in(folder / side, store) for side in ("image", "text")):
        raise NotFound("This run's index is not whole.")
    return made_of


def _told(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / _ITEMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = None
    if isinstance(told, list):  # of an older version, which did not say what it is made of
        return {"made_of": "", "items": told}
    if not isinstance(told, dict) or not {"made_of", "items"} <= told.keys():
        raise NotFound("This run has no index yet; wait until it has finished, or press Resume.")
    return told


def _row(entry: Entry) -> dict[str, Any]:
    content = entry.content
    told: dict[str, Any] = {"id": entry.id, "modality": entry.modality}
    if isinstance(content, str):
        told["text"] = content
    elif content is not None:
        told["path"] = str(content.path)
        if not content.whole:
            told |= {"offset": content.offset, "size": content.size}
    return told | {"captions": entry.captions, "attributes": entry.attributes}


def _entry(row: Mapping[str, Any]) -> Entry:
    content: Blob | str | None = row.get("text")
    if "path" in row:
        content = Blob(Path(row["path"]), row.get("offset", 0), row.get("size"))
    return Entry(
        row["id"],
        row.get("modality", "image"),
        content,
        tuple(row["captions"]),
        dict(row["attributes"]),
    )
