"""Layouts by every method that is installed: repeatable, finite, and told how far they are."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from tqdm.std import TqdmDefaultWriteLock

from backend.errors import Cancelled, InvalidInput
from backend.exploration.layouts import projecting
from backend.exploration.layouts.graphs import graph, nearest
from backend.exploration.layouts.pca import pca, scaled
from backend.exploration.layouts.projecting import (
    check,
    methods,
    neighbours_of,
    project,
)
from backend.exploration.plane import Plane
from backend.schemas import LayoutMethod, LayoutRequest

N, D, GROUPS = 150, 16, 3


@pytest.fixture(scope="module")
def groups() -> np.ndarray:
    return np.repeat(np.arange(GROUPS), N // GROUPS)


@pytest.fixture(scope="module")
def vectors(groups: np.ndarray) -> np.ndarray:
    draw = np.random.default_rng(0)
    rows = 2 * draw.normal(size=(GROUPS, D))[groups] + 0.5 * draw.normal(size=(N, D))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def made(vectors: np.ndarray, request: LayoutRequest, **options: Any) -> np.ndarray:
    blocks = nearest(vectors, len(vectors) // 2, "joint", neighbours_of(request))
    near = graph(blocks, neighbours_of(request))
    start = pca(vectors, request.dimensions)
    return project(request, vectors, near, start, **options).coordinates


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("method", ["pca", "umap", "tsne", "pacmap"])
def test_a_layout_is_repeatable_and_keeps_groups_apart(
    vectors: np.ndarray, groups: np.ndarray, method: LayoutMethod, dimensions: Any
) -> None:
    from sklearn.cluster import KMeans

    if method not in methods():
        pytest.skip(f"{method} is an extra that is not installed here")
    request = LayoutRequest(method=method, neighbours=10, dimensions=dimensions, seed=3)
    one = made(vectors, request)
    np.testing.assert_array_equal(one, made(vectors, request))
    assert one.shape == (N, dimensions) and one.dtype == np.float32 and np.isfinite(one).all()
    found = KMeans(GROUPS, n_init=5, random_state=0).fit_predict(one)
    assert adjusted_rand_score(groups, found) > 0.9
    if method == "umap":
        other = made(vectors, request.model_copy(update={"seed": 4}))
        assert not np.array_equal(one, other)


def test_the_plane_is_that_of_principal_components(vectors: np.ndarray) -> None:
    for dimensions in (2, 3):
        theirs = PCA(dimensions).fit_transform(vectors.astype(np.float64))
        ours = pca(vectors, dimensions)
        for axis in range(dimensions):
            turned = np.corrcoef(ours[:, axis], theirs[:, axis])[0, 1]
            assert abs(turned) == pytest.approx(1, abs=1e-5)
    assert np.abs(ours).max() < 2 and np.median(ours, axis=0) == pytest.approx(0, abs=1e-6)


def test_a_wide_space_has_the_same_plane_without_its_covariance() -> None:
    draw = np.random.default_rng(0)
    wide = (draw.normal(size=(200, 5)) * [9, 6, 4, 1, 1]) @ draw.normal(size=(5, 1500))
    wide = (wide + draw.normal(size=wide.shape)).astype(np.float32)
    theirs = PCA(3).fit_transform(wide.astype(np.float64))
    ours = Plane.of(wide, 3).flat(wide)
    for axis in range(3):
        assert abs(np.corrcoef(ours[:, axis], theirs[:, axis])[0, 1]) > 0.9999


@pytest.mark.parametrize("width", [1, 2])
def test_a_narrow_space_is_filled_up_with_zeros(width: int) -> None:
    rows = np.random.default_rng(0).normal(size=(30, width)).astype(np.float32)
    flat = pca(rows, 3)
    assert flat.shape == (30, 3) and not flat[:, width:].any() and flat[:, 0].any()


def test_nothing_is_scaled_away() -> None:
    assert not scaled(np.ones((5, 2))).any()


def test_with_hardly_any_points_pca_is_drawn_and_said(vectors: np.ndarray) -> None:
    few = vectors[:10]
    near = graph(nearest(few, 5, "joint", 4), 4)
    found = project(LayoutRequest(seed=0), few, near, pca(few, 2))
    np.testing.assert_array_equal(found.coordinates, pca(few, 2))
    assert "PCA" in found.note


@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_a_layout_tells_how_far_it_is_and_can_be_stopped(
    vectors: np.ndarray, method: LayoutMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method not in methods():
        pytest.skip(f"{method} is an extra that is not installed here")
    monkeypatch.setattr("backend.exploration.layouts.umaps._TOLD_EVERY", 0.0)
    request = LayoutRequest(method=method, neighbours=10, seed=0)
    told: list[tuple[int, int, str]] = []
    made(vectors, request, report=lambda *each: told.append(each))
    counts = [done for done, _, _ in told]
    assert counts == sorted(counts) and len(set(counts)) > 5
    assert counts[-1] == told[-1][1]

    def stop(done: int, total: int, unit: str) -> None:
        if done > total / 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        made(vectors, request, report=stop)

    # the bars of a model that is loaded next, in whatever thread, can be drawn
    def next_bar() -> bool:
        lock = TqdmDefaultWriteLock.th_lock
        free = bool(lock.acquire(timeout=1.0))
        if free:
            lock.release()
        return free

    with ThreadPoolExecutor(1) as other:
        assert other.submit(next_bar).result()


def test_from_a_layout_umap_goes_on_with_half_of_the_epochs(vectors: np.ndarray) -> None:
    totals = set()
    request = LayoutRequest(neighbours=10, seed=0)
    for again in (False, True):
        told: list[int] = []
        made(
            vectors, request, again=again, report=lambda _, total, __, told=told: told.append(total)
        )
        totals.add(told[-1])
    assert totals == {100, 200}


def test_what_is_not_installed_is_told_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projecting, "find_spec", lambda name: None)
    assert list(methods()) == ["pca", "umap"]
    with pytest.raises(InvalidInput, match="openTSNE.*requirements-maps.txt"):
        check(LayoutRequest(method="tsne"))
    check(LayoutRequest())


def test_cuml_lays_out_where_it_and_a_gpu_are_there(
    vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    class Umap:
        def __init__(self, **options: Any) -> None:
            given.update(options)

        def fit_transform(self, rows: np.ndarray) -> np.ndarray:
            if given["n_epochs"] == 100:
                raise RuntimeError("out of memory")
            return np.zeros((len(rows), 2))

    module = ModuleType("cuml.manifold")
    module.UMAP = Umap  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cuml", ModuleType("cuml"))
    monkeypatch.setitem(sys.modules, "cuml.manifold", module)
    monkeypatch.setattr(projecting, "find_spec", lambda name: SimpleNamespace())
    request = LayoutRequest(neighbours=10, seed=5, min_dist=0.3)
    assert made(vectors, request).any(), "no GPU was named"
    assert not given
    assert not made(vectors, request, device="cuda:0").any()
    near, _ = given["precomputed_knn"]
    assert near.shape == (N, 11) and given["n_neighbors"] == 11
    assert (given["random_state"], given["min_dist"], given["n_components"]) == (5, 0.3, 2)

    start = pca(vectors, 2)
    near = graph(nearest(vectors, N // 2, "joint", 10), 10)
    found = project(request, vectors, near, start, again=True, device="cuda")
    assert found.coordinates.any() and "RuntimeError" in found.note and "umap-learn" in found.note
