"""Scale 100 and beyond, rows far from all others, rows that are not of length one, no number at all."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from backend.alignment import losses
from tests.unit.alignment.losses import dense
from tests.unit.alignment.losses.dense import assert_close, derived, unit_rows


def opposed(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """One image and one text that look away from all others, and from each other."""
    pole, beside = torch.eye(16, dtype=torch.float64)[:2]
    image, text = (F.normalize(unit_rows(n, 24, 16) + 4 * pole, dim=1) for n in (0, 1))
    image[3], text[5] = -0.6 * pole + 0.8 * beside, -0.6 * pole - 0.8 * beside
    return image.to(dtype), text.to(dtype)


@pytest.mark.parametrize("scale", [100.0, 1000.0])
@pytest.mark.parametrize("owner", [None, torch.arange(24) // 2])
@pytest.mark.parametrize("siblings", ["mask", "positive"])
def test_rows_whose_exponentials_would_all_be_lost(
    scale: float, owner: Tensor | None, siblings: str
) -> None:
    image, text = opposed(torch.float32)
    theta = torch.tensor(math.log(scale))
    logits = scale * (image @ text.T).double()
    lost = (logits - logits.max()).float().exp()
    assert (lost.sum(0) == 0).any() and (lost.sum(1) == 0).any()
    value, gradients = derived(
        lambda *sides: losses.info_nce(*sides, theta, owner, siblings, edge=7), image, text
    )
    expected, theirs = derived(
        lambda *sides: dense.info_nce(*sides, theta.double(), owner, siblings),
        image.double(),
        text.double(),
    )
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=0)
    for mine, their in zip(gradients, theirs, strict=True):
        # a logit of 1,000 carries 3e-5 of rounding into its exponential
        assert_close(mine, their, 1e-5 if scale == 100 else 1e-4)


@pytest.mark.parametrize("length", [1e-3, 10.0, 300.0])
def test_rows_of_other_lengths_neither_overflow_nor_vanish(length: float) -> None:
    image, text = (length * side for side in opposed(torch.float32))
    theta = torch.tensor(math.log(20.0))
    value, gradients = derived(losses.info_nce, image, text, theta)
    expected, theirs = derived(dense.info_nce, image.double(), text.double(), theta.double())
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=0)
    for mine, their in zip(gradients, theirs, strict=True):
        assert_close(mine, their, 1e-3 if length > 100 else 1e-5)


def test_pairs_that_agree_wholly_cost_next_to_nothing() -> None:
    """The positive's logit and the sum it stands in are the same number, of which nothing is left."""
    image = unit_rows(0, 50, 64, dtype=torch.float32)
    loss = losses.info_nce(image, image, math.log(100.0), edge=16)
    assert loss.abs() < 1e-6


def test_sigmoid_of_certain_pairs_keeps_its_small_losses() -> None:
    """As softplus(l) - l they would be rounding: the positives' own form is taken."""
    image = torch.eye(12)
    loss = losses.sigmoid(image, image, math.log(100.0), -10.0, edge=5)
    expected = 11 / 12 * math.log1p(math.exp(-10))
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    alone = losses.sigmoid(image[:1], image[:1], math.log(25.0), -10.0)
    assert alone.item() == pytest.approx(math.log1p(math.exp(-15)), rel=1e-5)


@pytest.mark.parametrize("loss", [losses.info_nce, losses.similarity_distribution])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_shows_in_the_loss(loss, value: float) -> None:
    image, text = unit_rows(0, 9, 4, dtype=torch.float32), unit_rows(1, 9, 4, dtype=torch.float32)
    image[2, 1] = value
    assert not loss(image, text, 1.0, edge=4).isfinite()
    assert not losses.sigmoid(image, text, 1.0, 0.0, edge=4).isfinite()
