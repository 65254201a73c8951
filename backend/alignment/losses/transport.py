"""KLOT: the heads' optimal transport plan should be the teacher's."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from backend.alignment.losses.gradients import differentiable
from backend.alignment.losses.tiles import exact_dtype


def klot(
    similarity: Tensor,
    teacher: Tensor,
    epsilon: float = 0.05,
    epsilon_teacher: float = 0.005,
    iterations: int = 100,
) -> Tensor:
    """KL(P* || P) of the entropic transport plans of two similarity matrices; SOTAlign 2026.

    P is the plan of similarity / epsilon with uniform marginals, P* that of teacher / epsilon_teacher,
    both by Sinkhorn's iteration on logarithms; a last half step on both potentials shares what is left
    of the marginals' error between them, as in the released code. The gradient is
    (P - P*) / epsilon, that of converged plans: nothing is differentiated through the iterations.
    Matrices go in, so they are held; the caller chooses their size.

    Args:
        similarity: (n, m), the heads' cosines of unpaired images and texts.
        teacher: (n, m), the teacher's; no gradient.
        epsilon, epsilon_teacher: how much entropy either plan may have.
        iterations: of Sinkhorn.

    Returns:
        Scalar, float32 (float64 where an input is). First derivatives only.

    Raises:
        ValueError: matrices of different shapes.
    """
    if similarity.shape != teacher.shape or similarity.ndim != 2:
        raise ValueError(f"matrices of {tuple(similarity.shape)} and {tuple(teacher.shape)}")

    def compute(wanted: tuple[bool, ...]) -> tuple[Tensor, tuple[Tensor | None]]:
        dtype = exact_dtype(similarity, teacher)
        plan = _log_plan(similarity.detach().to(dtype) / epsilon, iterations)
        target = _log_plan(teacher.detach().to(dtype) / epsilon_teacher, iterations)
        aim = target.exp()
        value = (aim * target.sub_(plan)).sum()
        return value, (plan.exp_().sub_(aim).div_(epsilon) if wanted[0] else None,)

    return differentiable(compute, similarity)


def _log_plan(kernel: Tensor, iterations: int) -> Tensor:
    """log P of the kernel's plan."""
    rows, columns = kernel.shape
    first, second = kernel.new_zeros(rows), kernel.new_zeros(columns)

    def first_for(second: Tensor) -> Tensor:
        return -math.log(rows) - torch.logsumexp(kernel + second, 1)

    def second_for(first: Tensor) -> Tensor:
        return -math.log(columns) - torch.logsumexp(kernel + first[:, None], 0)

    for _ in range(iterations):
        first = first_for(second)
        second = second_for(first)
    first, second = (first + first_for(second)) / 2, (second + second_for(first)) / 2
    return kernel + first[:, None] + second
