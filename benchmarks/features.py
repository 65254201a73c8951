"""Extraction of features against the usual ways, in one run on the same items and the same batch size.

    texts        ours (through the store) against sentence-transformers' ``encode``
    images       ours (through the store) against a loop of transformers' processor and model with a
                 torch DataLoader of two workers
    second run   from a data set's address to features in memory, everything stored: a new process
    memory       the largest resident size of a process that extracts 1,000 and 100,000 items

Rounds take turns, so that what else the machine does falls on both; the ratio of a round is ours over
theirs, in items a second. Flickr8k and ViT-Ti where they lie beside the repository, else the built-in
world and encoder.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from backend.catalog.datasets import Dataset, load_dataset
from backend.catalog.encoders import EncoderSpec, find_encoder
from backend.catalog.records import Record
from backend.features.encoders import Encoder
from backend.features.extraction import extract_captions, extract_items
from backend.features.loading import load_encoder
from backend.features.store import FeatureStore
from backend.media.blobs import Blob
from backend.media.decoding import Decoded, Decoders, decode
from backend.media.pixels import Plan
from backend.runs.pipeline import share_cores
from backend.settings import REPOSITORY, Settings

#: sentence-transformers' own default
TEXT_BATCH: Final = 32
IMAGE_BATCH: Final = 16
LOADER_WORKERS: Final = 2

_BESIDE: Final = REPOSITORY.parent / "shared"


def measure(quick: bool) -> dict[str, float]:
    """Items a second, ratios, seconds and megabytes."""
    share_cores()
    settings = Settings()
    settings.make_dirs()
    dataset = load_dataset(_dataset(), settings)
    rounds = 2 if quick else 7
    figures = _texts(dataset, settings, 512 if quick else 2048, rounds)
    figures.update(_images(dataset, settings, 96 if quick else 320, rounds))
    figures.update(_decoding(dataset, 256 if quick else 2000))
    figures.update(_second_run())
    figures.update(_memory(20_000 if quick else 100_000))
    return figures


def _dataset() -> str:
    beside = _BESIDE / "data" / "flickr8k"
    return str(beside) if beside.is_dir() else "scenes"


def _image_encoder(settings: Settings) -> EncoderSpec:
    beside = _BESIDE / "models" / "vit-tiny-patch16-224-augreg"
    name = str(beside) if beside.is_dir() else "scene-resnet-ssl"
    return find_encoder(name, "image", settings)


def _texts(dataset: Dataset, settings: Settings, count: int, rounds: int) -> dict[str, float]:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    # each once: the store would encode those that come again once, and the other side twice
    told = dict.fromkeys(caption for record in dataset.records for caption in record.captions)
    captions = list(told)[:count]
    spec = find_encoder("minilm", "text", settings)
    encoder = _warm(load_encoder(spec, "cpu"), captions[:64], TEXT_BATCH)
    peer = SentenceTransformer(spec.location, device="cpu")

    def ours() -> None:
        with tempfile.TemporaryDirectory() as folder:
            extract_captions(encoder, captions, FeatureStore(Path(folder)))

    def theirs() -> None:
        peer.encode(captions, batch_size=TEXT_BATCH)

    return _compared("texts", "sentence-transformers", len(captions), ours, theirs, rounds)


def _images(dataset: Dataset, settings: Settings, count: int, rounds: int) -> dict[str, float]:
    records = [replace(record, key="") for record in dataset.records[:count]]
    spec = _image_encoder(settings)
    pictures = [record.content for record in records]
    encoder = _warm(load_encoder(spec, "cpu"), pictures[:16], IMAGE_BATCH)
    half = load_encoder(replace(spec, precision="bfloat16"), "cpu")
    _warm(half, pictures[:16], IMAGE_BATCH)
    plain = _plain_loop(Path(spec.location), [_path(record) for record in records])

    def ours() -> None:
        with tempfile.TemporaryDirectory() as folder:
            extract_items(encoder, records, FeatureStore(Path(folder)))

    def halved() -> None:
        with tempfile.TemporaryDirectory() as folder:
            extract_items(half, records, FeatureStore(Path(folder)))

    figures = _compared("images", "plain loop", count, ours, plain, rounds)
    seconds = statistics.median(_seconds(halved) for _ in range(2))
    figures["images in bfloat16 (an option), ours, items/s"] = count / seconds
    return figures


def _plain_loop(folder: Path, paths: Sequence[Path]) -> Callable[[], None]:
    """The loop that everybody writes."""
    import torch  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415
    from torch.utils.data import DataLoader  # noqa: PLC0415
    from transformers import AutoImageProcessor, AutoModel  # noqa: PLC0415

    processors: Any = AutoImageProcessor
    processor = processors.from_pretrained(folder, backend="pil")
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()

    class Pictures(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, index: int) -> Any:
            picture = Image.open(paths[index]).convert("RGB")
            return processor(images=picture, return_tensors="pt")["pixel_values"][0]

    def loop() -> None:
        loader = DataLoader(Pictures(), batch_size=IMAGE_BATCH, num_workers=LOADER_WORKERS)
        with torch.inference_mode():
            features = [model(pixel_values=pixels).last_hidden_state for pixels in loader]
        assert sum(map(len, features)) == len(paths)

    return loop


def _decoding(dataset: Dataset, count: int) -> dict[str, float]:
    """Decoding and resizing alone: as many worker processes as there are cores, against threads."""
    import torch  # noqa: PLC0415

    plan = Plan(256, None, 3, (224, 224))
    blobs = [record.content for record in dataset.records[:count]]
    batches = [blobs[start : start + IMAGE_BATCH] for start in range(0, len(blobs), IMAGE_BATCH)]
    cores = torch.get_num_threads()
    workers = Decoders(cores)
    figures = {}
    with ThreadPoolExecutor(cores) as pool:
        for name, ask in (("worker processes", workers.decode), ("threads", decode)):
            run = partial(_decode_all, pool, ask, plan)
            run(batches[:cores])
            seconds = statistics.median(_seconds(partial(run, batches)) for _ in range(3))
            figures[f"decoding alone, {cores} {name}, items/s"] = len(blobs) / seconds
    workers.close()
    return figures


def _decode_all(
    pool: ThreadPoolExecutor, ask: Callable[..., Decoded], plan: Plan, batches: Sequence[Any]
) -> None:
    for _ in pool.map(lambda batch: ask(batch, plan, 10**8), batches):
        pass


def _second_run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        _child("fill", folder, _dataset())
        told = _child("start", folder, _dataset())
    return {
        "second run: images": told["images"],
        "second run: captions": told["captions"],
        "second run: from address to features, s": told["seconds"],
        "second run: of which data set, s": told["dataset"],
        "second run: of which encoders' fingerprints, s": told["encoders"],
        "second run: of which stored features, s": told["features"],
    }


def _memory(many: int) -> dict[str, float]:
    figures = {}
    for modality in ("texts", "images"):
        peaks = {}
        for count in (1000, many):
            with tempfile.TemporaryDirectory() as folder:
                peaks[count] = _child("memory", folder, modality, str(count))["peak"]
            figures[f"peak memory, {count:,} {modality}, MB"] = peaks[count]
        figures[f"peak memory, {modality}, difference, MB"] = peaks[many] - peaks[1000]
    return figures


def _child(*arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.extracting", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        check=True,
    )
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _compared(
    items: str,
    peer: str,
    count: int,
    ours: Callable[[], None],
    theirs: Callable[[], None],
    rounds: int,
) -> dict[str, float]:
    """Medians of both, and the ratio with its range."""
    for run in (theirs, ours):
        run()
    seconds: list[tuple[float, float]] = []
    for number in range(rounds):
        if number % 2:
            own, other = _seconds(ours), _seconds(theirs)
        else:
            other, own = _seconds(theirs), _seconds(ours)
        seconds.append((own, other))
    ratios = [other / own for own, other in seconds]
    return {
        f"{items}, ours, items/s": count / statistics.median(own for own, _ in seconds),
        f"{items}, {peer}, items/s": count / statistics.median(other for _, other in seconds),
        f"{items}, ratio, median": statistics.median(ratios),
        f"{items}, ratio, lowest": min(ratios),
        f"{items}, ratio, highest": max(ratios),
    }


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _warm(encoder: Encoder, items: Sequence[Any], batch: int) -> Encoder:
    """Loaded, run once, and with the peer's batch size."""
    vars(encoder)["batch_size"] = batch
    encoder.encode(items)
    return encoder


def _path(record: Record) -> Path:
    assert isinstance(record.content, Blob)
    return record.content.path
