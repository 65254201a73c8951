"""What a run's frozen features come to on a map."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backend.alignment.rows import FeatureRows, TokenRows
from backend.exploration.layouts.sampling import sample
from backend.reporting import silent
from backend.runs import layouts
from backend.runs.evaluations import opened
from tests.unit.exploration.made import CAPTIONS, IMAGES, make_gallery


@pytest.fixture
def run(tmp_path: Path) -> layouts.RunLayouts:
    made = object.__new__(layouts.RunLayouts)
    made._vectors, made.settings, made.store, made.run_id = {}, None, None, "r-1"  # type: ignore[assignment]
    made.__dict__["gallery"] = make_gallery(tmp_path)
    return made


def test_frozen_features_are_unit_rows_and_tokens_are_averaged(
    run: layouts.RunLayouts, monkeypatch: pytest.MonkeyPatch
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
