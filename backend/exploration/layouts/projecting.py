"""The methods of layout behind one call. Each takes the neighbour graph as it is, and searches none itself.

pca      of the vectors
umap     umap-learn; cuML's where a GPU and cuML are there
tsne     openTSNE   (van der Maaten & Hinton 2008; Policar et al. 2024): an extra, requirements-maps.txt
pacmap   pacmap     (Wang et al. 2021): an extra, too
"""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import Cancelled, InvalidInput
from backend.exploration.layouts.pca import pca
from backend.reporting import Report, silent
from backend.schemas import LayoutMethod, LayoutRequest

if TYPE_CHECKING:
    from backend.exploration.layouts.graphs import Graph

Coordinates = NDArray[np.float32]

#: with fewer points a neighbour graph says nothing, and PCA is drawn
LEAST: Final = 20
#: neighbours that t-SNE looks at for each of its perplexity
_A_PERPLEXITY: Final = 3
_EARLY: Final = 250  # iterations of t-SNE that exaggerate
_LATE: Final = 500
_EXAGGERATION: Final = 12
_MID_NEAR: Final = 0.5  # pairs of PaCMAP for each near pair; its own values
_FURTHER: Final = 2.0
#: t-SNE interpolates forces from so many points on, and in the plane alone; else it sums over a tree
_INTERPOLATED: Final = 10_000


class _Method(NamedTuple):
    words: str
    module: str | None
    package: str | None


_METHODS: Final[dict[LayoutMethod, _Method]] = {
    "pca": _Method("PCA", None, None),
    "umap": _Method("UMAP", None, "umap-learn"),
    "tsne": _Method("t-SNE", "openTSNE", "openTSNE"),
    "pacmap": _Method("PaCMAP", "pacmap", "pacmap"),
}


class Projected(NamedTuple):
    """Coordinates, and what made them.

    Attributes:
        coordinates: (n, d), unscaled.
        made_by: libraries with their versions.
        note: where another way was taken than the best one here, why.
    """

    coordinates: Coordinates
    made_by: dict[str, str]
    note: str = ""


def methods() -> dict[LayoutMethod, str]:
    """The methods that can be carried out here, with their names for a person."""
    return {
        name: method.words
        for name, method in _METHODS.items()
        if method.module is None or find_spec(method.module)
    }


def method_words(method: LayoutMethod) -> str:
    """A method's name for a person."""
    return _METHODS[method].words


def check(request: LayoutRequest) -> None:
    """Refuses what cannot be carried out here.

    Raises:
        InvalidInput: the method's package is not installed.
    """
    if request.method not in methods():
        method = _METHODS[request.method]
        raise InvalidInput(
            f"{method.words} needs the package {method.package}, which is not installed. "
            "pip install -r requirements-maps.txt -c constraints.txt brings it."
        )


def neighbours_of(request: LayoutRequest) -> int:
    """How many neighbours the graph of a request has."""
    return request.neighbours * (_A_PERPLEXITY if request.method == "tsne" else 1)


def project(
    request: LayoutRequest,
    vectors: NDArray[np.float32],
    graph: Graph | None,
    start: Coordinates,
    *,
    again: bool = False,
    device: str = "cpu",
    report: Report = silent,
) -> Projected:
    """Lays points out.

    Args:
        request: with a seed.
        vectors: (n, d) unit rows.
        graph: of :func:`neighbours_of` neighbours; PCA needs none.
        start: (n, dimensions) where the points begin.
        again: whether they begin at a layout, so that UMAP needs but half of its epochs.
        device: "cuda" where a GPU may be used.
        report: told epochs or iterations; may raise ``Cancelled``.
    """
    if request.method == "pca" or graph is None or len(vectors) < LEAST:
        few = request.method != "pca"
        note = f"with fewer than {LEAST} points it is PCA that is drawn" if few else ""
        return Projected(pca(vectors, request.dimensions), {"numpy": np.__version__}, note)
    if request.method == "tsne":
        return _tsne(request, graph, start, again, report)
    if request.method == "pacmap":
        return _pacmap(request, vectors, graph, start, report)
    note = ""
    if device.startswith("cuda") and find_spec("cuml"):
        try:
            return _cuml(request, vectors, graph, start, again, report)
        except Cancelled:
            raise
        except Exception as error:  # whatever a driver or another version of it says
            note = f"cuML's UMAP failed ({type(error).__name__}), so umap-learn laid it out"
    from backend.exploration.layouts.umaps import EPOCHS, QUICK_EPOCHS, umap_layout

    epochs = QUICK_EPOCHS if again else EPOCHS
    flat = umap_layout(graph, start, request.min_dist, _seed(request), epochs, report)
    return Projected(flat, _versions("umap-learn", "numba"), note)


