"""Queries against a run's shared space."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from backend.alignment.base import Alignment
from backend.alignment.heads import HeadConfig, affine_head, build_head
from backend.alignment.rows import TokenRows
from backend.errors import InvalidInput
from backend.exploration.gallery import Entry, build_gallery, load_gallery
from backend.exploration.space import Recent, SharedSpace
from backend.features.work import Output


def space(tmp_path: Path, dimension: int) -> SharedSpace:
    """A run whose heads take three numbers, and an encoder that gives ``dimension``."""
    vectors = np.eye(3, dtype=np.float32)
    entries = [Entry(str(i), "text", "words", ("word",), {}) for i in range(3)]
    build_gallery(tmp_path, entries, vectors, vectors)
    head = affine_head(np.zeros(3), np.ones(3), np.eye(3))
    encoder = SimpleNamespace(
        spec=SimpleNamespace(id="some-encoder"),
        outputs=(Output("fingerprint", "some output"),),
        encode=lambda items: np.arange(1, dimension + 1, dtype=np.float32)[None],
    )
    alignment = Alignment("ridge", {"image": head, "text": head}, {})
    return SharedSpace(load_gallery(tmp_path, tmp_path), alignment, lambda side: encoder)


def test_a_query_goes_through_encoder_and_head(tmp_path: Path) -> None:
    opened = space(tmp_path, 3)
    query = opened.embed_text("anything")
    np.testing.assert_allclose(query, np.array([1, 2, 3]) / np.sqrt(14), atol=1e-6)
    assert opened.nearest(query, "image", 2) == ["image:2", "image:1"]


def test_an_encoder_that_changed_since_the_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="some-encoder has changed since this run"):
        space(tmp_path, 4).embed_text("anything")


def test_a_query_of_tokens_is_embedded_as_the_runs_own_items_are(tmp_path: Path) -> None:
    tokens = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    settings = {"role": "text", "tokens": True, "hidden": 4, "dropout": 0.1}
    head = build_head(HeadConfig("projector", 3, 3, settings))
    alignment = Alignment("freeze-align", {"image": head, "text": head}, {})
    encoder = SimpleNamespace(
        spec=SimpleNamespace(id="some-encoder"),
        outputs=(Output("fingerprint", "tokens", ragged=True),),
        encode_tokens=lambda items: [(tokens[: len(item)],) for item in items],
    )
    whole = space(tmp_path, 3)
    opened = SharedSpace(whole.gallery, alignment, lambda side: encoder)
    own = alignment.transform("text", TokenRows(tokens, np.array([5])))[0]
    np.testing.assert_allclose(opened.embed_text("anything"), own, atol=1e-6)
    together = opened.embed_texts(["a", "some", "anything"])
    for text, vector in zip(["a", "some", "anything"], together, strict=True):
        np.testing.assert_allclose(vector, opened.embed_text(text), atol=1e-6)


def test_what_was_asked_last_is_kept_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.exploration.space._REMEMBERED", 2)
    recent, vector = Recent(), np.ones(3, np.float32)
    for key in "ab":
        recent.keep(key, vector)
    assert recent.get("a") is vector  # now b was not asked for longest
    recent.keep("c", vector)
    assert recent.get("b") is None and recent.get("a") is vector and recent.get("c") is vector
