"""What the built-in image encoders are worth.

For each: linear probes (logistic regression on frozen features; shape, colour and texture of the object in
one-object pictures, number of objects in all pictures), and what linear heads with InfoNCE make of it
with each built-in text encoder: text-to-image R@1 among the 1,000 test images, and the share of 200
queries of a colour and a shape whose first answer shows an object with both.

Probes and heads are fitted on the training split, heads are chosen on validation, all figures are of the test
split. The encoders saw neither.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from backend.alignment.methods import Context, fit, resolve_options
from backend.catalog.datasets import Dataset, load_dataset
from backend.catalog.encoders import find_encoder
from backend.evaluation.retrieval import evaluate
from backend.features.encoders import Encoder
from backend.features.extraction import extract_captions, extract_items
from backend.features.loading import load_encoder
from backend.features.store import FeatureStore
from backend.reporting import silent
from backend.runs.pairing import Captions, Rows
from backend.scenes.graph import Scene, sample_scene
from backend.scenes.parsing import matches, parse
from backend.scenes.vocabulary import COLOURS, SHAPES
from backend.settings import Settings

IMAGE_ENCODERS: Final = ("scene-resnet-ssl", "scene-resnet-classes", "scene-resnet-untrained")
TEXT_ENCODERS: Final = ("minilm", "bag-of-words")
QUERIES: Final = 200
_WORDINGS: Final = ("a {} {}", "there is a {} {}")


def measure(quick: bool) -> dict[str, float]:
    """Percentages by encoder; ``quick`` takes the small set and one seed."""
    settings = Settings()
    settings.make_dirs()
    dataset = load_dataset("scenes-small" if quick else "scenes", settings)
    store, captions = FeatureStore(settings.features_dir), Captions.of(dataset.records)
    training = Captions.of([record for record in dataset.records if record.split == "train"])
    readers = {
        name: load_encoder(find_encoder(name, "text", settings), "cpu", training.texts)
        for name in (TEXT_ENCODERS[:1] if quick else TEXT_ENCODERS)
    }
    figures: dict[str, float] = {}
    for name in IMAGE_ENCODERS:
        encoder = load_encoder(find_encoder(name, "image", settings), "cpu")
        seen = extract_items(encoder, dataset.records, store)
        image = np.asarray(seen.vectors, np.float32)
        for probe, accuracy in _probes(image, dataset).items():
            figures[f"{name}, {probe}, %"] = 100 * accuracy
        for text_name, reader in readers.items():
            read = extract_captions(reader, captions.texts, store, ids=captions.ids)
            rows = Rows.of(dataset.records, seen.ids, read.ids)
            text = np.asarray(read.vectors, np.float32)
            for label, value in _retrieval(
                rows, image, text, reader, seeds=1 if quick else 3
            ).items():
                figures[f"{name} + {text_name}, {label}, %"] = 100 * value
    return figures


def _probes(image: NDArray[np.float32], dataset: Dataset) -> dict[str, float]:
    scenes = [_scene(record.id) for record in dataset.records]
    single = np.array([len(scene.objects) == 1 for scene in scenes])
    split = np.array([record.split for record in dataset.records])
    labels: dict[str, Sequence[Any]] = {
        name: [getattr(scene.objects[0], name) for scene in scenes]
        for name in ("shape", "colour", "texture")
    }
    labels["count"] = [len(scene.objects) for scene in scenes]
    accuracy = {}
    for name, values in labels.items():
        target = np.array(values)
        used = np.ones(len(scenes), bool) if name == "count" else single
        train, test = used & (split == "train"), used & (split == "test")
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        probe.fit(image[train], target[train])
        accuracy[f"probe {name}"] = float(probe.score(image[test], target[test]))
    return accuracy


def _retrieval(
    rows: Rows, image: NDArray[Any], text: NDArray[Any], text_encoder: Encoder, seeds: int
) -> dict[str, float]:
    wordings = [
        wording.format(colour, shape)
        for wording in _WORDINGS
        for shape in SHAPES
        for colour in COLOURS
    ][:QUERIES]
    features = text_encoder.encode(wordings)
    scenes = [_scene(record.id) for record in rows.split("test")]
    train, val, test = (rows.pairs(split, image, text) for split in ("train", "val", "test"))
    recalls, found = [], []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            options = resolve_options("linear-infonce", {})
            context = Context(options, seed, "cpu", Path(folder), silent, lambda step, values: None)
            heads = fit("linear-infonce", train, val, context)
        gallery = heads.transform("image", test.image)
        report = evaluate(gallery, heads.transform("text", test.text), test.image_of_text, "test")
        recalls.append(report.text_to_image.recall_at_1)
        best = (heads.transform("text", features) @ gallery.T).argmax(axis=1)
        found.append(
            np.mean([matches(parse(q), scenes[row]) for q, row in zip(wordings, best, strict=True)])
        )
    return {
        "text-to-image R@1": float(np.mean(recalls)),
        "colour + shape at rank 1": float(np.mean(found)),
    }


def _scene(image_id: str) -> Scene:
    """The graph of a built-in picture, from its name (``train-00012.png``)."""
    split, _, number = Path(image_id).stem.partition("-")
    return sample_scene(f"world/{split}", int(number))
