"""Tiled against dense: values and gradients, in double, single and half precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from backend.alignment import losses
from tests.unit.alignment.losses import dense
from tests.unit.alignment.losses.dense import assert_close, derived, pair_of_sides, unit_rows

SIZE, WIDTH, EDGE = 37, 12, 8
OWNER = torch.tensor([0, 1, 2, 3, 4, -1, 5, 5, 5, 0] * 4)[:SIZE]
#: of texts that are more than the images: unpaired ones, second captions
OWNER_TEXT = torch.cat([OWNER, torch.arange(30) % 7 - 2])

Loss = Callable[..., Tensor]

CASES: dict[str, tuple[Loss, Loss]] = {}
for name, arguments in {
    "identity": {},
    "mask": {"owner": OWNER},
    "positive": {"owner": OWNER, "siblings": "positive"},
}.items():
    CASES[f"info_nce {name}"] = (
        partial(losses.info_nce, edge=EDGE, **arguments), partial(dense.info_nce, **arguments)
    )  # fmt: skip
for name, arguments in {
    "identity": {},
    "owners": {"owner": OWNER},
    "rows": {"reduction": "rows"},
}.items():
    CASES[f"sigmoid {name}"] = (
        partial(losses.sigmoid, edge=EDGE, **arguments), partial(dense.sigmoid, **arguments)
    )  # fmt: skip
for name, arguments in {"identity": {}, "owners": {"owner": OWNER}}.items():
    CASES[f"distribution {name}"] = (
        partial(losses.similarity_distribution, edge=EDGE, **arguments),
        partial(dense.similarity_distribution, **arguments),
    )


def leaves(case: str, scale: float, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    image, text = (side.to(dtype) for side in pair_of_sides(SIZE, WIDTH))
    numbers = [
        torch.tensor(math.log(scale), dtype=dtype if dtype == torch.float64 else torch.float32)
    ]
    if case.startswith("sigmoid"):
        numbers.append(torch.tensor(-10.0, dtype=numbers[0].dtype))
    return [image, text, *numbers]


@pytest.mark.parametrize("scale", [1, 20, 100])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_dense_form(case: str, scale: int) -> None:
    tiled, whole = CASES[case]
    value, gradients = derived(tiled, *leaves(case, scale))
    expected, theirs = derived(whole, *leaves(case, scale))
    torch.testing.assert_close(value, expected, rtol=1e-11, atol=1e-13)
    for mine, their in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(mine, their, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [1, 20, 100])
@pytest.mark.parametrize("case", CASES)
def test_single_precision_is_exact_to_five_digits(case: str, scale: int) -> None:
    tiled, whole = CASES[case]
    narrow = leaves(case, scale, torch.float32)
    value, gradients = derived(tiled, *narrow)
    expected, theirs = derived(whole, *(leaf.double() for leaf in narrow))
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=0)
    for mine, their in zip(gradients, theirs, strict=True):
        # of the distributions' theta little is left: its terms, some hundred times as large, cancel
        cancels = case.startswith("distribution") and their.ndim == 0
        assert_close(mine, their, 2e-4 if cancels else 1e-5)


@pytest.mark.parametrize("case", CASES)
def test_half_precision_loses_only_what_its_inputs_lost(case: str) -> None:
    """Sums are in float32, so the value is that of the rounded rows; a gradient is rounded once."""
    tiled, whole = CASES[case]
    narrow = leaves(case, 20, torch.bfloat16)
    value, gradients = derived(tiled, *narrow)
    expected, theirs = derived(whole, *(leaf.double() for leaf in narrow))
    assert value.dtype == torch.float32 and gradients[0].dtype == torch.bfloat16
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=0)
    for mine, their in zip(gradients, theirs, strict=True):
        atol = 1e-5 * their.abs().max().item()
        torch.testing.assert_close(mine.double(), their, rtol=2**-8, atol=atol)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("edge", [1, 5, 37, 64])
def test_the_tile_changes_nothing(case: str, edge: int) -> None:
    tiled, whole = CASES[case]
    value, gradients = derived(partial(tiled, edge=edge), *leaves(case, 10))
    expected, theirs = derived(whole, *leaves(case, 10))
    torch.testing.assert_close(value, expected)
    for mine, their in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(mine, their)


def test_no_owner_has_no_siblings() -> None:
    image, text = pair_of_sides(9, 4)
    theta, nobody = torch.tensor(2.0, dtype=torch.float64), torch.full((9,), -3)
    for loss in (losses.info_nce, losses.similarity_distribution):
        torch.testing.assert_close(loss(image, text, theta, nobody), loss(image, text, theta))
    torch.testing.assert_close(
        losses.sigmoid(image, text, theta, -1.0, nobody),
        F.softplus(theta.exp() * image @ text.T - 1).mean(),
    )


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("case", ["info_nce identity", "sigmoid identity", "distribution identity"])
def test_the_smallest_batches(case: str, size: int) -> None:
    tiled, whole = CASES[case]
    image, text, *numbers = leaves(case, 20)
    value, gradients = derived(tiled, image[:size], text[:size], *numbers)
    expected, theirs = derived(whole, image[:size], text[:size], *numbers)
    torch.testing.assert_close(value, expected)
    for mine, their in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(mine, their, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("reduction", ["mean", "rows"])
def test_sigmoid_of_a_rectangle(reduction: str) -> None:
    image, text = unit_rows(0, SIZE, WIDTH), unit_rows(1, len(OWNER_TEXT), WIDTH)
    numbers = torch.tensor(2.0, dtype=torch.float64), torch.tensor(-3.0, dtype=torch.float64)
    arguments = {"owner": OWNER, "owner_text": OWNER_TEXT, "reduction": reduction}
    for first, second, swapped in ((image, text, False), (text, image, True)):
        if swapped:
            arguments |= {"owner": OWNER_TEXT, "owner_text": OWNER}
        value, gradients = derived(
            partial(losses.sigmoid, edge=EDGE, **arguments), first, second, *numbers
        )
        expected, theirs = derived(partial(dense.sigmoid, **arguments), first, second, *numbers)
        torch.testing.assert_close(value, expected)
        for mine, their in zip(gradients, theirs, strict=True):
            torch.testing.assert_close(mine, their)


def test_all_rows_of_one_owner() -> None:
    """Every tile is full of pairs, and the loss with all of them positive is 0."""
    image, text = pair_of_sides(20, 6)
    owner, theta = torch.zeros(20, dtype=torch.long), torch.tensor(3.0, dtype=torch.float64)
    value, gradients = derived(
        lambda *sides: losses.info_nce(*sides, theta, owner, "positive", edge=EDGE), image, text
    )
    assert value.abs() < 1e-12 and all(one.abs().max() < 1e-12 for one in gradients)
    masked = losses.info_nce(image, text, theta, owner, "mask", edge=EDGE)
    assert masked.abs() < 1e-12
    torch.testing.assert_close(
        losses.sigmoid(image, text, theta, -1.0, owner, edge=EDGE),
        dense.sigmoid(image, text, theta, torch.tensor(-1.0), owner),
    )


@pytest.mark.parametrize("divergence", ["reverse-kl", "jensen-shannon"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1, 2, SIZE])
def test_structure_equals_the_dense_form(divergence: str, dtype: torch.dtype, size: int) -> None:
    original = 3 * unit_rows(0, size, 9).to(dtype)
    aligned = 2 * unit_rows(1, size, WIDTH).to(dtype)
    mine = partial(losses.structure, original, divergence=divergence, temperature=0.2, edge=EDGE)
    value, (gradient,) = derived(mine, aligned)
    whole = partial(dense.structure, original.double(), divergence=divergence, temperature=0.2)
    expected, (theirs,) = derived(whole, aligned.double())
    exact = dtype == torch.float64
    torch.testing.assert_close(
        value.double(), expected, rtol=1e-10 if exact else 1e-5, atol=1e-14 if exact else 1e-7
    )
    if size > 2:  # of two rows nothing can be learnt: their centred similarities are symmetric
        assert_close(gradient, theirs, {torch.float64: 1e-9, torch.float32: 1e-5}.get(dtype, 2**-8))


def test_jensen_shannon_stays_below_its_bound() -> None:
    """Copies of two rows before the head, all different after it."""
    original, aligned = unit_rows(0, 2, 4).repeat_interleave(32, 0), unit_rows(1, 64, 32)
    bounded = losses.structure(original, aligned, 0.01, "jensen-shannon")
    assert 0.5 < bounded < math.log(2) < losses.structure(original, aligned, 0.01)
