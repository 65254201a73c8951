"""Seeds of a gallery, disturbed: in the shared space, in their pixels.

An attack's smallest epsilon is never larger than that of the noise it is beside: the directions that were
drawn are places that it may start from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
import torch
from torch import Tensor

from backend.drift.stress.ascent import Ascent, Embed, Found, Margins, Seeds, by_noise, smaller
from backend.drift.stress.cells import Ground, Nodes
from backend.drift.stress.cones import smallest_change
from backend.drift.stress.rays import directions, first_crossings
from backend.reporting import Report, silent
from backend.schemas import Side
from backend.schemas.stress import StressAttack, StressFlip, StressRequest, StressSpace

#: sizes that are tried, before others between them
SIZES: Final[dict[StressSpace, tuple[float, ...]]] = {
    "embedding": (0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0),
    "pixels": (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0),
}
_VALUES: Final = (0.0, 255.0)
#: of the directions that are drawn, so many as noise of pixels: each asks the encoder a dozen times
_NOISES: Final = 8
_TOGETHER: Final[dict[StressSpace, int]] = {"embedding": 64, "pixels": 16}
_DRAWN: Final = "isthmus-stress-directions-1"

Flips = dict[str, tuple[StressFlip, ...]]


def in_embedding(
    ground: Ground, items: Sequence[str], request: StressRequest, report: Report = silent
) -> Flips:
    """What it takes to send seeds elsewhere by a change to their vectors.

    Args:
        ground: the run's gallery.
        items: of it.
        request: how hard is tried.
        report: told seeds done; may raise ``Cancelled``.

    Returns:
        By item: random directions, gradient descent, and the smallest change there is.
    """
    found: Flips = {}
    sides: tuple[Side, ...] = ("image", "text")
    for side in sides:
        own = [item for item in items if ground.side(item) == side]
        for start in range(0, len(own), _TOGETHER["embedding"]):
            some = own[start : start + _TOGETHER["embedding"]]
            told = partial(report, len(found), len(items), "seeds")
            descents = _descents(ground, side, some, request, told)
            for item, descent in zip(some, descents, strict=True):
                report(len(found), len(items), "seeds")
                found[item] = _in_embedding(ground, side, item, descent, request)
    report(len(found), len(items), "seeds")
    return found


def in_pixels(
    ground: Ground,
    items: Sequence[str],
    pictures: Tensor,
    embed: Embed,
    request: StressRequest,
    report: Report = silent,
) -> Flips:
    """What it takes to send images elsewhere by a change to their pixels.

    Where a chain ends unchanged is found by the same embedding, so that a seed is not counted as sent
    elsewhere by nothing.

    Args:
        ground: the run's gallery.
        items: images of it.
        pictures: (n, 3, height, width) values from 0 to 255, as the encoder sees them.
        embed: from such to the shared space, with gradients.
        request: how hard is tried.
        report: told images done; may raise ``Cancelled``.
    """
    found: Flips = {}
    for start in range(0, len(items), _TOGETHER["pixels"]):
        some = items[start : start + _TOGETHER["pixels"]]
        points = pictures[start : start + len(some)]
        told = partial(report, start, len(items), "images")
        found |= _in_pixels(ground, some, points, embed, request, told)
    report(len(items), len(items), "images")
    return found


def _in_pixels(
    ground: Ground,
    items: Sequence[str],
    points: Tensor,
    embed: Embed,
    request: StressRequest,
    told: Callable[[], None],
) -> Flips:
    """The same of a few images, together."""
    cells = ground.cells["image"]

    def ends(pixels: Tensor) -> Nodes:
        with torch.no_grad():
            return cells.of(embed(pixels).float().cpu().numpy())

    margins, seeds = Margins(cells, embed, told), Seeds(items, points, ends(points))
    drawn, best = [], Found(np.full(len(items), np.inf), points.clone())
    for number in range(min(request.directions, _NOISES)):
        noise = by_noise(
            margins, seeds, SIZES["pixels"], _VALUES, request.seed, f"direction {number}"
        )
        drawn.append(noise.sizes)
        best = smaller(best, noise)
    reached = smaller(_ascent("pixels", request).smallest(margins, seeds), best)
    of_noise, of_descent = ends(best.points), ends(reached.points)
    return {
        item: (
            _flip(
                "pixels",
                "random",
                [float(sizes[row]) for sizes in drawn],
                ground.members(int(of_noise[row])),
            ),
            _flip(
                "pixels",
                "pgd",
                [float(reached.sizes[row])],
                ground.members(int(of_descent[row])),
            ),
        )
        for row, item in enumerate(items)
    }


def _in_embedding(
    ground: Ground, side: Side, item: str, descent: tuple[float, int], request: StressRequest
) -> tuple[StressFlip, ...]:
    """The same of one seed, given what gradient descent found."""
    cells, vector = ground.cells[side], ground.vector(item)
    told = hashlib.sha256(f"{_DRAWN}/{request.seed}/{item}".encode()).digest()
    draw = np.random.default_rng(int.from_bytes(told[:8], "big"))
    ways = directions(request.directions, len(vector), draw)
    lengths, ends = first_crossings(cells, vector, ways)
    nearest, best = smallest_change(cells, vector), int(lengths.argmin())
    size, end = min(descent, (float(lengths[best]), int(ends[best])))
    attacks: tuple[tuple[StressAttack, Sequence[float], int], ...] = (
        ("random", lengths.tolist(), int(ends[best])),
        ("pgd", [size], end),
        ("exact", [nearest.length], nearest.attractor),
    )
    return tuple(
        _flip("embedding", attack, sizes, ground.members(to) if to >= 0 else ())
        for attack, sizes, to in attacks
    )


def _descents(
    ground: Ground,
    side: Side,
    items: Sequence[str],
    request: StressRequest,
    told: Callable[[], None],
) -> list[tuple[float, int]]:
    """Sizes of the changes that gradient descent finds, and the attractors that they lead to; -1: none."""
    cells = ground.cells[side]
    points = torch.from_numpy(np.stack([ground.vector(item) for item in items]))
    own = np.array([ground.attractor(item) for item in items])
    found = _ascent("embedding", request).smallest(
        Margins(cells, lambda rows: rows, told), Seeds(items, points, own)
    )
    ends = cells.of(found.points.numpy())
    return [
        (float(size), int(end) if np.isfinite(size) else -1)
        for size, end in zip(found.sizes, ends, strict=True)
    ]


def _ascent(space: StressSpace, request: StressRequest) -> Ascent:
    return Ascent(
        norm="linf" if space == "pixels" else "l2",
        sizes=SIZES[space],
        bounds=_VALUES if space == "pixels" else None,
        steps=request.steps,
        restarts=request.restarts,
        seed=request.seed,
    )


def _flip(
    space: StressSpace, attack: StressAttack, sizes: Sequence[float], ends: tuple[str, ...] = ()
) -> StressFlip:
    told = tuple(size if np.isfinite(size) else None for size in sizes)
    there = [size for size in told if size is not None]
    return StressFlip(
        space=space,
        attack=attack,
        epsilon=min(there, default=None),
        ends=ends if there else (),
        epsilons=told,
    )
