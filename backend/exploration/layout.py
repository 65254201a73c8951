"""Two-dimensional layouts of a gallery: PCA at once, UMAP on an exact cross-modal neighbour graph.

In a shared space images lie nearer to images and captions to captions than to each other (the modality
gap), so a joint neighbour graph draws two islands and hides what an alignment is about. Here half of each
point's neighbours are its nearest images and half its nearest captions; ``GRAPH`` says so in words
wherever the map is shown.

Handing the graph to UMAP skips its own approximate search, and a seed makes it one thread and repeatable.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Final, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from backend.reporting import Report, silent

Layout = Literal["pca", "umap"]

GRAPH: Final[dict[Layout, str]] = {
    "pca": "PCA of all embeddings: the two directions of largest variance",
    "umap": "UMAP: each point is drawn near its 8 nearest images and its 8 nearest captions",
}
_HALF: Final = 8
_EPOCHS: Final = 200


def pca_layout(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """First two principal components (n, 2) of (n, d); signs fixed so that it does not flip."""
    centred = vectors - vectors.mean(axis=0)
    covariance = centred.T.astype(np.float64) @ centred
    _, directions = np.linalg.eigh(covariance)
    axes = directions[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    flat = centred @ axes
    if flat.shape[1] < 2:  # a one-dimensional space
        flat = np.column_stack([flat, np.zeros(len(flat))])
    return _scaled(flat)


def umap_layout(
    image: NDArray[np.float32], text: NDArray[np.float32], seed: int, report: Report = silent
) -> NDArray[np.float32]:
    """UMAP of images, then captions (n + m, 2), McInnes et al. 2018, on the cross-modal graph.

    Falls back to PCA below 20 points, where a neighbour graph says nothing.
    """
    vectors = np.concatenate([image, text])
    if len(vectors) < 20:
        return pca_layout(vectors)
    report(0, 2, "stages")
    indices, distances = cross_modal_graph(image, text, _HALF)
    import umap  # noqa: PLC0415 - several seconds, and only the worker needs it

    report(1, 2, "stages")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # one thread because seeded; no transform because precomputed
        projector = umap.UMAP(
            n_neighbors=indices.shape[1],
            metric="cosine",
            n_epochs=_EPOCHS,
            min_dist=0.15,
            init="pca",
            random_state=seed,
            precomputed_knn=(indices, distances),
        )
        flat = projector.fit_transform(vectors)
    report(2, 2, "stages")
    return _scaled(flat)


def cross_modal_graph(
    image: NDArray[np.float32], text: NDArray[np.float32], half: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Exact neighbours, ``half`` from each modality, nearest first, the point itself in column 0.

    Returns:
        indices (n + m, k) int32 into images followed by captions; cosine distances alike, float32.
    """
    vectors = np.ascontiguousarray(np.concatenate([image, text]), np.float32)
    found, near = [], []
    for side, offset in ((image, 0), (text, len(image))):
        index = faiss.IndexFlatIP(side.shape[1])
        index.add(np.ascontiguousarray(side, np.float32))
        scores, rows = index.search(vectors, min(half + 1, len(side)))
        found.append(rows + offset)
        near.append(np.maximum(0, 1 - scores))
    rows, distances = np.concatenate(found, axis=1), np.concatenate(near, axis=1)
    itself = rows == np.arange(len(vectors))[:, None]
    distances = np.where(itself, -1.0, distances)  # sorts first, whatever ties with it
    order = np.argsort(distances, axis=1, kind="stable")
    rows = np.take_along_axis(rows, order, axis=1)
    distances = np.maximum(np.take_along_axis(distances, order, axis=1), 0)
    width = rows.shape[1] - 1  # points of either side have one own entry among 2 half + 2
    lost = rows[:, 0] != np.arange(len(vectors))  # equal vectors crowded the point itself out
    rows[lost, 0], distances[lost, 0] = np.flatnonzero(lost), 0
    return rows[:, :width].astype(np.int32), distances[:, :width].astype(np.float32)


def save_layout(folder: Path, layout: Layout, xy: NDArray[np.float32], seed: int) -> None:
    """Writes the coordinates; the card is renamed into place last."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"map-{layout}.npy", xy)
    partial = folder / f"map-{layout}.json.part"
    partial.write_text(json.dumps({"points": len(xy), "seed": seed}), encoding="utf-8")
    partial.replace(folder / f"map-{layout}.json")


def load_layout(folder: Path) -> tuple[Layout, NDArray[np.float32]] | None:
    """The best layout there is, or None."""
    for layout in ("umap", "pca"):
        if (folder / f"map-{layout}.json").is_file():
            return layout, np.load(folder / f"map-{layout}.npy")
    return None


def _scaled(flat: NDArray[np.floating]) -> NDArray[np.float32]:
    """Centred, and scaled so that nearly all points fall within -1 to 1."""
    centred = flat - np.median(flat, axis=0)
    reach = np.quantile(np.abs(centred), 0.995)
    scaled: NDArray[np.float32] = (centred / (reach if reach > 0 else 1.0)).astype(np.float32)
    return scaled
