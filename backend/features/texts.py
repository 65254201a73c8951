"""Text encoders that are one transformer and a pooling, as nearly all sentence encoders are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

import numpy as np

from backend.catalog.encoder_files import EncoderFiles, families
from backend.catalog.encoders import EncoderSpec
from backend.features.checkpoints import (
    Checkpoint,
    explained,
    fingerprint,
    load_checkpoint,
    precise,
)
from backend.features.encoders import Encoder, resolve_device
from backend.features.work import Outcome, Work

BATCH: Final = {"cpu": 64, "cuda": 256}

#: texts that are tokenised together, so that batches of like length can be cut from them
_WINDOW: Final = 4096

#: tokens that are read of a text where the model names no limit
_LONGEST: Final = 512


@dataclass(frozen=True)
class Pooled:
    """How sentences go in and a vector comes out.

    Attributes:
        pooling: "mean" or "cls"; None for the family's own.
        normalise: to unit length, where that is a part of the encoder.
        max_length: tokens that are read of a text; None for the model's own limit.
        lower: to lower case first.
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
        self.fingerprint = fingerprint(spec, files, repr(pooled))
        self._files = files
        self._asked_device = device
        self._pooled = pooled

    @cached_property
    def dimension(self) -> int:
        return int(self.encode(["a"]).shape[1])

    def prepare(self) -> None:
        _ = self._loaded

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        loaded = self._loaded  # by this thread, before others ask for it
        size = BATCH["cpu" if loaded.device == "cpu" else "cuda"]
        for window in windows(items, wanted):
            tokens = self._tokens([items[i] for i in window])
            order = sorted(range(len(window)), key=lambda place: len(tokens[place]))
            for start in range(0, len(order), size):
                places = [place for place in order[start : start + size] if wanted[window[place]]]
                if places:
                    batch = tuple(window[place] for place in places)
                    inputs = self._padded([tokens[place] for place in places])
                    yield Work(batch, partial(self._run, loaded, batch, inputs))

    @cached_property
    def _loaded(self) -> _Loaded:
        from transformers import AutoTokenizer

        device = resolve_device(self._asked_device)
        checkpoint = load_checkpoint(self._files, "text", device)
        if self._pooled.pooling is not None:
            checkpoint = Checkpoint(checkpoint.model, self._pooled.pooling, 0)
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
        positions = getattr(checkpoint.model.config, "max_position_embeddings", None) or _LONGEST
        return min(int(tokenizer.model_max_length), int(positions), _LONGEST)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        pooled = self._pooled
        given = [pooled.prefix + (text.lower() if pooled.lower else text) for text in texts]
        loaded = self._loaded
        encoded = loaded.tokenizer(
            given, truncation=True, max_length=loaded.limit, return_attention_mask=False
        )
        tokens: list[list[int]] = encoded["input_ids"]
        return tokens

    def _padded(self, tokens: Sequence[list[int]]) -> dict[str, Any]:
        """Model inputs of a batch; made here because threads may not share a tokenizer."""
        import torch

        padding = families().get(self._files.model_type, {}).get("padding", "longest")
        longest = max(map(len, tokens))
        length = self._loaded.limit if padding == "max_length" else max(longest, 1)
        ids = np.full((len(tokens), length), self._loaded.tokenizer.pad_token_id or 0, np.int64)
        mask = np.zeros((len(tokens), length), np.int64)
        for row, sentence in enumerate(tokens):
            ids[row, : len(sentence)] = sentence
            mask[row, : len(sentence)] = 1
        inputs = {"input_ids": torch.from_numpy(ids)}
        if padding == "longest":  # models that always see full length are trained without a mask
            inputs["attention_mask"] = torch.from_numpy(mask)
        return inputs

    def _run(self, loaded: _Loaded, batch: tuple[int, ...], inputs: dict[str, Any]) -> Outcome:
        import torch

        with torch.inference_mode(), precise(self.spec.precision, loaded.device):
            moved = {name: value.to(loaded.device) for name, value in inputs.items()}
            vectors = loaded.checkpoint.features(moved, "text")
        if self._pooled.normalise:
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        return Outcome(batch, vectors.cpu().numpy())


def windows(texts: Sequence[str], wanted: Sequence[bool]) -> Iterator[list[int]]:
    """Positions of texts of about the same length, some thousands at a time, where any is wanted."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(order), _WINDOW):
        window = order[start : start + _WINDOW]
        if any(wanted[index] for index in window):
            yield window


@dataclass(frozen=True)
class _Loaded:
    """What is needed to encode, once it is in memory."""

    checkpoint: Checkpoint
    tokenizer: Any
    device: str
    limit: int
