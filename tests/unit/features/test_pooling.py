"""Poolings of tokens, with padding on either side."""

from __future__ import annotations

import pytest
import torch

from backend.features.models.pooling import Layout, pooled, tokens

HIDDEN = torch.arange(24, dtype=torch.float32).reshape(2, 4, 3)
#: the first item has two real tokens, the second has three
RIGHT = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]])
LEFT = RIGHT.flip(1)


@pytest.mark.parametrize(
    ("mask", "first", "last"), [(RIGHT, (0, 0), (1, 2)), (LEFT, (2, 1), (3, 3))]
)
def test_first_and_last_token_are_real_ones(
    mask: torch.Tensor, first: tuple[int, int], last: tuple[int, int]
) -> None:
    rows = torch.arange(2)
    assert torch.equal(pooled(HIDDEN, "cls", Layout(), mask), HIDDEN[rows, list(first)])
    assert torch.equal(pooled(HIDDEN, "last", Layout(), mask), HIDDEN[rows, list(last)])


@pytest.mark.parametrize("mask", [RIGHT, LEFT])
def test_the_mean_and_the_tokens_are_those_of_real_tokens(mask: torch.Tensor) -> None:
    kept = [HIDDEN[row, mask[row].bool()] for row in range(2)]
    means = torch.stack([each.mean(0) for each in kept])
    assert torch.allclose(pooled(HIDDEN, "mean", Layout(), mask), means)
    every, lengths = tokens(HIDDEN, Layout(), mask)
    assert lengths == [2, 3] and torch.equal(every, torch.cat(kept))


def test_registers_are_no_patches() -> None:
    layout = Layout(prefix=3)
    assert torch.equal(pooled(HIDDEN, "mean", layout), HIDDEN[:, 3])
    both = pooled(HIDDEN, "cls+mean", layout)
    assert torch.equal(both, torch.cat([HIDDEN[:, 0], HIDDEN[:, 3]], 1))
    every, lengths = tokens(HIDDEN, layout)
    assert lengths == [2, 2] and torch.equal(every, HIDDEN[:, [0, 3]].flatten(0, 1))


def test_positions_of_a_grid_are_its_tokens() -> None:
    grid = torch.randn(2, 5, 3, 4)
    assert torch.allclose(pooled(grid, "mean", Layout()), grid.mean((2, 3)))
    every, lengths = tokens(grid, Layout(3))
    assert lengths == [12, 12]
    assert torch.equal(every[0], grid[0, :, 0, 0]) and torch.equal(every[13], grid[1, :, 0, 1])


def test_half_precision_is_summed_in_single() -> None:
    hidden = torch.full((1, 4096, 1), 60.0, dtype=torch.float16)
    assert pooled(hidden, "mean", Layout()).item() == 60.0
