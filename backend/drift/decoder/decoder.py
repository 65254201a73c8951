"""Reads points of a shared space out as words."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from backend.drift.decoder.model import WordModel
from backend.drift.decoder.tokens import END, PAD, Tokens
from backend.drift.noise import gumbel
from backend.errors import StorageError

#: temperature of the memory projection's softmax over cosines
PROJECTION: Final = 0.03
_BATCH: Final = 64
_BLOCK: Final = 2**24  # similarities that are held at once
_VERSION: Final = 1

Vectors = NDArray[np.float32]


class Decoder:
    """A trained decoder.

    Args:
        model: in evaluation mode.
        tokens: its vocabulary.
        memory: (m, d) unit vectors of the training captions.
        facts: what is told of its training.
    """

    def __init__(
        self,
        model: WordModel,
        tokens: Tokens,
        memory: NDArray[np.floating],
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.tokens = tokens
        self.memory = memory
        self.facts = dict(facts or {})

    @property
    def memory_bytes(self) -> int:
        """What it takes in memory."""
        weights = sum(each.nbytes for each in self.model.parameters())
        return weights + int(self.memory.nbytes)

    def decode(
        self,
        vectors: Vectors,
        temperature: float = 0.0,
        seeds: Sequence[int] | None = None,
        projected: bool = False,
    ) -> list[str]:
        """Words for each point.

        Args:
            vectors: (n, d) unit rows.
            temperature: 0 takes the likeliest pieces; above it they are drawn.
            seeds: of each row, where pieces are drawn.
            projected: put among the training captions first, as images must be.
        """
        found: list[str] = []
        for start in range(0, len(vectors), _BATCH):
            some = vectors[start : start + _BATCH]
            own = None if seeds is None else seeds[start : start + _BATCH]
            found += self._batch(self.project(some) if projected else some, temperature, own)
        return found

    def project(self, vectors: Vectors, temperature: float = PROJECTION) -> Vectors:
        """(n, d) unit rows: means of the training captions' vectors, weighted by softmax(cosine / t)."""
        memory = self.memory.astype(np.float32)
        found = np.empty((len(vectors), memory.shape[1]), np.float32)
        step = max(1, _BLOCK // len(memory))
        for start in range(0, len(vectors), step):
            weights = vectors[start : start + step] @ memory.T / temperature
            weights = np.exp(weights - weights.max(axis=1, keepdims=True))
            mean = weights @ memory
            found[start : start + step] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return found

    def _batch(
        self, vectors: Vectors, temperature: float, seeds: Sequence[int] | None
    ) -> list[str]:
        points = torch.from_numpy(np.ascontiguousarray(vectors, np.float32))
        own = [torch.Generator().manual_seed(seed) for seed in seeds or range(len(points))]
        said = torch.zeros((len(points), 0), dtype=torch.long)
        ended = torch.zeros(len(points), dtype=torch.bool)
        with torch.inference_mode():
            logits, seen = self.model.first(points)
            while True:
                logits[:, PAD] = -torch.inf
                if temperature > 0:
                    noise = torch.stack([gumbel(logits.shape[1], each) for each in own])
                    logits = logits / temperature + noise
                piece = torch.where(ended, END, logits.argmax(dim=1))
                ended |= piece == END
                said = torch.cat([said, piece[:, None]], dim=1)
                if ended.all() or said.shape[1] == self.model.config["longest"]:
                    break
                logits = self.model.next(piece, seen)
        return [self.tokens.text(row) for row in said.tolist()]


def save_decoder(decoder: Decoder, folder: Path, made_of: str = "") -> None:
    """Writes a decoder; the folder gets its name when it is whole.

    Args:
        made_of: tells it from decoders of other heads or captions.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    told = {
        "version": _VERSION,
        "made_of": made_of,
        "model": decoder.model.config,
        "facts": decoder.facts,
    }
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        save_file(dict(decoder.model.state_dict()), draft / "model.safetensors")
        save_arrays({"memory": np.ascontiguousarray(decoder.memory)}, draft / "memory.safetensors")
        (draft / "tokens.json").write_text(decoder.tokens.to_json(), encoding="utf-8")
        (draft / "decoder.json").write_text(json.dumps(told), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{folder} cannot be written ({reason}). Free some space.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def load_decoder(folder: Path, made_of: str = "") -> Decoder | None:
    """A decoder that was saved; None where there is none, or it is of other heads or captions."""
    try:
        told = json.loads((folder / "decoder.json").read_text("utf-8"))
        if told["version"] != _VERSION or told["made_of"] != made_of:
            return None
        model = WordModel.empty(**told["model"])
        model.load_state_dict(load_file(folder / "model.safetensors"))
        tokens = Tokens((folder / "tokens.json").read_text("utf-8"))
        memory = load_arrays(folder / "memory.safetensors")["memory"]
    except Exception:  # a damaged one is trained again; readers raise a dozen types
        return None
    model.eval().requires_grad_(False)
    return Decoder(model, tokens, memory, told["facts"])
