"""From records and captions to rows that can be told by their ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.catalog.datasets import load_dataset
from backend.catalog.rows import ImageRecord
from backend.errors import DatasetError
from backend.features.encoders import load_encoder
from backend.features.extraction import extract_images, extract_texts
from backend.features.store import FeatureStore
from backend.settings import Settings
from tests.unit.features import tiny


def _records(paths: list[Path]) -> list[ImageRecord]:
    return [ImageRecord(path.name, path, "train", ("a caption",)) for path in paths]


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


def test_bad_images_are_set_aside_and_the_rows_are_those_of_the_ids(
    tmp_path: Path, store: FeatureStore
) -> None:
    paths = tiny.pictures(tmp_path / "pictures", 40)
    encoder = load_encoder(tiny.spec(tiny.vit(tmp_path / "vit"), "image"), "cpu", max_pixels=2000)
    whole = extract_images(encoder, _records(paths), store)
    assert whole.ids == tuple(path.name for path in paths) and whole.faults == ()
    paths[3].write_bytes(paths[3].read_bytes()[:100])
    paths[17].write_bytes(b"")
    paths[20].unlink()
    tiny.Image.new("RGB", (50, 50)).save(paths[39])
    for _ in range(2):  # the second time from the store
        features = extract_images(encoder, _records(paths), store)
        assert [fault.where for fault in features.faults] == [
            "003.png",
            "017.png",
            "020.png",
            "039.png",
        ]
        assert "at most 2,000 are allowed" in features.faults[3].what
        assert len(features.ids) == len(features.vectors) == 36
        before = whole.rows()
        for image_id, row in features.rows().items():
            assert np.array_equal(features.vectors[row], whole.vectors[before[image_id]])


def test_equal_images_share_a_feature_under_their_own_ids(
    tmp_path: Path, store: FeatureStore
) -> None:
    paths = tiny.pictures(tmp_path / "pictures", 5)
    paths[4].write_bytes(paths[1].read_bytes())
    encoder = load_encoder(tiny.spec(tiny.vit(tmp_path / "vit"), "image"), "cpu")
    told: list[int] = []
    features = extract_images(
        encoder, _records(paths), store, lambda done, total, unit: told.append(total)
    )
    assert features.ids == tuple(path.name for path in paths)
    assert np.array_equal(features.vectors[1], features.vectors[4])
    assert not np.array_equal(features.vectors[1], features.vectors[2])
    assert told[-1] == 4


def test_nothing_readable_is_told_with_every_image(tmp_path: Path, store: FeatureStore) -> None:
    paths = tiny.pictures(tmp_path / "pictures", 3)
    for path in paths:
        path.write_bytes(b"no picture")
    encoder = load_encoder(tiny.spec(tiny.vit(tmp_path / "vit"), "image"), "cpu")
    with pytest.raises(DatasetError) as caught:
        extract_images(encoder, _records(paths), store)
    assert len(caught.value.faults) == 3


def test_a_second_run_needs_no_model(tmp_path: Path, store: FeatureStore) -> None:
    folder = tiny.bert(tmp_path / "bert")
    captions = ["a red dog", "star", "a red dog", "blue"]
    first = extract_texts(load_encoder(tiny.spec(folder, "text"), "cpu"), captions, store)
    assert first.ids == tuple(captions) and first.vectors.shape == (4, 20)
    assert np.array_equal(first.vectors[0], first.vectors[2])
    again = load_encoder(tiny.spec(folder, "text"), "cpu")
    (folder / "model.safetensors").unlink()  # it could not be loaded any more
    second = extract_texts(again, captions[::-1], store)
    assert np.array_equal(second.vectors, first.vectors[::-1])


def test_stored_features_do_not_depend_on_where_the_work_was_broken_off(tmp_path: Path) -> None:
    encoder = load_encoder(tiny.spec(tiny.bert(tmp_path / "bert"), "text"), "cpu")
    captions = [" ".join(tiny.WORDS[5 : 6 + n % 12] * (1 + n // 100)) + f" {n}" for n in range(400)]
    whole = extract_texts(encoder, captions, FeatureStore(tmp_path / "whole")).vectors

    def stop(done: int, total: int, unit: str) -> None:
        if done >= 130:
            raise InterruptedError

    broken = FeatureStore(tmp_path / "broken")
    with pytest.raises(InterruptedError):
        extract_texts(encoder, captions, broken, stop)
    resumed = extract_texts(encoder, captions, broken).vectors
    assert resumed.tobytes() == whole.tobytes()


@pytest.mark.real_data
def test_photographs_and_a_published_encoder(
    shared: Path, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are relative to the working folder, as a person types them."""
    monkeypatch.chdir(shared.parent)
    records = load_dataset("shared/data/flickr8k", Settings()).images[:8]
    for name, dimension, pooling in (
        ("vit-tiny-patch16-224-augreg", 192, "cls"),
        ("mobilenet-v2-1.0-224", 1280, "pooler"),
    ):
        encoder = load_encoder(tiny.spec(f"shared/models/{name}", "image"), "cpu")
        features = extract_images(encoder, records, store)
        assert features.vectors.shape == (8, dimension) and features.faults == ()
        assert getattr(encoder, "pooling", None) == pooling
        vectors = features.vectors.astype(np.float32)
        assert np.linalg.matrix_rank(vectors - vectors.mean(0)) == 7  # all different
