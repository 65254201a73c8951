"""A scalar whose gradients were worked out by hand, made known to autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

#: which leaves want a gradient -> the value, and a gradient for each leaf that wants one
Compute = Callable[[tuple[bool, ...]], tuple[Tensor, tuple[Tensor | None, ...]]]


def differentiable(compute: Compute, *leaves: Tensor) -> Tensor:
    """The value that ``compute`` gives, differentiable with respect to ``leaves``.

    The gradients are computed together with the value, where a tile of logits is at hand anyway, and
    only scaled in the backward pass; under ``no_grad`` and ``inference_mode``, or where no leaf wants
    one, none is computed. Autocast is off inside: products of tiles keep the precision they ask for.
    There are first derivatives only: a second one (``create_graph=True``) raises RuntimeError.
    """
    if torch.is_grad_enabled() and any(leaf.requires_grad for leaf in leaves):
        value: Tensor = _Computed.apply(compute, *leaves)  # type: ignore[no-untyped-call]
        return value
    with torch.autocast(leaves[0].device.type, enabled=False):
        return compute((False,) * len(leaves))[0]


def as_number(value: Tensor | float, device: torch.device) -> Tensor:
    """A scalar leaf; a plain number in double precision."""
    if isinstance(value, Tensor):
        return value.to(device).reshape(())
    return torch.tensor(value, dtype=torch.float64, device=device)


class _Computed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, compute: Compute, *leaves: Tensor) -> Tensor:
        wanted = tuple(ctx.needs_input_grad[1:])
        with torch.autocast(leaves[0].device.type, enabled=False):
            value, gradients = compute(wanted)
        ctx.dtypes = [leaf.dtype for leaf in leaves]
        kept = (one if want else None for one, want in zip(gradients, wanted, strict=True))
        ctx.save_for_backward(*kept)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor | None, ...]:
        # in the precision of the sums; a narrow leaf gets its gradient after it was scaled, so that a
        # loss that was scaled up for float16 keeps its small entries
        scaled = (
            None if one is None else (one * incoming).to(dtype)
            for one, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        )
        return (None, *scaled)
