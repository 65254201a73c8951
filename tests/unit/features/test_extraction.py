"""From records and captions to rows that can be told by their ids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.catalog.datasets import load_dataset
from backend.catalog.datasets.hashes import text_key
from backend.catalog.encoders import find_encoder
from backend.catalog.records import Record, caption_id
from backend.errors import DatasetError
from backend.features.extraction import extract_captions, extract_items
from backend.features.loading import load_encoder
from backend.features.store import FeatureStore
from backend.media.blobs import Blob
from backend.settings import Settings
from tests.unit.features import tiny


def _records(paths: list[Path]) -> list[Record]:
    return [Record(path.name, "image", Blob(path), "train", ("a caption",)) for path in paths]


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


def test_bad_images_are_set_aside_and_the_rows_are_those_of_the_ids(
    tmp_path: Path, store: FeatureStore
) -> None:
    paths = tiny.pictures(tmp_path / "pictures", 40)
    encoder = load_encoder(tiny.spec(tiny.vit(tmp_path / "vit"), "image"), "cpu", max_pixels=2000)
    whole = extract_items(encoder, _records(paths), store)
    assert whole.ids == tuple(path.name for path in paths) and whole.faults == ()
    paths[3].write_bytes(paths[3].read_bytes()[:100])
    paths[17].write_bytes(b"")
    paths[20].unlink()
    tiny.Image.new("RGB", (50, 50)).save(paths[39])
    for _ in range(2):  # the second time from the store
        features = extract_items(encoder, _records(paths), store)
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
    features = extract_items(
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
        extract_items(encoder, _records(paths), store)
    assert len(caught.value.faults) == 3


def test_a_second_run_needs_no_model(tmp_path: Path, store: FeatureStore) -> None:
    folder = tiny.bert(tmp_path / "bert")
    captions = ["a red dog", "star", "a red dog", "blue"]
    first = extract_captions(load_encoder(tiny.spec(folder, "text"), "cpu"), captions, store)
    assert first.ids == tuple(captions) and first.vectors.shape == (4, 20)
    assert np.array_equal(first.vectors[0], first.vectors[2])
    again = load_encoder(tiny.spec(folder, "text"), "cpu")
    (folder / "model.safetensors").unlink()  # it could not be loaded any more
    second = extract_captions(again, captions[::-1], store)
    assert np.array_equal(second.vectors, first.vectors[::-1])


def test_stored_features_do_not_depend_on_where_the_work_was_broken_off(tmp_path: Path) -> None:
    encoder = load_encoder(tiny.spec(tiny.bert(tmp_path / "bert"), "text"), "cpu")
    captions = [" ".join(tiny.WORDS[5 : 6 + n % 12] * (1 + n // 100)) + f" {n}" for n in range(400)]
    whole = extract_captions(encoder, captions, FeatureStore(tmp_path / "whole")).vectors

    def stop(done: int, total: int, unit: str) -> None:
        if done >= 130:
            raise InterruptedError

    broken = FeatureStore(tmp_path / "broken")
    with pytest.raises(InterruptedError):
        extract_captions(encoder, captions, broken, stop)
    resumed = extract_captions(encoder, captions, broken).vectors
    assert resumed.tobytes() == whole.tobytes()


@pytest.mark.real_data
def test_photographs_and_a_published_encoder(
    shared: Path, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are relative to the working folder, as a person types them."""
    monkeypatch.chdir(shared.parent)
    records = load_dataset("shared/data/flickr8k", Settings()).records[:8]
    for name, dimension, pooling in (
        ("vit-tiny-patch16-224-augreg", 192, "cls"),
        ("mobilenet-v2-1.0-224", 1280, "pooler"),
    ):
        encoder = load_encoder(tiny.spec(f"shared/models/{name}", "image"), "cpu")
        features = extract_items(encoder, records, store)
        assert features.vectors.shape == (8, dimension) and features.faults == ()
        assert getattr(encoder, "pooling", None) == pooling
        vectors = features.vectors.astype(np.float32)
        assert np.linalg.matrix_rank(vectors - vectors.mean(0)) == 7  # all different


def test_rows_are_told_by_the_captions_ids_where_these_are_given(
    tmp_path: Path, store: FeatureStore
) -> None:
    encoder = load_encoder(tiny.spec(tiny.bert(tmp_path / "bert"), "text"), "cpu")
    captions = ["a red dog", "star", "a red dog"]
    ids = [caption_id("one", 0), caption_id("one", 1), caption_id("two", 0)]
    features = extract_captions(encoder, captions, store, ids=ids)
    assert features.ids == ("one#0", "one#1", "two#0") and features.vectors.shape == (3, 20)
    assert np.array_equal(features.vectors[0], features.vectors[2])
    assert np.array_equal(features.vectors, extract_captions(encoder, captions, store).vectors)


