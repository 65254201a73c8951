"""The bag of words: counts without order, saved without pickles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.catalog.encoders import find_encoder
from backend.errors import EncoderError
from backend.features.encoders import Encoder
from backend.features.kinds.bag_of_words import BagOfWords
from backend.features.loading import load_encoder, load_fitted
from backend.settings import Settings

CORPUS = [
    f"a {size} {colour} {shape} {where} the {other}"
    for size in ("small", "large")
    for colour in ("red", "blue", "green")
    for shape in ("circle", "star")
    for where in ("above", "left of")
    for other in ("square", "ring")
]


def fit(corpus: list[str]) -> BagOfWords:
    encoder = load_encoder(find_encoder("bag-of-words", "text", Settings()), "cpu", corpus)
    assert isinstance(encoder, BagOfWords)
    return encoder


def test_order_does_not_matter_and_words_do() -> None:
    vectors = fit(CORPUS).encode(
        [
            "a red circle above the ring",
            "the ring above a red circle",
            "a blue circle above the ring",
        ]
    )
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert np.linalg.norm(vectors[0] - vectors[2]) > 0.3
    # as many directions as the corpus has: nothing is lost of a sentence of known words
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_unknown_words_alone_are_all_zeros() -> None:
    assert not fit(CORPUS).encode(["giraffe", ""]).any()


def test_saved_and_loaded_it_gives_equal_vectors(tmp_path: Path) -> None:
    encoder = fit(CORPUS)
    encoder.save(tmp_path / "bag")
    assert sorted(path.suffix for path in (tmp_path / "bag").iterdir()) == [".json", ".safetensors"]
    loaded: Encoder = load_fitted(tmp_path / "bag")
    assert loaded.fingerprint == encoder.fingerprint
    assert loaded.spec == encoder.spec and loaded.dimension == encoder.dimension
    np.testing.assert_array_equal(loaded.encode(CORPUS), encoder.encode(CORPUS))


def test_what_the_first_version_saved_is_still_read(tmp_path: Path) -> None:
    encoder = fit(CORPUS)
    encoder.save(tmp_path)
    told = json.loads((tmp_path / "bag_of_words.json").read_text())
    for name in ("modality", "library", "pooling", "all_layers"):
        del told["spec"][name]
    told["spec"] |= {"side": "text", "precision": "float32"}
    (tmp_path / "bag_of_words.json").write_text(json.dumps(told))
    loaded = load_fitted(tmp_path)
    assert loaded.spec.modality == "text" and loaded.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(loaded.encode(CORPUS), encoder.encode(CORPUS))


def test_the_corpus_decides_and_its_order_does_not() -> None:
    one, two = fit(CORPUS), fit(CORPUS[::-1])
    assert one.fingerprint == two.fingerprint
    np.testing.assert_array_equal(one.encode(CORPUS), two.encode(CORPUS))
    assert fit(CORPUS[1:]).fingerprint != one.fingerprint


@pytest.mark.parametrize("corpus", [["one"], ["one two", "two three"], ["same"] * 5])
def test_tiny_corpora_are_enough(corpus: list[str]) -> None:
    assert np.isfinite(fit(corpus).encode(corpus)).all()


def test_captions_without_words_and_damaged_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="no words to count"):
        fit(["?!", "..."]).encode(["a"])
    with pytest.raises(EncoderError, match="needs training captions"):
        load_encoder(find_encoder("bag-of-words", "text", Settings()), "cpu", [])
    fit(CORPUS).save(tmp_path)
    (tmp_path / "bag_of_words.json").write_text(json.dumps({"words": []}))
    with pytest.raises(EncoderError, match="cannot be read"):
        load_fitted(tmp_path)
