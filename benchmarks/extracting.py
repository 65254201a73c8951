"""Processes that the benchmark of features starts, each for one figure. The last line is the answer.

fill FOLDER ADDRESS           stores made-up features of a data set under the real encoders' names
start FOLDER ADDRESS          what a second run does before it trains
memory FOLDER KIND COUNT      extracts so many items with a small encoder; its largest size
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from backend.catalog.datasets import load_dataset
from backend.catalog.encoders import find_encoder
from backend.catalog.records import Record
from backend.features.encoders import Encoder
from backend.features.extraction import extract_captions, extract_items
from backend.features.loading import load_encoder
from backend.features.store import FeatureStore
from backend.features.work import Outcome, Work
from backend.media.blobs import Blob
from backend.runs.pipeline import share_cores
from backend.schemas import Modality
from backend.settings import REPOSITORY, Settings

_BATCH: Final = 512
_DIMENSION: Final = {"image": 192, "text": 384}
_VIT: Final = REPOSITORY.parent / "shared" / "models" / "vit-tiny-patch16-224-augreg"


class _Filler(Encoder):
    """Makes numbers up, under the name of a real encoder."""

    unit = "items"

    def __init__(self, real: Encoder, dimension: int) -> None:
        self.spec, self.outputs, self._dimension = real.spec, real.outputs, dimension

    @property
    def dimension(self) -> int:
        return self._dimension

    def prepare(self) -> None: ...

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        for start in range(0, len(items), _BATCH):
            batch = tuple(range(start, min(start + _BATCH, len(items))))
            yield Work(batch, partial(self._run, batch))

    def _run(self, batch: tuple[int, ...]) -> Outcome:
        rows = np.random.default_rng(batch[0]).standard_normal((len(batch), self._dimension))
        return Outcome(batch, (rows.astype(np.float32),))


def _encoders(settings: Settings) -> dict[Modality, Encoder]:
    image = str(_VIT) if _VIT.is_dir() else "scene-resnet-ssl"
    named: dict[Modality, str] = {"image": image, "text": "minilm"}
    return {
        modality: load_encoder(find_encoder(name, modality, settings), "cpu")
        for modality, name in named.items()
    }


def _fill(folder: Path, address: str) -> dict[str, float]:
    settings = Settings(home=folder)
    settings.make_dirs()
    dataset, store = load_dataset(address, settings), FeatureStore(settings.features_dir)
    encoders = _encoders(settings)
    captions = [caption for record in dataset.records for caption in record.captions]
    extract_items(_Filler(encoders["image"], _DIMENSION["image"]), dataset.records, store)
    extract_captions(_Filler(encoders["text"], _DIMENSION["text"]), captions, store)
    return {}


def _start(folder: Path, address: str) -> dict[str, float]:
    """The libraries are imported before, as the app's worker does while it waits for a run."""
    import backend.alignment.training  # noqa: F401, PLC0415

    settings = Settings(home=folder)
    times = [time.perf_counter()]
    dataset = load_dataset(address, settings)
    captions = [caption for record in dataset.records for caption in record.captions]
    times.append(time.perf_counter())
    encoders = _encoders(settings)
    times.append(time.perf_counter())
    store = FeatureStore(settings.features_dir)
    image = extract_items(encoders["image"], dataset.records, store)
    text = extract_captions(encoders["text"], captions, store)
    times.append(time.perf_counter())
    return {
        "images": len(image.ids),
        "captions": len(text.ids),
        "seconds": times[3] - times[0],
        "dataset": times[1] - times[0],
        "encoders": times[2] - times[1],
        "features": times[3] - times[2],
    }


def _memory(folder: Path, kind: str, count: int) -> dict[str, float]:
    store = FeatureStore(folder / "features")
    if kind == "texts":
        encoder = load_encoder(find_encoder(str(_bert(folder / "bert")), "text", Settings()), "cpu")
        captions = [f"caption {number} of a red circle" for number in range(count)]
        found = extract_captions(encoder, captions, store)
    else:
        encoder = load_encoder(find_encoder(str(_vit(folder / "vit")), "image", Settings()), "cpu")
        found = extract_items(encoder, _pictures(folder / "pictures", count), store)
    assert len(found.ids) == len(found.vectors) == count
    return {"peak": _peak()}


def _peak() -> float:
    """The largest resident size so far, in MB.

    ``getrusage`` would tell that of the process that started this one where that was larger.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def _bert(folder: Path) -> Path:
    """A BERT of one layer and 384 numbers, with random weights."""
    import torch  # noqa: PLC0415
    from transformers import BertConfig, BertModel, BertTokenizer  # noqa: PLC0415

    torch.manual_seed(0)
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] caption of a red circle".split() + list("0123456789")
    vocabulary = {
        word: number for number, word in enumerate([*words, *map("##{}".format, range(10))])
    }
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=_DIMENSION["text"],
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=384,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab=vocabulary, model_max_length=32).save_pretrained(folder)
    return folder


def _vit(folder: Path) -> Path:
    """A ViT of one layer and 384 numbers for pictures of 32 x 32, with random weights."""
    import torch  # noqa: PLC0415
    from transformers import ViTConfig, ViTImageProcessorPil, ViTModel  # noqa: PLC0415

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=384,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=384,
        image_size=32,
        patch_size=16,
    )
    ViTModel(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def _pictures(folder: Path, count: int) -> list[Record]:
    """Many items that share a few hundred files under keys of their own."""
    from PIL import Image  # noqa: PLC0415

    folder.mkdir()
    generator, blobs = np.random.default_rng(0), []
    for number in range(256):
        path = folder / f"{number}.png"
        pixels = generator.integers(0, 256, (48, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        blobs.append(Blob(path))
    return [
        Record(
            id=str(number),
            modality="image",
            content=blobs[number % len(blobs)],
            split="train",
            captions=("a caption",),
            key=hashlib.sha256(str(number).encode()).hexdigest()[:32],
        )
        for number in range(count)
    ]


def main(what: str, folder: str, *more: str) -> None:
    share_cores()
    match what:
        case "fill":
            told = _fill(Path(folder), more[0])
        case "start":
            told = _start(Path(folder), more[0])
        case _:
            told = _memory(Path(folder), more[0], int(more[1]))
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
