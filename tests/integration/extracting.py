"""Extraction in a process of its own, which may be killed; it writes down what it encodes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from PIL import Image

from backend.catalog.records import Record
from backend.features.extraction import Features, extract_captions, extract_items
from backend.features.loading import load_encoder
from backend.features.store import FeatureStore
from backend.features.work import Outcome, Work
from backend.media.blobs import Blob
from tests.unit.features import tiny

BATCH: Final = 48
#: a BMP of 8 x 8 pixels
PICTURE_BYTES: Final = 54 + 8 * 8 * 3


@dataclass(frozen=True)
class Task:
    """What is extracted from where to where.

    Attributes:
        model: folder of a tiny encoder.
        pictures: a file that :func:`paint` made, for images.
        root: of the store.
        log: file that gets a line for each item that was encoded.
        first, last: which items, the last one not among them.
    """

    modality: Literal["image", "text"]
    model: Path
    pictures: Path
    root: Path
    log: Path
    first: int
    last: int


def extract(task: Task) -> Features:
    """Extracts the items of a task, writing down each batch when it is encoded."""
    torch.set_num_threads(2)
    encoder: Any = load_encoder(tiny.spec(task.model, task.modality, layers=(1, 2)), "cpu")
    _remember_batch(task.root / encoder.outputs[0].fingerprint[:32])
    encoder.works = partial(_logged, encoder.works, task.log)
    store = FeatureStore(task.root)
    if task.modality == "text":
        return extract_captions(encoder, [_caption(n) for n in range(task.first, task.last)], store)
    return extract_items(encoder, [_record(task, n) for n in range(task.first, task.last)], store)


def _remember_batch(folder: Path) -> None:
    """As if it had been found by trying: otherwise it differs from machine to machine."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "batches.json").write_text(json.dumps({"cpu": BATCH}))


def _name(item: Any) -> str:
    return str(item).replace(" ", "_")


def _caption(number: int) -> str:
    words = tiny.WORDS[5:]
    told = [words[number // 7**place % len(words)] for place in range(2 + number % 9)]
    return " ".join([*told, str(number)])


def paint(file: Path, count: int) -> None:
    """Small pictures one after the other in one file, each of as many bytes as all others."""
    generator = np.random.default_rng(0)
    with file.open("wb") as target:
        for _ in range(count):
            pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(target, "BMP")


def _record(task: Task, number: int) -> Record:
    blob = Blob(task.pictures, number * PICTURE_BYTES, PICTURE_BYTES)
    return Record(str(number), "image", blob, "train", ("a caption",))


def _logged(
    works: Callable[..., Iterator[Work]], log: Path, items: Sequence[Any], wanted: Sequence[bool]
) -> Iterator[Work]:
    for work in works(items, wanted):
        yield Work(work.items, partial(_run, work, log, items))


def _run(work: Work, log: Path, items: Sequence[Any]) -> Outcome:
    outcome = work.run()
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, "".join(f"{_name(items[item])}\n" for item in outcome.items).encode())
    os.close(file)
    return outcome
