"""A small causal transformer whose first places are a vector of the shared space."""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

#: places that the vector is spread over
PREFIX: Final = 2
_HEADS: Final = 4
#: keys and values of each block, of all places so far
Seen: TypeAlias = list[list[Tensor]]
_SPREAD: Final = 0.02


class WordModel(nn.Module):
    """Says what comes next, given a vector and the words so far.

    Args:
        inputs: d, length of a vector.
        vocabulary: pieces that a text can have.
        longest: pieces of the longest text.
        width: of the model.
        blocks: how many.
    """

    def __init__(
        self, inputs: int, vocabulary: int, longest: int, width: int = 128, blocks: int = 2
    ) -> None:
        super().__init__()
        self.config = {
            "inputs": inputs,
            "vocabulary": vocabulary,
            "longest": longest,
            "width": width,
            "blocks": blocks,
        }
        self.prefix = nn.Linear(inputs, PREFIX * width)
        self.pieces = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.zeros(PREFIX + longest, width))
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, vocabulary)

    @classmethod
    def empty(cls, **config: int) -> WordModel:
        """One without weights: torch's own would come from its global generator."""
        with torch.device("meta"):
            model = cls(**config)
        return model.to_empty(device="cpu")

    def start(self, generator: torch.Generator) -> None:
        """Draws all weights."""
        for name, weight in self.named_parameters():
            with torch.no_grad():
                if weight.ndim == 1:
                    weight.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
                elif name == "pieces.weight":
                    weight.normal_(std=0.5, generator=generator)
                elif name == "places":
                    weight.normal_(std=_SPREAD, generator=generator)
                else:
                    weight.normal_(std=weight.shape[1] ** -0.5, generator=generator)

    def forward(
        self,
        vectors: Tensor,
        words: Tensor,
        drop: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """(n, t + 1, vocabulary) logits of the first piece and of what follows each.

        Args:
            vectors: (n, d) unit rows.
            words: (n, t) pieces so far.
            drop: share of numbers that are left out between the parts, in training.
            generator: draws them.
        """
        hidden = torch.cat([self._prefix(vectors), self.pieces(words)], dim=1)
        hidden = hidden + self.places[: hidden.shape[1]]
        for block in self.blocks:
            hidden = block(hidden, drop, generator)
        return self._logits(hidden[:, PREFIX - 1 :])

    def first(self, vectors: Tensor) -> tuple[Tensor, Seen]:
        """(n, vocabulary) logits of the first piece, and what :meth:`next` goes on from."""
        seen: Seen = [[] for _ in self.blocks]
        return self._onward(self._prefix(vectors) + self.places[:PREFIX], seen), seen

    def next(self, pieces: Tensor, seen: Seen) -> Tensor:
        """(n, vocabulary) logits of what follows (n,) pieces; only these are computed anew."""
        here = seen[0][0].shape[2]
        return self._onward(self.pieces(pieces)[:, None] + self.places[here : here + 1], seen)

    def _prefix(self, vectors: Tensor) -> Tensor:
        scaled = vectors * math.sqrt(vectors.shape[1])
        prefix: Tensor = self.prefix(scaled).view(len(vectors), PREFIX, -1)
        return prefix

    def _onward(self, hidden: Tensor, seen: Seen) -> Tensor:
        for block, own in zip(self.blocks, seen, strict=True):
            hidden = block(hidden, seen=own)
        return self._logits(hidden[:, -1])

    def _logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.out(self.norm(hidden))
        return logits


class _Block(nn.Module):
    """Attention to what came before, and a feed-forward part; norms come first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inputs, self.outputs = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(
        self,
        hidden: Tensor,
        drop: float = 0.0,
        generator: torch.Generator | None = None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        count, places, width = hidden.shape
        split = self.inputs(self.norm1(hidden)).view(count, places, 3, _HEADS, width // _HEADS)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        if seen is not None:
            if seen:
                key, value = torch.cat([seen[0], key], dim=2), torch.cat([seen[1], value], dim=2)
            seen[:] = [key, value]
        # one place sees all before it; several, each what is before itself
        attended = functional.scaled_dot_product_attention(
            query, key, value, is_causal=places == key.shape[2]
        )
        joined = attended.transpose(1, 2).reshape(count, places, width)
        hidden = hidden + _dropped(self.outputs(joined), drop, generator)
        wide = functional.gelu(self.widen(self.norm2(hidden)))
        return hidden + _dropped(self.narrow(wide), drop, generator)


def _dropped(values: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Dropout whose draws are the generator's: torch's own takes the global one."""
    if share == 0:
        return values
    kept = torch.rand(values.shape, generator=generator) >= share
    return values * kept / (1 - share)