def test_items_may_be_texts_and_parts_of_files_and_have_keys_already(
    tmp_path: Path, store: FeatureStore
) -> None:
    reader = load_encoder(tiny.spec(tiny.bert(tmp_path / "bert"), "text"), "cpu")
    texts = [
        Record("a", "text", "a red dog", "train", ("x",)),
        Record("b", "text", "star", "train", ("x",), key=text_key("a red dog")),
        Record("c", "features", None, "train", ("x",)),
    ]
    features = extract_items(reader, texts, store)
    assert features.ids == ("a", "b")
    # the key is believed: nobody reads what is stored already
    assert np.array_equal(features.vectors[0], features.vectors[1])
    assert [fault.where for fault in features.faults] == ["c"]
    assert "precomputed features alone" in features.faults[0].what
    paths = tiny.pictures(tmp_path / "pictures", 3)
    whole = b"".join(path.read_bytes() for path in paths)
    (tmp_path / "archive").write_bytes(whole)
    blobs, start = [], 0
    for path in paths:
        blobs.append(Blob(tmp_path / "archive", start, path.stat().st_size))
        start += path.stat().st_size
    blobs.append(Blob(tmp_path / "archive", start, 100))
    parts = [Record(str(n), "image", blob, "train", ("x",)) for n, blob in enumerate(blobs)]
    viewer = load_encoder(tiny.spec(tiny.vit(tmp_path / "vit"), "image"), "cpu")
    found = extract_items(viewer, parts, store)
    assert found.ids == ("0", "1", "2") and "ends before byte" in found.faults[0].what
    told: list[int] = []
    again = extract_items(
        viewer, _records(paths), store, lambda done, total, unit: told.append(done)
    )
    assert np.array_equal(again.vectors, found.vectors) and told[-1] == 3


def test_layers_are_stored_one_by_one_and_cost_one_pass(
    tmp_path: Path, store: FeatureStore
) -> None:
    folder = tiny.vit(tmp_path / "vit")
    records = _records(tiny.pictures(tmp_path / "pictures", 5))
    spec = tiny.spec(folder, "image")
    every = extract_items(load_encoder(replace(spec, all_layers=True), "cpu"), records, store)
    assert every.vectors.shape == (5, 3 * 24) and len(every.outputs) == 3
    second = load_encoder(replace(spec, layers=(1,)), "cpu")
    (folder / "model.safetensors").unlink()  # it could not be loaded any more
    alone = extract_items(second, records, store)
    assert np.array_equal(alone.vectors, every.outputs[1])
    assert np.array_equal(alone.vectors, every.vectors[:, 24:48])


def test_every_token_is_kept_where_it_is_asked_for(tmp_path: Path, store: FeatureStore) -> None:
    spec = tiny.spec(tiny.bert(tmp_path / "bert"), "text", pooling="tokens")
    captions = ["a red dog", "star", "dog runs near a blue star"]
    features = extract_captions(load_encoder(spec, "cpu"), captions, store)
    (lengths,) = features.lengths
    # words differ by their numbers, special tokens count for each alike
    assert (lengths - lengths[1]).tolist() == [2, 0, 5]
    assert features.vectors.shape == (lengths.sum(), 20)
    alone = extract_captions(load_encoder(spec, "cpu"), captions[1:2], store)
    start = lengths[0]
    assert np.array_equal(alone.vectors, features.vectors[start : start + lengths[1]])


def test_precomputed_features_are_found_by_id_and_never_stored(
    tmp_path: Path, store: FeatureStore
) -> None:
    vectors = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.save(tmp_path / "found.npy", vectors)
    (tmp_path / "found.txt").write_text("a\nb\nc#0\nd\n")
    spec = find_encoder(f"{tmp_path / 'found.npy'}?ids=found.txt", "image", Settings())
    encoder = load_encoder(spec, "cpu")
    records = [Record(name, "features", None, "train", ("x",)) for name in "adzb"]
    features = extract_items(encoder, records, store)
    assert features.ids == ("a", "d", "b")
    assert np.array_equal(features.vectors, vectors[[0, 3, 1]])
    assert [fault.where for fault in features.faults] == ["z"]
    captions = extract_captions(encoder, ["x", "y"], store, ids=["c#0", "c#1"])
    assert captions.ids == ("c#0",) and np.array_equal(captions.vectors, vectors[[2]])
    with pytest.raises(DatasetError, match='like "a", theirs like "nobody"'):
        extract_captions(encoder, ["x"], store, ids=["nobody"])
    assert not store.root.exists()
