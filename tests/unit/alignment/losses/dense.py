"""The losses as one would write them, whole matrices and autograd: what the tiled ones are held against."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def same_owner(owner: Tensor | None, size: int) -> Tensor:
    """(B, B) whether row and column belong together; each row does with its own column."""
    own = torch.eye(size, dtype=torch.bool)
    if owner is None:
        return own
    return own | ((owner[:, None] == owner) & (owner[:, None] >= 0))


def info_nce(
    image: Tensor, text: Tensor, theta: Tensor, owner: Tensor | None = None, siblings: str = "mask"
) -> Tensor:
    logits = theta.exp() * image @ text.T
    own, same = torch.eye(len(image), dtype=torch.bool), same_owner(owner, len(image))
    masked = logits if siblings == "positive" else logits.masked_fill(same & ~own, -torch.inf)
    positives = masked.masked_fill(~same if siblings == "positive" else ~own, -torch.inf)
    ways = [(masked.logsumexp(axis) - positives.logsumexp(axis)).mean() for axis in (1, 0)]
    return (ways[0] + ways[1]) / 2


def sigmoid(
    image: Tensor,
    text: Tensor,
    theta: Tensor,
    bias: Tensor,
    owner: Tensor | None = None,
    owner_text: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    if owner is None:
        owner = torch.arange(len(image))
    owner_text = owner if owner_text is None else owner_text
    same = (owner[:, None] == owner_text) & (owner[:, None] >= 0)
    logits = theta.exp() * image @ text.T + bias
    total = -F.logsigmoid(torch.where(same, logits, -logits)).sum()
    return total / (logits.numel() if reduction == "mean" else len(image))


def similarity_distribution(
    image: Tensor, text: Tensor, theta: Tensor, owner: Tensor | None = None, epsilon: float = 1e-8
) -> Tensor:
    logits = theta.exp() * image @ text.T
    same = same_owner(owner, len(image)).to(logits.dtype)
    log_label = (same / same.sum(1, keepdim=True) + epsilon).log()
    return sum(
        (way.softmax(1) * (way.log_softmax(1) - log_label)).sum(1).mean()
        for way in (logits, logits.T)
    )


def structure(
    original: Tensor,
    aligned: Tensor,
    temperature: float = 0.05,
    divergence: str = "reverse-kl",
    normalised: bool = True,
) -> Tensor:
    """Level 1. ``normalised``: the aligned rows are divided by their lengths inside."""
    sides = [F.normalize(original, dim=1), F.normalize(aligned, dim=1) if normalised else aligned]
    centred = [side - side.mean(0) for side in sides]
    first, second = ((side @ side.T / temperature).softmax(1) for side in centred)
    middle = (first + second) / 2

    def kl(of: Tensor, to: Tensor) -> Tensor:
        return (of * ((of + 1e-12).log() - (to + 1e-12).log())).sum() / len(original)

    if divergence == "reverse-kl":
        return (kl(middle, second) + kl(middle, first)) / 2
    return (kl(first, middle) + kl(second, middle)) / 2


def derived(function: Callable[..., Tensor], *leaves: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The value, and the gradient of every leaf; the leaves themselves stay as they were."""
    fresh = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    value = function(*fresh)
    value.backward()
    return value.detach(), [leaf.grad for leaf in fresh]


def unit_rows(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random rows of length one."""
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=1).to(
        dtype
    )


def pair_of_sides(size: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two sides of pairs that agree somewhat, as in the middle of a training."""
    shared = unit_rows(seed, size, width)
    sides = (F.normalize(shared + unit_rows(seed + n, size, width), dim=1) for n in (1, 2))
    first, second = sides
    return first, second


def assert_close(mine: Tensor, theirs: Tensor, share: float) -> None:
    """No entry further off than ``share`` of the largest one."""
    assert mine.shape == theirs.shape
    furthest = (mine.double() - theirs.double()).abs().max().item()
    assert furthest <= share * theirs.abs().max().item(), furthest / theirs.abs().max().item()
