"""Scenes as tensors, and the random views that training takes of them.

The scenes come from namespaces of their own, so no picture that an encoder was trained on is ever in
the built-in data set.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from backend.scenes.graph import Scene, sample_scene
from backend.scenes.render import render

#: ``draw(low, high, *shape)``: (n, *shape) uniform numbers, one row a picture
Draw = Callable[..., Tensor]


def draw_many(namespace: str, count: int) -> tuple[NDArray[np.uint8], list[Scene]]:
    """The first ``count`` scenes of a namespace: pictures (count, 128, 128, 3) uint8 and their graphs."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        pictures = list(pool.map(partial(_draw, namespace), range(count), chunksize=64))
    return np.stack(pictures), [sample_scene(namespace, index) for index in range(count)]


def _draw(namespace: str, index: int) -> NDArray[np.uint8]:
    return render(sample_scene(namespace, index))


def random_batch(
    pictures: NDArray[np.uint8], count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Some pictures (count, 3, 128, 128) in 0 to 1, and their rows (count,)."""
    rows = torch.randint(len(pictures), (count,), generator=generator)
    return torch.from_numpy(pictures[rows.numpy()]).permute(0, 3, 1, 2).float() / 255, rows


def random_view(
    pictures: Tensor,
    size: int,
    generator: torch.Generator,
    centre: Tensor,
    field: tuple[float, float],
    shift: float,
) -> Tensor:
    """A random view of each picture: moved, turned, zoomed, other light, sensor noise, a part covered.

    Hue is left alone, for captions name colours, and so is left and right.

    Args:
        pictures: (n, 3, height, width) in 0 to 1.
        size: width and height of the views in pixels.
        centre: (n, 2) around which to look, x and y in -1 to 1.
        field: least and largest width of the view as a share of the picture's.
        shift: largest shift of the centre each way, in the units of ``centre``.

    Returns:
        (n, 3, size, size) in -1 to 1, the encoders' input range.
    """
    n = len(pictures)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand((n, *shape), generator=generator)

    angle, scale, stretch = draw(-0.2, 0.2), draw(*field), draw(0.94, 1.06)
    moved = centre + draw(-shift, shift, 2)
    across = torch.stack([scale * stretch * angle.cos(), -scale * angle.sin(), moved[:, 0]], 1)
    down = torch.stack([scale * angle.sin(), scale / stretch * angle.cos(), moved[:, 1]], 1)
    grid = F.affine_grid(torch.stack([across, down], 1), [n, 3, size, size], align_corners=False)
    view = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    view = (view - 0.5) * draw(0.75, 1.25, 1, 1, 1) + 0.5  # contrast
    view = view * draw(0.75, 1.25, 1, 1, 1) * draw(0.95, 1.05, 3, 1, 1)  # light, a slight tint
    view = view + 0.02 * torch.randn(view.shape, generator=generator)
    return _cover(view.clamp(0, 1), draw) * 2 - 1


def _cover(view: Tensor, draw: Draw) -> Tensor:
    """Covers a random rectangle, up to a quarter of the width each way, with one random grey."""
    size = view.shape[-1]
    axis = torch.arange(size) / size
    x, y, width, height = draw(-0.2, 1), draw(-0.2, 1), draw(0, 0.25), draw(0, 0.25)
    across = (axis >= x[:, None]) & (axis < (x + width)[:, None])
    down = (axis >= y[:, None]) & (axis < (y + height)[:, None])
    hidden = (down[:, None, :, None] & across[:, None, None, :]).float()
    return view * (1 - hidden) + draw(0, 1, 1, 1, 1) * hidden
