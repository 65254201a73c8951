"""Fits a decoder on captions and their vectors, in a minute or less on two cores for a few thousand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from backend.drift.decoder.decoder import Decoder
from backend.drift.decoder.model import WordModel
from backend.drift.decoder.tokens import PAD, Tokens
from backend.errors import Fault, InvalidInput
from backend.reporting import Report, silent

#: captions that are learned from and kept as memory; of more, so many are drawn
MOST_CAPTIONS: Final = 30_000
#: pieces of a caption; longer ones are cut
LONGEST: Final = 48
_BATCH: Final = 64
_POOL: Final = 16 * _BATCH
_STEPS: Final = 500
_MOST_STEPS: Final = 3000
_EPOCHS: Final = 8
_RATE: Final = 3e-3
_WARM_UP: Final = 50
_DROP: Final = 0.1
_DECAY: Final = 0.05
#: length of the noise that is added to a unit vector, so that near points say the same
_NOISE: Final = 0.1


def train_decoder(
    texts: Sequence[str],
    vectors: NDArray[np.float32],
    seed: int = 0,
    steps: int | None = None,
    report: Report = silent,
) -> Decoder:
    """A decoder of the space that the captions' vectors are of.

    Args:
        texts: training captions, at least two.
        vectors: (m, d) their unit vectors.
        seed: of everything that is drawn; the same seed and thread count give the same decoder.
        steps: of training; None for as many as suit the number of captions.
        report: told steps; may raise ``Cancelled``.

    Raises:
        InvalidInput: there are too few captions, or vectors are not finite.
    """
    faults = []
    if len(texts) != len(vectors) or len(texts) < 2:
        faults.append(
            Fault("captions", f"{len(texts)} with {len(vectors)} vectors; two are needed")
        )
    elif not np.isfinite(vectors).all():
        faults.append(Fault("captions", "have vectors that are no numbers"))
    if faults:
        raise InvalidInput(
            "No decoder can be trained on these captions. Choose another run.", faults
        )
    draw = np.random.default_rng(seed)
    if len(texts) > MOST_CAPTIONS:
        rows = np.sort(draw.permutation(len(texts))[:MOST_CAPTIONS])
        texts, vectors = [texts[row] for row in rows], vectors[rows]
    tokens = Tokens.of(texts)
    numbers = tokens.numbers(texts, LONGEST)
    model = WordModel.empty(
        inputs=vectors.shape[1], vocabulary=len(tokens), longest=max(map(len, numbers))
    )
    if steps is None:
        steps = min(max(_STEPS, _EPOCHS * len(texts) // _BATCH), _MOST_STEPS)
    loss = _fit(
        model, numbers, torch.from_numpy(np.ascontiguousarray(vectors)), steps, draw, report
    )
    return Decoder(
        model, tokens, vectors.astype(np.float16), {"loss": loss, "captions": len(texts)}
    )


def _fit(
    model: WordModel,
    numbers: Sequence[Sequence[int]],
    vectors: torch.Tensor,
    steps: int,
    draw: np.random.Generator,
    report: Report,
) -> float:
    """Cross-entropy of each piece given what came before it; the mean of the last steps."""
    generator = torch.Generator().manual_seed(int(draw.integers(2**31)))
    model.start(generator)
    decayed = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [{"params": decayed, "weight_decay": _DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=_RATE, betas=(0.9, 0.98))
    batches: list[list[int]] = []
    losses: list[float] = []
    for step in range(steps):
        report(step, steps, "decoder steps")
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, steps)
        batches = batches or _epoch([len(each) for each in numbers], draw)
        rows = batches.pop()
        words = _padded([numbers[row] for row in rows])
        near = vectors[rows].float()
        near = near + _NOISE * near.shape[1] ** -0.5 * torch.randn(near.shape, generator=generator)
        logits = model(functional.normalize(near, dim=1), words[:, :-1], _DROP, generator)
        loss = functional.cross_entropy(logits.flatten(0, 1), words.flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    report(steps, steps, "decoder steps")
    model.eval().requires_grad_(False)
    return float(np.mean(losses[-20:]))


def _epoch(lengths: Sequence[int], draw: np.random.Generator) -> list[list[int]]:
    """Batches of one pass in random order, each of captions of about one length: little is padded."""
    order = draw.permutation(len(lengths)).tolist()
    pools = [order[start : start + _POOL] for start in range(0, len(order), _POOL)]
    alike = [row for pool in pools for row in sorted(pool, key=lengths.__getitem__)]
    batches = [alike[start : start + _BATCH] for start in range(0, len(alike), _BATCH)]
    return [batches[place] for place in draw.permutation(len(batches))]


def _rate(step: int, steps: int) -> float:
    return _RATE * min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _padded(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    words = torch.full((len(rows), max(map(len, rows))), PAD)
    for place, row in enumerate(rows):
        words[place, : len(row)] = torch.tensor(row)
    return words
