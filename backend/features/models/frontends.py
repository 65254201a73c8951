"""Between a recording and a model: windows of the model's length, its inputs, and what of its frames is real.

Recordings are cut rather than truncated, so that all of a recording counts, and nothing is left to
chance (CLAP's own extractor cuts at random places).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Final

import numpy as np

from backend.media.recordings import Samples

#: of models that take any length; attention over more would take too long
_LONGEST_S: Final = 30.0
#: of a spectrogram's first frame: 25 ms at 16 kHz
_SHORTEST: Final = 400
_HOP: Final = 160


@dataclass(frozen=True)
class Window:
    """A part of a recording.

    Attributes:
        samples: of it, at the model's rate; filled up with silence where a model needs more.
        real: number of samples that are the recording's.
    """

    samples: Samples
    real: int


@dataclass(frozen=True)
class Batch:
    """Inputs of a few windows.

    Attributes:
        windows: their positions.
        inputs: what the model takes.
        mask: (n, tokens), 1 for what stands for the recording and not for padding; None where all
            does.
    """

    windows: tuple[int, ...]
    inputs: dict[str, Any]
    mask: Any | None


class Frontend:
    """What a feature extractor of transformers does, for windows of recordings.

    Args:
        extractor: from the model's folder.
        config: of the audio part of the model.
    """

    def __init__(self, extractor: Any, config: Any) -> None:
        self.rate = int(extractor.sampling_rate)
        self._extractor = extractor
        self._config = config
        self._kind = type(extractor).__name__
        self._length = round(self._seconds() * self.rate)
        self._shortest = max(_SHORTEST, _receptive_field(config))

    def windows(self, samples: Samples) -> list[Window]:
        """The recording in pieces of the model's length, the last one as long as it is."""
        edges = [*range(0, len(samples), self._length), len(samples)]
        return [self._window(samples[start:end]) for start, end in pairwise(edges)]

    def batches(self, windows: Sequence[Window], size: int) -> Iterator[Batch]:
        """Inputs for at most ``size`` windows each, so that what else is in a batch changes nothing."""
        for places in self._groups(windows, size):
            chosen = [windows[place] for place in places]
            inputs = dict(self._inputs(chosen))
            yield Batch(tuple(places), inputs, self._mask(chosen, inputs))

    def _seconds(self) -> float:
        extractor = self._extractor
        if self._kind == "ASTFeatureExtractor":
            return float(extractor.max_length) * _HOP / self.rate
        if self._kind == "ClapFeatureExtractor":
            return float(extractor.nb_max_samples) / self.rate
        return float(getattr(extractor, "chunk_length", None) or _LONGEST_S)

    def _window(self, samples: Samples) -> Window:
        missing = max(self._shortest - len(samples), 0)
        return Window(np.pad(samples, (0, missing)), len(samples))

    @property
    def _unpadded(self) -> bool:
        """Whether silence behind a wave would change what the model makes of it.

        So it is without a mask; and with one where the first norm is taken over all of the time.
        """
        if self._kind != "Wav2Vec2FeatureExtractor":
            return False
        config = self._config
        over_time = getattr(config, "feat_extract_norm", "group") == "group"
        adapted = bool(getattr(config, "add_adapter", False))
        return over_time or adapted or not self._extractor.return_attention_mask

    def _groups(self, windows: Sequence[Window], size: int) -> Iterator[list[int]]:
        order = sorted(range(len(windows)), key=lambda place: len(windows[place].samples))
        groups = [order]
        if self._unpadded:  # only equal lengths go together
            groups = [
                list(places) for _, places in groupby(order, lambda i: len(windows[i].samples))
            ]
        for places in groups:
            for start in range(0, len(places), size):
                yield places[start : start + size]

    def _inputs(self, windows: Sequence[Window]) -> Any:
        import torch

        samples = [window.samples for window in windows]
        options: dict[str, Any] = {"sampling_rate": self.rate, "return_tensors": "pt"}
        if self._kind == "Wav2Vec2FeatureExtractor":
            options |= {"padding": not self._unpadded, "return_attention_mask": not self._unpadded}
        inputs = self._extractor(samples, **options)
        if self._kind == "ClapFeatureExtractor":
            # no window is longer than the model takes; the extractor draws one that it calls so
            inputs["is_longer"] = torch.zeros(len(samples), 1, dtype=torch.bool)
        return inputs

    def _mask(self, windows: Sequence[Window], inputs: dict[str, Any]) -> Any | None:
        import torch

        lengths = torch.tensor([len(window.samples) for window in windows])
        if self._kind == "WhisperFeatureExtractor":
            frames = inputs["input_features"].shape[-1]
            # one column a hop, begun ones too, and the model halves them
            columns = -(-lengths // self._extractor.hop_length)
            return _upto((columns + 1) // 2, frames // 2)
        if self._kind == "ASTFeatureExtractor":
            return self._patch_mask(lengths)
        if self._kind == "Wav2Vec2FeatureExtractor" and not self._unpadded:
            return _upto(_frames(lengths, self._config), int(_frames(lengths.max(), self._config)))
        return None

    def _patch_mask(self, lengths: Any) -> Any:
        """AST's tokens: two special ones, then patches, all times of the lowest frequencies first."""
        import torch

        config = self._config
        rows = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        columns = (config.max_length - config.patch_size) // config.time_stride + 1
        frames = (lengths - _SHORTEST) // _HOP + 1
        real = ((frames - config.patch_size) // config.time_stride + 1).clamp(1, columns)
        patches = _upto(real, columns).repeat(1, rows)
        return torch.cat([torch.ones(len(lengths), 2, dtype=torch.long), patches], dim=1)


def _upto(lengths: Any, total: int) -> Any:
    """(n, total), 1 in each row's first places."""
    import torch

    return (torch.arange(total) < lengths.clamp(max=total).unsqueeze(1)).long()


def _frames(lengths: Any, config: Any) -> Any:
    """How many frames a convolutional front end makes of so many samples."""
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        lengths = (lengths - kernel) // stride + 1
    return lengths


def _receptive_field(config: Any) -> int:
    """Samples that the first frame of a convolutional front end sees; 0 without one."""
    kernels = getattr(config, "conv_kernel", None)
    if not isinstance(kernels, list | tuple):
        return 0
    field, step = 1, 1
    for kernel, stride in zip(kernels, config.conv_stride, strict=True):
        field += (kernel - 1) * step
        step *= stride
    return field
