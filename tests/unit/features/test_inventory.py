"""The list of what is stored."""

from __future__ import annotations

from pathlib import Path

from backend.catalog.encoders import EncoderSpec
from backend.features.bag_of_words import BagOfWords
from backend.features.extraction import extract_texts
from backend.features.inventory import stored_features
from backend.features.store import FeatureStore


def test_each_encoder_is_listed_with_its_rows_and_size(tmp_path: Path) -> None:
    assert stored_features(tmp_path / "nothing") == []
    corpus = [f"a {colour} thing number {n}" for colour in ("red", "blue") for n in range(20)]
    encoder = BagOfWords.of(EncoderSpec("bag-of-words", "text", "bag-of-words", ""), corpus)
    extract_texts(encoder, [*corpus, *corpus[:5]], FeatureStore(tmp_path))
    (entry,) = stored_features(tmp_path)
    assert (entry.encoder, entry.side, entry.rows) == ("bag-of-words", "text", 40)
    assert entry.bytes >= 40 * encoder.dimension * 2
