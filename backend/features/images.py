"""Image encoders in transformers' format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from backend.catalog.encoder_files import EncoderFiles
from backend.catalog.encoders import EncoderSpec
from backend.errors import InvalidInput
from backend.features.checkpoints import (
    Checkpoint,
    explained,
    fingerprint,
    load_checkpoint,
    precise,
)
from backend.features.encoders import Encoder, resolve_device
from backend.features.pictures import read_picture
from backend.features.work import Outcome, Work

_BATCH: Final = {"cpu": 16, "cuda": 128}


class ImageEncoder(Encoder):
    """Pictures to features. Decoding, resizing and the model run in the same threads.

    Items are paths or PIL images.
    """

    unit = "images"

    def __init__(
        self, spec: EncoderSpec, files: EncoderFiles, device: str, max_pixels: int
    ) -> None:
        self.spec = spec
        self.fingerprint = fingerprint(spec, files)
        self._files = files
        self._asked_device = device
        self._max_pixels = max_pixels

    @cached_property
    def dimension(self) -> int:
        return int(self.encode([Image.new("RGB", (64, 64))]).shape[1])

    @property
    def pooling(self) -> str:
        """How the model's output becomes one vector; loads the model."""
        return self._loaded.checkpoint.pooling

    def prepare(self) -> None:
        _ = self._loaded

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        loaded = self._loaded  # by this thread, before others ask for it
        size = _BATCH["cpu" if loaded.device == "cpu" else "cuda"]
        for start in range(0, len(items), size):
            batch = [i for i in range(start, min(start + size, len(items))) if wanted[i]]
            if batch:
                pictures = [items[i] for i in batch]
                yield Work(tuple(batch), partial(self._run, loaded, batch, pictures))

    @cached_property
    def _loaded(self) -> _Loaded:
        from transformers import AutoImageProcessor

        processors: Any = AutoImageProcessor
        device = resolve_device(self._asked_device)
        with explained(self._files.folder):
            processor = processors.from_pretrained(
                self._files.folder, local_files_only=True, trust_remote_code=False
            )
        return _Loaded(
            load_checkpoint(self._files, "image", device, self.spec.layers), processor, device
        )

    def _run(self, loaded: _Loaded, batch: list[int], sources: list[Path | Image.Image]) -> Outcome:
        """Decodes a batch, sets aside what cannot be decoded, and encodes the rest."""
        import torch

        kept: list[int] = []
        pixels: list[Any] = []
        faults: dict[int, str] = {}
        for index, source in zip(batch, sources, strict=True):
            try:
                picture = read_picture(source, self._max_pixels)
            except InvalidInput as fault:
                faults[index] = fault.summary
                continue
            kept.append(index)
            # one by one, so that a large picture is let go as soon as it is resized
            pixels.append(loaded.processor(images=picture, return_tensors="pt")["pixel_values"])
        if not kept:
            return Outcome((), np.empty((0, 0), np.float32), faults)
        with torch.inference_mode(), precise(self.spec.precision, loaded.device):
            inputs = {"pixel_values": torch.cat(pixels).to(loaded.device)}
            vectors = loaded.checkpoint.features(inputs, "image")
        return Outcome(tuple(kept), vectors.cpu().numpy(), faults)


@dataclass(frozen=True)
class _Loaded:
    """What is needed to encode, once it is in memory."""

    checkpoint: Checkpoint
    processor: Any
    device: str
