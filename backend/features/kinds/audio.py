"""Audio encoders in transformers' format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.catalog.encoders import EncoderSpec
from backend.catalog.encoders.files import EncoderFiles
from backend.errors import InvalidInput
from backend.features.encoders import Encoder, resolve_device
from backend.features.models.checkpoints import Checkpoint, explained, load_checkpoint
from backend.features.models.frontends import Frontend, Window
from backend.features.models.readings import TOWERS, outputs, readings
from backend.features.work import Outcome, Work
from backend.media.recordings import MAX_MINUTES, Source, read_recording

#: recordings that are read together, and windows that a model takes at once
_BATCH: Final = {"cpu": 4, "cuda": 16}
_WINDOWS: Final = {"cpu": 4, "cuda": 32}
_NOTHING: Final = np.empty((0, 0), np.float32)


class AudioEncoder(Encoder):
    """Recordings to features.

    A recording that is longer than the model takes is cut into windows, whose features are averaged
    by their duration; features of single frames are put one after another.

    Items are files (Blob or path), or mono samples with their rate.
    """

    unit = "recordings"

    def __init__(
        self,
        spec: EncoderSpec,
        files: EncoderFiles,
        device: str,
        max_minutes: float = MAX_MINUTES,
    ) -> None:
        self.spec = spec
        self._readings = readings(spec, files)
        self.outputs = outputs(spec, files, self._readings)
        self._files = files
        self._asked_device = device
        self._max_minutes = max_minutes

    @cached_property
    def dimension(self) -> int:
        rate = self._loaded.frontend.rate
        return self._width((np.zeros(rate, np.float32), rate))

    def prepare(self) -> None:
        _ = self._loaded

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        loaded = self._loaded  # by this thread, before others ask for it
        size = _BATCH[loaded.kind]
        for start in range(0, len(items), size):
            batch = tuple(i for i in range(start, min(start + size, len(items))) if wanted[i])
            if batch:
                yield Work(batch, partial(self._run, loaded, batch, [items[i] for i in batch]))

    @cached_property
    def _loaded(self) -> _Loaded:
        from transformers import AutoFeatureExtractor

        extractors: Any = AutoFeatureExtractor
        device = resolve_device(self._asked_device)
        with explained(self._files.folder):
            extractor = extractors.from_pretrained(
                self._files.folder, local_files_only=True, trust_remote_code=False
            )
        checkpoint = load_checkpoint(
            self._files, "audio", device, self._readings, self.spec.precision
        )
        config = checkpoint.model.config
        config = getattr(config, f"{TOWERS['audio']}_config", config)
        return _Loaded(checkpoint, Frontend(extractor, config))

    def _run(self, loaded: _Loaded, batch: tuple[int, ...], sources: list[Source]) -> Outcome:
        """Decodes a batch, sets aside what cannot be decoded, and encodes the rest."""
        kept: list[int] = []
        cut: list[list[Window]] = []
        faults: dict[int, str] = {}
        for item, source in zip(batch, sources, strict=True):
            try:
                samples = read_recording(source, loaded.frontend.rate, self._max_minutes)
            except InvalidInput as fault:
                faults[item] = fault.summary
                continue
            kept.append(item)
            cut.append(loaded.frontend.windows(samples))
        if not kept:
            return Outcome((), (), faults=faults)
        windows = [window for windows in cut for window in windows]
        parts = loaded.encode(windows)
        joined = [
            _joined(part, windows, list(map(len, cut)), reading.ragged)
            for part, reading in zip(parts, self._readings, strict=True)
        ]
        blocks, lengths = zip(*joined, strict=True)
        return Outcome(tuple(kept), tuple(blocks), tuple(lengths), faults)


@dataclass(frozen=True)
class _Loaded:
    """What is needed to encode, once it is in memory."""

    checkpoint: Checkpoint
    frontend: Frontend

    @property
    def kind(self) -> str:
        return "cpu" if self.checkpoint.device == "cpu" else "cuda"

    def encode(self, windows: Sequence[Window]) -> list[list[NDArray[np.float32]]]:
        """For each output one array a window: (rows, d), one row unless it is ragged."""
        count = len(self.checkpoint.readings)
        found: list[list[NDArray[np.float32]]] = [[_NOTHING] * len(windows) for _ in range(count)]
        for batch in self.frontend.batches(windows, _WINDOWS[self.kind]):
            outcome = self.checkpoint.outcome(batch.windows, batch.inputs, "audio", mask=batch.mask)
            for output, (block, lengths) in enumerate(
                zip(outcome.blocks, outcome.lengths, strict=True)
            ):
                pieces = np.split(block, np.cumsum(lengths or [1] * len(block))[:-1])
                for place, piece in zip(batch.windows, pieces, strict=True):
                    found[output][place] = piece
        return found


def _joined(
    parts: Sequence[NDArray[np.float32]],
    windows: Sequence[Window],
    counts: Sequence[int],
    ragged: bool,
) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Windows back to recordings: (n, d), or all rows and the number of each recording's.

    Args:
        parts: one array a window.
        windows: all of all recordings.
        counts: windows of each recording.
        ragged: whether every row is kept.
    """
    rows: list[NDArray[np.float32]] = []
    start = 0
    for count in counts:
        own, real = parts[start : start + count], [w.real for w in windows[start : start + count]]
        start += count
        if ragged:
            rows.append(np.concatenate(own))
        else:
            mean = np.average(np.concatenate(own).astype(np.float64), axis=0, weights=real)
            rows.append(mean[None].astype(np.float32))
    return np.concatenate(rows), tuple(map(len, rows)) if ragged else ()
