"""The list of what is stored, and taking it out without touching anything else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from backend.catalog.encoders import EncoderSpec
from backend.errors import InvalidInput
from backend.features.extraction import extract_captions
from backend.features.kinds.bag_of_words import BagOfWords
from backend.features.store import FeatureStore
from backend.features.store.inventory import remove_features, stored_features
from tests.unit.features.test_outputs import Layered
from tests.unit.features.test_store import ask

CORPUS = [f"a {colour} thing number {n}" for colour in ("red", "blue") for n in range(20)]


def _bag_of_words() -> BagOfWords:
    return BagOfWords.of(EncoderSpec("bag-of-words", "text", "bag-of-words", ""), CORPUS)


def test_each_output_is_listed_with_its_items_size_and_runs(tmp_path: Path) -> None:
    assert stored_features(tmp_path / "nothing") == []
    encoder = _bag_of_words()
    extract_captions(encoder, [*CORPUS, *CORPUS[:5]], FeatureStore(tmp_path))
    key = encoder.outputs[0].fingerprint[:32]
    (entry,) = stored_features(tmp_path, {key: ["run-1", "run-2"], "other": ["run-3"]})
    assert (entry.key, entry.encoder, entry.modality) == (key, "bag-of-words", "text")
    assert (entry.items, entry.dimension) == (40, encoder.dimension)
    assert entry.runs == ("run-1", "run-2")
    assert entry.bytes >= 40 * encoder.dimension * 2
    assert entry.changed_at is not None and abs(entry.changed_at.timestamp() - time.time()) < 100
    ask(FeatureStore(tmp_path), Layered("layer 1", "tokens 2"), range(3000))
    listed = stored_features(tmp_path)
    layers = {one.output: (one.items, one.dimension) for one in listed if one.key != key}
    assert layers == {"layer 1": (3000, 2), "tokens 2": (3000, 2)}
    assert [one.bytes for one in listed] == sorted((one.bytes for one in listed), reverse=True)


def test_removing_frees_what_was_listed_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "features"
    ask(FeatureStore(root), Layered("layer 1", "layer 2"), range(2000))
    one, two = stored_features(root)
    assert remove_features(root, [one.key]) == one.bytes
    assert stored_features(root) == [two]
    assert remove_features(root, [one.key]) == 0
    again = Layered("layer 2", "layer 1")
    ask(FeatureStore(root), again, range(2000))
    assert len(again.asked) == 2000


@pytest.mark.parametrize("key", ["..", "../outside", "", ".", "locks", "a/../..", "0" * 31 + "/"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, key: str) -> None:
    root = tmp_path / "features"
    ask(FeatureStore(root), Layered("layer 1"), range(10))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "output.json").write_text("{}")
    (entry,) = stored_features(root)
    with pytest.raises(InvalidInput, match="no entry"):
        remove_features(root, [entry.key, key])
    assert stored_features(root) == [entry] and (tmp_path / "outside" / "output.json").exists()


def test_links_are_never_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "features", tmp_path / "outside"
    outside.mkdir()
    (outside / "output.json").write_text("{}")
    ask(FeatureStore(root), Layered("layer 1"), range(10))
    (entry,) = stored_features(root)
    (root / ("0" * 32)).symlink_to(outside)
    (root / entry.key / "linked").symlink_to(outside)
    assert stored_features(root) == [entry]
    assert remove_features(root, ["0" * 32, entry.key]) > 0
    assert (outside / "output.json").exists() and (root / ("0" * 32)).is_symlink()
    assert not (root / entry.key).exists()


def test_leftovers_are_swept_and_an_older_store_is_listed(tmp_path: Path) -> None:
    root = tmp_path / "features"
    ask(FeatureStore(root), Layered("layer 1"), range(10))
    (root / ".removed-1234").mkdir()
    (root / ".removed-1234" / "left").touch()
    begun, fresh, old = (root / (digit * 32) for digit in "123")
    for folder in (begun, fresh, old):
        folder.mkdir()
    (old / "encoder.json").write_text('{"spec": {"id": "minilm", "side": "text"}}')
    os.utime(begun, (0, 0))
    os.utime(old, (0, 0))
    assert remove_features(root, []) == 0
    assert not (root / ".removed-1234").exists() and not begun.exists()
    assert fresh.exists()  # somebody may be at it
    (earlier,) = [one for one in stored_features(root) if one.key == old.name]
    assert (earlier.encoder, earlier.output, earlier.items) == (
        "minilm",
        "of an earlier version",
        0,
    )
    assert remove_features(root, [old.name]) == earlier.bytes and not old.exists()
