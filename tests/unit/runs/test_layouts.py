"""What a run's frozen features come to on a map."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backend.alignment.rows import FeatureRows, TokenRows
from backend.exploration.layouts.projecting import methods
from backend.exploration.layouts.sampling import sample
from backend.reporting import silent
from backend.runs import layouts
from backend.runs.evaluations import opened
from backend.schemas import LayoutMethod, LayoutRequest
from backend.settings import Settings
from tests.unit.exploration.made import CAPTIONS, IMAGES, make_gallery


def run_of(folder: Path, captions: list[int]) -> Any:
    """A run of which there is nothing but its gallery."""
    made: Any = object.__new__(layouts.RunLayouts)
    made.settings, made.store, made.run_id = Settings(device="cpu"), None, "r-1"
    made.summary = SimpleNamespace(seed=0, modality="text", name="A run")
    made.folder, made.made_of, made._vectors = folder, "heads", {}
    made.__dict__["gallery"] = make_gallery(folder, captions=captions)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return run_of(tmp_path, CAPTIONS)


@pytest.mark.parametrize("method", ["umap", "tsne", "pacmap"])
@pytest.mark.parametrize(
    "captions", [[1], [0, 0], [3], [2] * 9, [0] * 25, [1] + [0] * 30, [40], [1] * 12]
)
def test_every_gallery_has_a_map_however_few_or_lopsided(
    tmp_path: Path, captions: list[int], method: LayoutMethod
) -> None:
    if method not in methods():
        pytest.skip(f"{method} is an extra that is not installed here")
    made = run_of(tmp_path, captions)
    for neighbours in (16, 100):
        found = made.make(LayoutRequest(method=method, neighbours=neighbours))
        total = len(captions) + sum(captions)
        assert found.coordinates.shape == (total, 2)
        assert np.isfinite(found.coordinates).all()
        told = found.card.report.graph
        assert ("it is PCA that is drawn" in told) == (total < 20)
        scarce = total >= 20 and (neighbours == 100 or method == "tsne")
        assert ("as far as there are so many" in told) == scarce


def test_frozen_features_are_unit_rows_and_tokens_are_averaged(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(0)
    features = draw.normal(size=(IMAGES, 7)).astype(np.float32)
    features[3] = 0
    lengths = draw.integers(0, 5, sum(CAPTIONS))
    tokens = draw.normal(size=(lengths.sum(), 6)).astype(np.float32)
    pairs = SimpleNamespace(image=FeatureRows(features), text=TokenRows(tokens, lengths))
    run_opened = SimpleNamespace(pairs=lambda split, report: pairs)
    monkeypatch.setattr(opened, "open_run", lambda *_: run_opened)
    # the gallery is drawn in part, so that rows have to be picked
    monkeypatch.setattr(layouts, "MOST_POINTS", 20)

    def stage(name: str) -> Any:
        return silent

    rows, note = run._read("image encoder", stage)
    drawn = sample(IMAGES, run.gallery.owners, 20, ("image",))
    lengths_of = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    np.testing.assert_allclose(rows, (features / lengths_of)[drawn], rtol=1e-5)
    assert note == "" and len(rows) == 20

    rows, note = run._read("text encoder", stage)
    drawn = sample(IMAGES, run.gallery.owners, 20, ("text",)) - IMAGES
    first = np.cumsum(lengths) - lengths
    for row, caption in zip(rows, drawn, strict=True):
        own = tokens[first[caption] : first[caption] + lengths[caption]]
        mean = own.mean(axis=0) if len(own) else np.zeros(6)
        np.testing.assert_allclose(row, mean / max(np.linalg.norm(mean), 1e-12), atol=1e-5)
    assert "mean of its tokens" in note
