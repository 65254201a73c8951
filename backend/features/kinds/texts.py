"""Text encoders that are one transformer and a pooling, as nearly all sentence encoders are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.catalog.encoders import EncoderSpec
from backend.catalog.encoders.files import EncoderFiles
from backend.features.encoders import Encoder, resolve_device
from backend.features.models.checkpoints import Checkpoint, explained, load_checkpoint
from backend.features.models.readings import outputs, readings
from backend.features.work import Outcome, Work

#: texts of a batch before others are tried, and what is tried
BATCH: Final = {"cpu": 32, "cuda": 256}
_BATCHES: Final = {"cpu": (16, 32, 64, 128), "cuda": (64, 128, 256, 512, 1024, 2048)}

#: texts and characters that are tokenised together, so that batches of like length can be cut
_WINDOW: Final = 4096
_WINDOW_CHARACTERS: Final = 2_000_000

#: tokens that are read of a text where the model names no limit; of longer texts fewer make a batch
_LONGEST: Final = 512

#: a tokenizer that knows no limit says 10^30
_NO_LIMIT: Final = 10**9


@dataclass(frozen=True)
class Pooled:
    """How sentences go in and a vector comes out.

    Attributes:
        pooling: what the files name as the model's own; None for the family's.
        normalise: to unit length, where that is a part of the encoder.
        max_length: tokens that are read of a text; None for the model's own limit.
        lower: to lower case first, with the prefix.
        prefix: put before every text.
    """

    pooling: str | None = None
    normalise: bool = False
    max_length: int | None = None
    lower: bool = False
    prefix: str = ""


class TextEncoder(Encoder):
    """Texts to features, in batches of like length so that hardly anything is padded."""

    unit = "captions"

    def __init__(self, spec: EncoderSpec, files: EncoderFiles, device: str, pooled: Pooled) -> None:
        self.spec = spec
        self._readings = readings(spec, files, pooled.pooling)
        details = (pooled.normalise, pooled.max_length, pooled.lower)
        self.outputs = outputs(spec, files, self._readings, repr(details))
        self._files = files
        self._asked_device = device
        self._pooled = pooled

    @cached_property
    def dimension(self) -> int:
        return self._width("a")

    @cached_property
    def device(self) -> str:
        """Where it computes."""
        return resolve_device(self._asked_device)

    @cached_property
    def batch_size(self) -> int:
        """Texts of a batch; :mod:`backend.features.store.batches` finds a better one."""
        return BATCH["cpu" if self.device == "cpu" else "cuda"]

    @property
    def batch_sizes(self) -> Sequence[int]:
        """What may be tried."""
        return _BATCHES["cpu" if self.device == "cpu" else "cuda"]

    def prepare(self) -> None:
        _ = self._loaded

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        loaded, size = self._loaded, self.batch_size  # by this thread, before others ask for it
        for window in windows(items, wanted):
            tokens = self._tokens([items[i] for i in window])
            order = sorted(range(len(window)), key=lambda place: len(tokens[place]))
            for start, end in _cuts([len(tokens[place]) for place in order], size):
                places = [place for place in order[start:end] if wanted[window[place]]]
                if places:
                    batch = tuple(window[place] for place in places)
                    inputs, real = self._padded([tokens[place] for place in places])
                    yield Work(batch, partial(self._run, loaded, batch, inputs, real))

    @cached_property
    def _loaded(self) -> _Loaded:
        from transformers import AutoTokenizer

        device = self.device
        checkpoint = load_checkpoint(
            self._files, "text", device, self._readings, self.spec.precision
        )
        with explained(self._files.folder):
            tokenizer = AutoTokenizer.from_pretrained(
                self._files.folder, local_files_only=True, trust_remote_code=False
            )
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        tokenizer.padding_side = "right"
        return _Loaded(checkpoint, tokenizer, device, self._limit(checkpoint, tokenizer))

    def _limit(self, checkpoint: Checkpoint, tokenizer: Any) -> int:
        if self._pooled.max_length is not None:
            return self._pooled.max_length
        named = (int(tokenizer.model_max_length), _positions(checkpoint.model))
        return min((limit for limit in named if limit < _NO_LIMIT), default=_LONGEST)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        pooled = self._pooled
        given = [pooled.prefix + text for text in texts]
        given = [text.lower() for text in given] if pooled.lower else given
        loaded = self._loaded
        encoded = loaded.tokenizer(
            given, truncation=True, max_length=loaded.limit, return_attention_mask=False
        )
        tokens: list[list[int]] = encoded["input_ids"]
        return tokens

    def _padded(self, tokens: Sequence[list[int]]) -> tuple[dict[str, Any], Any]:
        """Model inputs of a batch, and which tokens are real.

        Made here because threads may not share a tokenizer.
        """
        import torch

        full = self._files.family.get("padding") == "max_length"
        longest = max(map(len, tokens))
        length = self._loaded.limit if full else max(longest, 1)
        ids = np.full((len(tokens), length), self._loaded.tokenizer.pad_token_id or 0, np.int64)
        mask = np.zeros((len(tokens), length), np.int64)
        for row, sentence in enumerate(tokens):
            ids[row, : len(sentence)] = sentence
            mask[row, : len(sentence)] = 1
        inputs = {"input_ids": torch.from_numpy(ids)}
        real = torch.from_numpy(mask)
        if not full:  # models that always see full length are trained without a mask
            inputs["attention_mask"] = real
        return inputs, real

    def _run(
        self, loaded: _Loaded, batch: tuple[int, ...], inputs: dict[str, Any], real: Any
    ) -> Outcome:
        outcome = loaded.checkpoint.outcome(batch, inputs, "text", mask=real)
        if not self._pooled.normalise:
            return outcome
        return replace(outcome, blocks=tuple(map(unit_length, outcome.blocks)))


def _positions(model: Any) -> int:
    """Tokens that a model has places for; a large number where it can take any."""
    config = getattr(model.config, "text_config", model.config)
    positions = int(getattr(config, "max_position_embeddings", None) or _NO_LIMIT)
    # RoBERTa and its kin keep the first places for padding
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions - (padding + 1 if padding is not None else 0)


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def windows(texts: Sequence[str], wanted: Sequence[bool]) -> Iterator[list[int]]:
    """Positions of texts of about the same length, some thousands at a time, where any is wanted.

    Of long texts they are fewer: what is tokenised takes many times their memory.
    """
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    start = 0
    while start < len(order):
        end, characters = start + 1, len(texts[order[start]])
        while end < min(start + _WINDOW, len(order)):
            characters += len(texts[order[end]])
            if characters > _WINDOW_CHARACTERS:
                break
            end += 1
        window = order[start:end]
        start = end
        if any(wanted[index] for index in window):
            yield window


def _cuts(lengths: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    """Where batches of at most ``size`` texts begin and end, given their tokens in ascending order.

    None has more tokens, padding included, than ``size`` texts of 512: memory stays that of those.
    """
    start = 0
    while start < len(lengths):
        end = start + 1
        while end < min(start + size, len(lengths)):
            if (end + 1 - start) * lengths[end] > size * _LONGEST:
                break
            end += 1
        yield start, end
        start = end


@dataclass(frozen=True)
class _Loaded:
    """What is needed to encode, once it is in memory."""

    checkpoint: Checkpoint
    tokenizer: Any
    device: str
    limit: int