def _tsne(
    request: LayoutRequest, graph: Graph, start: Coordinates, again: bool, report: Report
) -> Projected:
    """Perplexity is the request's ``neighbours``."""
    from openTSNE import TSNEEmbedding, affinity, initialization, nearest_neighbors

    k = graph.rows.shape[1] - 1
    near = nearest_neighbors.PrecomputedNeighbors(
        graph.rows[:, 1:].copy(), graph.distances[:, 1:].astype(np.float64)
    )
    pulls = affinity.PerplexityBasedNN(
        knn_index=near, perplexity=min(request.neighbours, k / _A_PERPLEXITY), n_jobs=-1
    )
    fine = request.dimensions == 2 and len(start) >= _INTERPOLATED
    done, total = 0, _LATE + (0 if again else _EARLY)

    def told(iteration: int, *_: object) -> bool:
        report(done + iteration, total, "iterations")
        return False

    flat = TSNEEmbedding(
        initialization.rescale(start.astype(np.float64)),
        pulls,
        negative_gradient_method="fft" if fine else "bh",
        n_jobs=-1,
        random_state=_seed(request),
        callbacks=told,
        callbacks_every_iters=10,
    )
    report(0, total, "iterations")
    if not again:
        flat = flat.optimize(_EARLY, exaggeration=_EXAGGERATION, momentum=0.5)
        done = _EARLY
    flat = flat.optimize(_LATE, momentum=0.8)
    return Projected(np.asarray(flat, np.float32), _versions("openTSNE"))


def _pacmap(
    request: LayoutRequest,
    vectors: NDArray[np.float32],
    graph: Graph,
    start: Coordinates,
    report: Report,
) -> Projected:
    """Its near pairs are the graph's; its mid-near and further pairs it draws from the vectors."""
    import logging

    from pacmap import PaCMAP

    n = len(vectors)
    # with half as many mid-near and twice as many further ones there have to be points enough
    k = min(graph.rows.shape[1] - 1, int((n - 2) / (1 + _MID_NEAR + _FURTHER)))
    pairs = np.stack([np.repeat(np.arange(n), k), graph.rows[:, 1 : k + 1].ravel()], axis=1)
    report(0, 1, "layouts")
    logging.getLogger("pacmap").setLevel(logging.ERROR)
    made = PaCMAP(
        n_components=request.dimensions,
        n_neighbors=k,
        MN_ratio=_MID_NEAR,
        FP_ratio=_FURTHER,
        pair_neighbors=pairs.astype(np.int32),
        random_state=_seed(request),
    )
    flat = made.fit_transform(vectors, init=start)
    report(1, 1, "layouts")
    return Projected(np.asarray(flat, np.float32), _versions("pacmap", "numba"))


def _cuml(
    request: LayoutRequest,
    vectors: NDArray[np.float32],
    graph: Graph,
    start: Coordinates,
    again: bool,
    report: Report,
) -> Projected:
    """UMAP on the GPU, on the same graph and from the same start."""
    from cuml.manifold import UMAP

    from backend.exploration.layouts.umaps import EPOCHS, QUICK_EPOCHS

    report(0, 1, "layouts")
    made = UMAP(
        n_neighbors=graph.rows.shape[1],
        n_components=request.dimensions,
        min_dist=request.min_dist,
        n_epochs=QUICK_EPOCHS if again else EPOCHS,
        init=start,
        random_state=_seed(request),
        precomputed_knn=(graph.rows.astype(np.int64), graph.distances),
        output_type="numpy",
    )
    flat = made.fit_transform(vectors)
    report(1, 1, "layouts")
    return Projected(np.asarray(flat, np.float32), _versions("cuml"))


def _seed(request: LayoutRequest) -> int:
    return request.seed or 0


def _versions(*packages: str) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except ImportError:  # of GPU builds the package has another name than the module
            found[package] = "unknown"
    return found
