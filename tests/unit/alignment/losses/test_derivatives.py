"""Gradients by hand: against differences, through autograd's modes, and none where none is wanted."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from backend.alignment import losses
from backend.errors import InvalidInput
from tests.unit.alignment.losses.dense import derived, pair_of_sides, unit_rows

OWNER = torch.tensor([0, 1, 1, -1, 2, 0, 0])
THETA = torch.tensor(2.0, dtype=torch.float64)
BIAS = torch.tensor(-1.0, dtype=torch.float64)


def rows(seed: int, *shape: int) -> Tensor:
    return unit_rows(seed, *shape).requires_grad_()


def number(value: Tensor) -> Tensor:
    return value.clone().requires_grad_()


@pytest.mark.parametrize("theta", [2.0, 5.0])
@pytest.mark.parametrize("siblings", ["mask", "positive"])
@pytest.mark.parametrize("owner", [None, OWNER])
def test_info_nce(theta: float, siblings: str, owner: Tensor | None) -> None:
    loss = partial(losses.info_nce, owner=owner, siblings=siblings, edge=3)
    learned = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (rows(0, 7, 4), rows(1, 7, 4), learned))


@pytest.mark.parametrize("reduction", ["mean", "rows"])
def test_sigmoid(reduction: str) -> None:
    owners = torch.tensor([0, 1, 2, 3, -1, -1, 0, 0, 1])
    loss = partial(losses.sigmoid, owner=OWNER, owner_text=owners, reduction=reduction, edge=3)
    assert torch.autograd.gradcheck(
        loss, (rows(0, 7, 4), rows(1, 9, 4), number(THETA), number(BIAS))
    )


@pytest.mark.parametrize("owner", [None, OWNER])
def test_similarity_distribution(owner: Tensor | None) -> None:
    loss = partial(losses.similarity_distribution, owner=owner, edge=3)
    assert torch.autograd.gradcheck(loss, (rows(0, 7, 4), rows(1, 7, 4), number(THETA)))


@pytest.mark.parametrize("divergence", ["reverse-kl", "jensen-shannon"])
@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("margin", [0.0, 0.001])
def test_structure(divergence: str, levels: int, margin: float) -> None:
    loss = partial(
        losses.structure, unit_rows(0, 7, 5), temperature=0.3, divergence=divergence,
        levels=levels, weighting="inverse", margin=margin, edge=2,
    )  # fmt: skip
    assert loss(rows(1, 7, 4)) > 0
    assert torch.autograd.gradcheck(loss, (rows(1, 7, 4),))


def test_barlow() -> None:
    assert torch.autograd.gradcheck(losses.barlow, (rows(0, 7, 4), rows(1, 7, 4)))


def test_klot_of_plans_that_have_converged() -> None:
    """The rule leaves out how the potentials move, which is nothing once Sinkhorn has converged."""
    loss = partial(
        losses.klot, teacher=unit_rows(0, 4, 5), epsilon=0.5, epsilon_teacher=0.5, iterations=100
    )
    assert torch.autograd.gradcheck(loss, (rows(1, 4, 5),))


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (3,), (1, 3)])
def test_each_leaf_alone_gets_the_gradient_it_gets_with_the_others(wanted: tuple[int, ...]) -> None:
    every = [*pair_of_sides(9, 4), THETA, BIAS]
    for loss in (losses.sigmoid, losses.info_nce, losses.similarity_distribution):
        leaves = every if loss is losses.sigmoid else every[:3]
        _, theirs = derived(partial(loss, edge=4), *leaves)
        fresh = [leaf.clone().requires_grad_(place in wanted) for place, leaf in enumerate(leaves)]
        if any(leaf.requires_grad for leaf in fresh):
            loss(*fresh, edge=4).backward()
        for place, leaf in enumerate(fresh):
            if place in wanted:
                torch.testing.assert_close(leaf.grad, theirs[place])
            else:
                assert leaf.grad is None


def test_what_comes_in_scales_the_gradient_and_may_come_twice() -> None:
    image, text = pair_of_sides(9, 4)
    _, (expected, _) = derived(lambda *sides: losses.info_nce(*sides, THETA), image, text)
    leaf = image.requires_grad_()
    loss = 3 * losses.info_nce(leaf, text, THETA)
    loss.backward(retain_graph=True)
    torch.testing.assert_close(leaf.grad, 3 * expected)
    loss.backward()
    torch.testing.assert_close(leaf.grad, 6 * expected)


def test_there_is_no_second_derivative() -> None:
    leaf = rows(0, 5, 3)
    loss = losses.info_nce(leaf, unit_rows(1, 5, 3), THETA)
    for value, what in ((loss, "does not require grad"), (loss.square(), "once_differentiable")):
        (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
        with pytest.raises(RuntimeError, match=what):
            gradient.sum().backward()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_no_gradient_is_worked_out_where_none_is_wanted(mode: type, monkeypatch) -> None:
    image, text = rows(0, 9, 4), rows(1, 9, 4)
    expected = [loss.detach() for loss in every_loss(image, text)]

    def refuse(*_: object) -> None:
        raise AssertionError("a gradient was gathered")

    monkeypatch.setattr("backend.alignment.losses.tiles.Tiles.spread", refuse)
    monkeypatch.setattr("backend.alignment.losses.tiles.Tiles.zeros", refuse)
    with mode():
        found = every_loss(image, text)
    assert not any(loss.requires_grad for loss in found)
    torch.testing.assert_close([loss.clone() for loss in found], expected)
    torch.testing.assert_close(every_loss(image.detach(), text.detach()), expected)


def every_loss(image: Tensor, text: Tensor) -> list[Tensor]:
    return [
        losses.info_nce(image, text, THETA, OWNER.repeat(2)[:9]),
        losses.sigmoid(image, text, THETA, BIAS),
        losses.similarity_distribution(image, text, THETA),
        losses.structure(unit_rows(3, 9, 5, dtype=image.dtype), image),
        losses.barlow(image, text),
        losses.klot(image @ text.T, text @ text.T),
    ]


def test_autocast_leaves_the_sums_alone() -> None:
    """Heads under autocast give bfloat16 rows; a product of tiles must not be narrowed after them."""
    wide = [leaf.float() for leaf in pair_of_sides(40, 8)]
    expected = every_loss(wide[0][:9], wide[1][:9])
    leaves = [leaf[:9].clone().requires_grad_() for leaf in wide]
    with torch.autocast("cpu", torch.bfloat16):
        product = wide[0] @ wide[1].T
        found = every_loss(*leaves)
    assert product.dtype == torch.bfloat16
    # klot takes a product, which autocast narrowed before the loss saw it
    for mine, theirs in zip(found[:-1], expected[:-1], strict=True):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine.detach(), theirs, rtol=1e-6, atol=1e-7)
    sum(found).backward()
    assert all(leaf.grad.isfinite().all() for leaf in leaves)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_numbers_may_be_tensors_of_any_rank_or_plain(shape: tuple[int, ...]) -> None:
    image, text = pair_of_sides(9, 4)
    theta, bias = (torch.full(shape, value, requires_grad=True) for value in (2.0, -1.0))
    loss = losses.sigmoid(image, text, theta, bias)
    loss.backward()
    assert theta.grad.shape == bias.grad.shape == shape
    torch.testing.assert_close(loss.detach(), losses.sigmoid(image, text, 2.0, -1.0))
    torch.testing.assert_close(
        losses.info_nce(image, text, theta).detach(), losses.info_nce(image, text, 2.0)
    )


def test_scaled_up_losses_keep_small_gradients_of_narrow_rows() -> None:
    """What a gradient scaler is for: the entries are far below float16 before they are scaled."""
    image, text = (side.half() for side in pair_of_sides(64, 8))
    leaf = image.requires_grad_()
    (2.0**16 * losses.sigmoid(leaf, text, 0.0, -10.0)).backward()
    wide = image.detach().double().requires_grad_()
    losses.sigmoid(wide, text.double(), 0.0, -10.0).backward()
    assert wide.grad.abs().max() < 2**-12
    torch.testing.assert_close(leaf.grad.double(), 2**16 * wide.grad, rtol=2**-9, atol=1e-6)


def test_wrong_shapes_are_refused() -> None:
    image, text = pair_of_sides(6, 4)
    for loss in (losses.info_nce, losses.similarity_distribution):
        with pytest.raises(ValueError, match="shapes"):
            loss(image, text[:5], 1.0)
        with pytest.raises(ValueError, match="owners"):
            loss(image, text, 1.0, torch.arange(5))
    with pytest.raises(ValueError, match="one to one"):
        losses.sigmoid(image, text[:5], 1.0, 0.0)
    with pytest.raises(ValueError, match="one to one"):
        losses.sigmoid(image, text, 1.0, 0.0, owner_text=torch.arange(6))
    with pytest.raises(ValueError, match="owners"):
        losses.sigmoid(image, text[:5], 1.0, 0.0, torch.arange(6))
    with pytest.raises(ValueError, match="shapes"):
        losses.sigmoid(image, text[:, :3], 1.0, 0.0)
    with pytest.raises(ValueError, match="shapes"):
        losses.structure(image, text[:5])
    with pytest.raises(ValueError, match="shapes"):
        losses.barlow(image[:1], text[:1])
    with pytest.raises(ValueError, match="matrices"):
        losses.klot(image, text[:5])


def test_levels_of_too_many_rows_are_refused_with_a_way_out() -> None:
    row = torch.ones(1, 1).expand(5000, 1)
    with pytest.raises(InvalidInput, match="one level, or a batch of 4,096"):
        losses.structure(row, row, levels=2)


def test_the_plan_of_klot_has_uniform_marginals() -> None:
    """Where both similarities are the same and so are the entropies, nothing is left to learn."""
    cosines = rows(0, 8, 6)
    loss = losses.klot(cosines, cosines.detach(), 0.05, 0.05)
    loss.backward()
    assert loss.abs() < 1e-12 and cosines.grad.abs().max() < 1e-12
    far = losses.klot(cosines.detach(), -cosines.detach())
    assert far > 0.5 and math.isfinite(far)
