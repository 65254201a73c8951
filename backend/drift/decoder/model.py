"""A small causal transformer whose first places are a vector of the shared space."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

#: places that the vector is spread over
PREFIX: Final = 2
_HEADS: Final = 4
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
        scaled = vectors * math.sqrt(vectors.shape[1])
        prefix = self.prefix(scaled).view(len(vectors), PREFIX, -1)
        hidden = torch.cat([prefix, self.pieces(words)], dim=1)
        hidden = hidden + self.places[: hidden.shape[1]]
        for block in self.blocks:
            hidden = block(hidden, drop, generator)
        logits: Tensor = self.out(self.norm(hidden[:, PREFIX - 1 :]))
        return logits


class _Block(nn.Module):
    """Attention to what came before, and a feed-forward part; norms come first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inputs, self.outputs = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, hidden: Tensor, drop: float, generator: torch.Generator | None) -> Tensor:
        count, places, width = hidden.shape
        split = self.inputs(self.norm1(hidden)).view(count, places, 3, _HEADS, width // _HEADS)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        joined = seen.transpose(1, 2).reshape(count, places, width)
        hidden = hidden + _dropped(self.outputs(joined), drop, generator)
        wide = functional.gelu(self.widen(self.norm2(hidden)))
        return hidden + _dropped(self.narrow(wide), drop, generator)


def _dropped(values: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Dropout whose draws are the generator's: torch's own takes the global one."""
    if share == 0:
        return values
    kept = torch.rand(values.shape, generator=generator) >= share
    return values * kept / (1 - share)
