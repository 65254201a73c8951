"""The map: how points are laid out, what they are coloured by, and how a layout moves."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backend.schemas.base import Frozen

LayoutMethod = Literal["pca", "umap", "tsne", "pacmap"]
#: whose neighbours a layout draws near: half of each modality; whatever is nearest; whatever is nearest
#: once each modality's mean is taken away
NeighbourGraph = Literal["cross-modal", "joint", "centred"]
#: of all embeddings; or what the frozen encoders gave, each modality by itself
Space = Literal["shared", "image encoder", "text encoder"]

#: points drawn unless asked otherwise, and at most
USUAL_POINTS = 20_000
MOST_POINTS = 100_000


class LayoutRequest(Frozen):
    """How a run's gallery is laid out."""

    method: LayoutMethod = "umap"
    space: Space = "shared"
    graph: NeighbourGraph = "cross-modal"
    neighbours: int = Field(16, ge=4, le=100, description="that a point is drawn near to")
    min_dist: float = Field(
        0.15, ge=0, le=0.99, description="UMAP's: how tightly points are packed"
    )
    dimensions: Literal[2, 3] = 2
    seed: int | None = Field(None, ge=0, lt=2**31, description="None: the run's own")
    like: str | None = Field(
        None,
        description="another run: laid out from its map's coordinates, then fitted to them by Procrustes",
    )


#: what a run's own job lays out
USUAL_LAYOUT: Final = LayoutRequest()


class MapView(Frozen):
    """A run's map. Point i of it is the gallery's point ``points[i]``; images come before captions."""

    run: str
    layout: LayoutRequest = Field(
        description="what is shown: PCA until what was asked for is ready"
    )
    ready: bool = Field(True, description="whether what was asked for is shown")
    graph: str = Field(description="in words: which neighbours are drawn near each other")
    points: NDArray[np.int32] = Field(description="(n,) rising: all images are before all captions")
    images: int = Field(description="of the points; the first so many")
    xy: NDArray[np.float32] = Field(description="(n, 2) or (n, 3)")
    total: int = Field(description="points of the gallery; more than n where the map is a sample")
    total_images: int = Field(
        description="of those; gallery point p is an image where p is below it"
    )
    trustworthiness: float | None = Field(
        None, description="Venna and Kaski's, of the layout against the space, at 10 neighbours"
    )
    neighbours_kept: float | None = Field(
        None,
        description="share of the 10 nearest in space that are among the 10 nearest on the map",
    )
    judged: int = Field(0, description="points that both were measured at")
    note: str = Field(
        "", description="why what was asked for is neither shown nor being made, in a sentence"
    )


class LayoutReport(Frozen):
    """What came out of laying a gallery out; the coordinates lie in files of that key."""

    key: str
    points: int
    graph: str = Field(description="in words: which neighbours are drawn near each other")
    seconds: float
    trustworthiness: float | None = None
    neighbours_kept: float | None = None
    judged: int = 0


class Colouring(Frozen):
    """Colours of a map's points: codes into ``labels``, or numbers where ``labels`` is empty."""

    name: str
    labels: tuple[str, ...]
    values: NDArray[np.float32] = Field(
        description="(n,) of the view's points; not a number where there is none"
    )


class ClusterLabel(Frozen):
    """What is written across a region of the map."""

    text: str = Field(description="the words by which its captions stand out")
    x: float
    y: float
    z: float | None = Field(None, description="where the map has three dimensions")
    points: int


class Frames(Frozen):
    """A map that moves: the same points at several stops."""

    run: str
    kind: Literal["training", "gap", "runs"]
    points: NDArray[np.int32] = Field(description="(n,) as in a view")
    images: int
    total: int
    stops: tuple[float, ...] = Field(description="where each stands on the slider: a step, a share")
    names: tuple[str, ...] = Field(description="of the stops, for a person")
    xy: NDArray[np.float32] = Field(description="(stops, n, 2)")
    figures: tuple[dict[str, float], ...] = Field(
        (), description="retrieval at each stop by name, as in reports, as shares"
    )
    split: str = Field("", description="that the figures are of, with its counts, in words")
    words: str = Field("", description="what is drawn, in words")
    ready: bool = Field(True, description="whether what was asked for is drawn, or PCA until it is")
