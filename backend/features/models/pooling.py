"""From a model's hidden states to features: poolings, one function each way.

Hidden states are (n, tokens, d), or (n, d, rows, columns) of a convolutional network, whose positions
are taken as its tokens. Everything is computed in float32, whatever the model ran in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: torch.Tensor; torch is imported by whoever loads a model, not by this module
Tensor = Any


@dataclass(frozen=True)
class Layout:
    """Where the tokens of hidden states stand.

    Attributes:
        prefix: leading tokens that are no part of the item: CLS, registers, a distillation token.
        cls: whether the first of them (of text: the first token) stands for the whole item.
    """

    prefix: int = 0
    cls: bool = True


def pooled(hidden: Tensor, pooling: str, layout: Layout, mask: Tensor | None = None) -> Tensor:
    """One vector for each item: (n, d), or (n, 2 d) of "cls+mean".

    Args:
        hidden: hidden states.
        pooling: "cls", "mean", "cls+mean" or "last".
        layout: where the tokens stand.
        mask: (n, tokens), 1 for tokens that are real; None where all are. Padding may be on either
            side.
    """
    import torch

    hidden = hidden.float()
    if hidden.ndim == 4:
        return hidden.mean((2, 3))
    match pooling:
        case "cls":
            return _first(hidden, mask)
        case "last":
            return _last(hidden, mask)
        case "cls+mean":
            return torch.cat([_first(hidden, mask), _mean(hidden, layout, mask)], dim=1)
        case _:
            return _mean(hidden, layout, mask)


def tokens(hidden: Tensor, layout: Layout, mask: Tensor | None = None) -> tuple[Tensor, list[int]]:
    """Every token by itself: (sum of lengths, d), item after item, and the lengths.

    The CLS token comes first where there is one; registers and padding are left out.
    """
    import torch

    hidden = hidden.float()
    if hidden.ndim == 4:
        hidden, layout, mask = hidden.flatten(2).transpose(1, 2), Layout(0, cls=False), None
    count, length = hidden.shape[:2]
    real = torch.ones(count, length, dtype=torch.bool, device=hidden.device)
    if mask is not None:
        real &= mask.bool()
    real[:, 1 if layout.cls else 0 : layout.prefix] = False
    return hidden[real], real.sum(1).tolist()


def _mean(hidden: Tensor, layout: Layout, mask: Tensor | None) -> Tensor:
    if mask is None:
        return hidden[:, layout.prefix :].mean(1)
    weights = mask[:, layout.prefix :].unsqueeze(-1).to(hidden.dtype)
    return (hidden[:, layout.prefix :] * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


def _first(hidden: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return hidden[:, 0]
    return _at(hidden, mask.int().argmax(1))


def _last(hidden: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return hidden[:, -1]
    return _at(hidden, mask.shape[1] - 1 - mask.int().flip(1).argmax(1))


def _at(hidden: Tensor, places: Tensor) -> Tensor:
    """The token at one place of each item."""
    import torch

    return hidden[torch.arange(len(hidden), device=hidden.device), places]
