"""STRUCTURE's regulariser: the neighbourhoods of a modality before and after its head, compared."""

from __future__ import annotations

from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from backend.alignment.losses.gradients import differentiable
from backend.alignment.losses.owners import Owners
from backend.alignment.losses.tiles import Tiles, exact_dtype
from backend.errors import InvalidInput

Divergence = Literal["reverse-kl", "jensen-shannon"]

#: levels above the first need powers of a batch x batch matrix, of which some twenty are held
MOST_ROWS_OF_LEVELS: Final = 4096
_EPSILON: Final = 1e-12


def structure(
    original: Tensor,
    aligned: Tensor,
    temperature: float = 0.05,
    divergence: Divergence = "reverse-kl",
    levels: int = 1,
    weighting: Literal["none", "inverse"] = "none",
    margin: float = 0.0,
    *,
    edge: int | None = None,
) -> Tensor:
    """R_S of one modality: how far softmax(A A^T / tau) lies from softmax(X X^T / tau).

    Gröger et al. 2025 (STRUCTURE). Rows are divided by their lengths, the batch's mean is taken off,
    P = softmax over each row of the similarities with the diagonal kept. With M = (P_X + P_A) / 2,
    summed over entries and divided by B:

        "reverse-kl"      1/2 [KL(M || P_A) + KL(M || P_X)], what the released code computes under the
                          name of Jensen-Shannon; not bounded by ln 2
        "jensen-shannon"  1/2 [KL(P_A || M) + KL(P_X || M)], what the paper names

    Level l compares the l-th powers of P; each level is relu(divergence - margin) times its weight, and
    the levels are averaged. Level 1 is formed in strips of whole rows (t x B numbers, four products of
    B x B x d, the gradient by hand); with ``levels > 1`` the matrices are held.

    Rows are always normalised inside. The released code leaves that out where all rows have length one
    already, and its gradient then has a part along the rows, which this one never has. Its other
    options (centring by z-scores or before normalising, rbf and rank similarities) are not offered.

    Args:
        original: (B, d_x) features as they came; no gradient.
        aligned: (B, d_a) the head's outputs, of any length.
        temperature: tau.
        divergence: see above.
        levels: how many powers. weighting: "none" 1, "inverse" 1/l for level l.
        margin: what a level's divergence may be for free.
        edge: of a tile, of which a strip takes a few; None: what suits the device.

    Returns:
        Scalar, float32 (float64 where an input is). First derivatives only at level 1.

    Raises:
        ValueError: different numbers of rows.
        InvalidInput: levels above the first of more rows than fit.
    """
    if len(original) != len(aligned) or original.ndim != 2 or aligned.ndim != 2:
        raise ValueError(f"rows of shapes {tuple(original.shape)} and {tuple(aligned.shape)}")
    if levels > 1 and len(aligned) > MOST_ROWS_OF_LEVELS:
        raise InvalidInput(
            f"STRUCTURE with {levels} levels holds whole matrices, and a batch of {len(aligned):,} is too "
            f"large for that: use one level, or a batch of {MOST_ROWS_OF_LEVELS:,} at most."
        )
    with torch.autocast(aligned.device.type, enabled=False):
        dtype = exact_dtype(original, aligned)
        before, after = _centred(original.detach().to(dtype)), _centred(aligned.to(dtype))
        if levels > 1:
            return _levels(before, after, temperature, divergence, levels, weighting, margin)

        def compute(wanted: tuple[bool, ...]) -> tuple[Tensor, tuple[Tensor | None, ...]]:
            return _first_level(before, after, temperature, divergence, wanted[0], edge)

        return F.relu(differentiable(compute, after) - margin)


def _centred(rows: Tensor) -> Tensor:
    unit = F.normalize(rows, dim=1)
    return unit - unit.mean(0)


def _first_level(
    before: Tensor,
    after: Tensor,
    temperature: float,
    divergence: Divergence,
    wanted: bool,
    edge: int | None,
) -> tuple[Tensor, tuple[Tensor | None]]:
    owners = Owners()
    fixed = Tiles(before, before, 1 / temperature, owners, edge=edge, strips=True)
    moving = Tiles(after, after, 1 / temperature, owners, edge=edge, strips=True)
    gathered = moving.zeros(0) if wanted else None
    loss = torch.zeros((), dtype=torch.float64, device=after.device)
    for theirs, tile in zip(fixed, moving, strict=True):
        before_share, share = torch.softmax(theirs.logits, 1), torch.softmax(tile.logits, 1)
        terms, slope = _divergence(before_share, share, divergence)
        loss += terms.sum()
        if gathered is not None:
            slope -= (share * slope).sum(1, keepdim=True)
            moving.spread(tile, slope.mul_(share), gathered, gathered)
    if gathered is not None:
        gathered /= len(after)
    return (loss / len(after)).to(after.dtype), (gathered,)


def _divergence(fixed: Tensor, moving: Tensor, kind: Divergence) -> tuple[Tensor, Tensor]:
    """Each entry's part of the divergence, and its derivative with respect to ``moving``."""
    middle = (fixed + moving).div_(2)
    log_middle, log_fixed, log_moving = ((one + _EPSILON).log_() for one in (middle, fixed, moving))
    inner = middle / (middle + _EPSILON)
    if kind == "reverse-kl":
        excess = log_middle - (log_moving + log_fixed) / 2
        slope = (excess + inner - middle / (moving + _EPSILON)) / 2
        return middle * excess, slope
    terms = (fixed * (log_fixed - log_middle) + moving * (log_moving - log_middle)) / 2
    slope = (log_moving - log_middle + moving / (moving + _EPSILON) - inner) / 2
    return terms, slope


def _levels(
    before: Tensor,
    after: Tensor,
    temperature: float,
    divergence: Divergence,
    levels: int,
    weighting: str,
    margin: float,
) -> Tensor:
    """The dense form, whose gradient autograd takes."""
    first = [torch.softmax(rows @ rows.T / temperature, 1) for rows in (before, after)]
    powers, total = list(first), after.new_zeros(())
    for level in range(1, levels + 1):
        terms, _ = _divergence(powers[0], powers[1], divergence)
        weight = 1 / level if weighting == "inverse" else 1.0
        total = total + weight * F.relu(terms.sum() / len(after) - margin)
        powers = [power @ one for power, one in zip(powers, first, strict=True)]
    return total / levels
