"""A run's gallery: its data set's test split in the shared space, ready to be searched.

Files under indexes/<run>/, all of which can be rebuilt from features and heads:

    gallery.json    the items: where each one's content is, its captions and attributes
    image/, text/   an index each (:mod:`backend.exploration.indexes`); ids are ``image:<image id>``
                    and ``text:<image id>#<k>``
    map.*           layouts (:mod:`backend.exploration.layout`)

``gallery.json`` is renamed into place last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import NotFound
from backend.exploration.indexes import VectorIndex, build_index, is_whole, open_index
from backend.exploration.previews import preview
from backend.media.blobs import Blob
from backend.schemas import Hit, Item, Modality, Side

_ITEMS: Final = "gallery.json"


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


class Gallery:
    """Items, their embeddings, and exact search among them."""

    def __init__(
        self, entries: Sequence[Entry], image: VectorIndex, text: VectorIndex, previews: Path
    ) -> None:
        self.entries = {entry.id: entry for entry in entries}
        self.indexes: dict[Side, VectorIndex] = {"image": image, "text": text}
        self._previews = previews

    @property
    def modality(self) -> Modality:
        """What its items are; a data set has one kind."""
        return next((entry.modality for entry in self.entries.values()), "image")

    def owner(self, item_id: str) -> str:
        """Id of the image that an item is, or that a caption belongs to."""
        side = side_of(item_id)
        if item_id not in self.indexes[side].row_of:
            raise NotFound(f"{item_id!r} is not in this run's gallery (the test split).")
        name = item_id.partition(":")[2]
        return name if side == "image" else name.rpartition("#")[0]

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

    def embedded(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        """Images (n, d), captions (m, d), and each caption's image row."""
        image, text = self.indexes["image"], self.indexes["text"]
        row_of = image.row_of
        # every caption is of the gallery, so nothing needs to be checked
        owners = [row_of["image" + item[4:].rpartition("#")[0]] for item in text.ids]
        return image.vectors(), text.vectors(), np.asarray(owners, np.int64)

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
        index = self.indexes[target]
        rows, scores = index.search(query[None], k)
        hits = []
        for rank, (row, score) in enumerate(zip(rows[0], scores[0], strict=True), start=1):
            item = self.item(index.ids[row])
            hits.append(
                Hit(rank=rank, score=float(score), item=item, ground_truth=item.image_id == truth)
            )
        return tuple(hits)

    def truth_rank(self, query: NDArray[np.float32], target: Side, truth: str) -> int:
        """Rank, from 1, of the best item of ``truth`` among all items of a modality."""
        index = self.indexes[target]
        scores = index.vectors() @ query
        # not by looking through all: of large galleries that takes longer than the search
        own = [scores[index.row_of[item]] for item in self._items_of(truth, target)]
        return 1 + int((scores > max(own) + 1e-6).sum())

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
) -> None:
    """Writes a gallery.

    Args:
        image: (n, d) unit rows, one an item, in order.
        text: unit rows of all captions, item by item in order.
        made_of: tells the heads and features that it is of from others (:func:`gallery_of`).
    """
    image_ids = [image_item(entry.id) for entry in entries]
    text_ids = [
        text_item(entry.id, number) for entry in entries for number in range(len(entry.captions))
    ]
    build_index(folder / "image", image_ids, image, text)
    build_index(folder / "text", text_ids, text, image)
    partial = folder / f"{_ITEMS}.part"
    told = {"made_of": made_of, "items": [_row(entry) for entry in entries]}
    partial.write_text(json.dumps(told), encoding="utf-8")
    partial.replace(folder / _ITEMS)


def load_gallery(folder: Path, previews: Path) -> Gallery:
    """The gallery in ``folder``.

    Args:
        previews: where small pictures and recordings are kept.

    Raises:
        NotFound: it was not built, was removed or is damaged.
    """
    entries = [_entry(row) for row in _told(folder)["items"]]
    return Gallery(entries, open_index(folder / "image"), open_index(folder / "text"), previews)


def gallery_of(folder: Path) -> str:
    """What the gallery in ``folder`` is made of, as :func:`build_gallery` was told.

    Raises:
        NotFound: there is none. Of an older version it is empty.
    """
    made_of: str = _told(folder)["made_of"]
    if not (is_whole(folder / "image") and is_whole(folder / "text")):
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
