"""A run's gallery: its data set's test split in the shared space, ready to be searched.

Files under indexes/<run>/, all of which can be rebuilt from features and heads:

    gallery.json    the items: images with path, captions and attributes
    image/, text/   a VectorIndex each; ids are ``image:<image id>`` and ``text:<image id>#<k>``
    map.*           layouts (:mod:`backend.exploration.layout`)

``gallery.json`` is renamed into place last.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import NotFound
from backend.exploration.index import VectorIndex
from backend.exploration.thumbnails import thumbnail
from backend.schemas import Hit, Item, Side

_ITEMS: Final = "gallery.json"


@dataclass(frozen=True)
class Picture:
    """An image of the gallery as files know it."""

    id: str
    path: str
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
        self, pictures: Sequence[Picture], image: VectorIndex, text: VectorIndex, thumbnails: Path
    ) -> None:
        self.pictures = {picture.id: picture for picture in pictures}
        self.indexes: dict[Side, VectorIndex] = {"image": image, "text": text}
        self._thumbnails = thumbnails

    def owner(self, item_id: str) -> str:
        """Id of the image that an item is, or that a caption belongs to."""
        side = side_of(item_id)
        if item_id not in self.indexes[side].row_of:
            raise NotFound(f"{item_id!r} is not in this run's gallery (the test split).")
        name = item_id.partition(":")[2]
        return name if side == "image" else name.rpartition("#")[0]

    def item(self, item_id: str) -> Item:
        """What is shown of an item; its thumbnail is made on first use."""
        picture = self.pictures[self.owner(item_id)]
        captions = picture.captions
        if side_of(item_id) == "text":
            captions = (captions[int(item_id.rpartition("#")[2])],)
        return Item(
            side=side_of(item_id),
            id=item_id,
            image_id=picture.id,
            thumbnail=thumbnail(Path(picture.path), self._thumbnails),
            captions=captions,
            attributes=picture.attributes,
        )

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
        own = [scores[row] for item, row in index.row_of.items() if self.owner(item) == truth]
        return 1 + int((scores > max(own) + 1e-6).sum())


def build_gallery(
    folder: Path,
    pictures: Sequence[Picture],
    image: NDArray[np.float32],
    text: NDArray[np.float32],
) -> None:
    """Writes a gallery.

    Args:
        image: (n, d) unit rows, one a picture, in order.
        text: unit rows of all captions, picture by picture in order.
    """
    image_ids = [image_item(picture.id) for picture in pictures]
    text_ids = [
        text_item(picture.id, number)
        for picture in pictures
        for number in range(len(picture.captions))
    ]
    VectorIndex.build(image_ids, image).save(folder / "image")
    VectorIndex.build(text_ids, text).save(folder / "text")
    partial = folder / f"{_ITEMS}.part"
    partial.write_text(json.dumps([asdict(picture) for picture in pictures]), encoding="utf-8")
    partial.replace(folder / _ITEMS)


def load_gallery(folder: Path, thumbnails: Path) -> Gallery:
    """The gallery in ``folder``.

    Raises:
        NotFound: it was not built, or was removed.
    """
    if not (folder / _ITEMS).is_file():
        raise NotFound("This run has no index yet; wait until it has finished, or press Resume.")
    rows = json.loads((folder / _ITEMS).read_text(encoding="utf-8"))
    pictures = [replace(Picture(**row), captions=tuple(row["captions"])) for row in rows]
    return Gallery(
        pictures, VectorIndex.load(folder / "image"), VectorIndex.load(folder / "text"), thumbnails
    )
