"""The smallest change that is found by projected gradient descent, and by noise, for whatever has gradients.

What is lowered is the margin of a seed's own attractor: how much nearer the nearest item that ends there
is than the nearest one that ends elsewhere. Below 0 the chain ends elsewhere. At one size e of change

    x <- onto the ball (x + a step),   step  2.5 e / steps along the gradient (its signs, of pixels)

from the seed itself and from random places of the ball (Madry et al. 2018). Sizes are tried from the
smallest; between the last that failed and the first that did not, more are tried; and the line from the
seed to what was found is halved to where the chain goes over. What comes out does send the chain
elsewhere, and a smaller change may, too: it is found and not proven, unlike :mod:`.cones`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.drift.stress.cells import Cells, Nodes

Norm = Literal["l2", "linf"]
#: (n, ...) points -> (n, d) in the shared space, of any length, with gradients
Embed = Callable[[Tensor], Tensor]

#: sizes that are tried between the last that failed and the first that did not
_HALVINGS: Final = 3
#: halvings of the line to what was found
_FINE: Final = 12
_STRIDE: Final = 2.5
_DRAWN: Final = "isthmus-stress-1"
_TINY: Final = 1e-20


@dataclass(frozen=True)
class Seeds:
    """Points that are to be sent elsewhere.

    Attributes:
        names: (n,) that decide what is drawn for each, in whatever company.
        points: (n, ...) as they are.
        own: (n,) the attractor of each.
    """

    names: Sequence[str]
    points: Tensor
    own: Nodes

    def only(self, rows: NDArray[np.int64]) -> Seeds:
        """Some of them."""
        return Seeds([self.names[row] for row in rows], self.points[rows], self.own[rows])


@dataclass(frozen=True)
class Found:
    """The smallest change of each seed.

    Attributes:
        sizes: (n,) infinite where none was found.
        points: (n, ...) where each leads; the seed itself where none was found.
    """

    sizes: NDArray[np.float64]
    points: Tensor


class Margins:
    """How far seeds are from ending elsewhere.

    Args:
        cells: of the seeds' modality.
        embed: from points to the shared space.
        told: called whenever they are asked for; may raise ``Cancelled``.
    """

    def __init__(self, cells: Cells, embed: Embed, told: Callable[[], None] = lambda: None) -> None:
        self._told = told
        self._items = torch.tensor(cells.vectors)  # a copy: a gallery's may be read-only
        self._attractor = torch.from_numpy(cells.attractor)
        self._embed = embed

    def __call__(self, points: Tensor, own: Nodes) -> Tensor:
        """(n,) the best score of items of the own attractor less the best of all others."""
        self._told()
        rows = torch.nn.functional.normalize(self._embed(points), dim=-1)
        scores = rows @ self._items.to(rows.device).T
        ours = self._attractor[None] == torch.from_numpy(own)[:, None]
        ours = ours.to(rows.device)
        nothing = -torch.inf
        best: Tensor = scores.masked_fill(~ours, nothing).amax(dim=1)
        return best - scores.masked_fill(ours, nothing).amax(dim=1)

    def elsewhere(self, points: Tensor, own: Nodes) -> NDArray[np.bool_]:
        """(n,) whether chains end elsewhere."""
        with torch.no_grad():
            return (self(points, own) < 0).cpu().numpy()


@dataclass(frozen=True)
class Ascent:
    """How hard is tried.

    Attributes:
        norm: l2: length of the change; linf: its largest part.
        sizes: that are tried, rising.
        bounds: of every part of a point, or None.
        steps: at one size.
        restarts: from random places, after the seed itself.
        seed: of these places.
    """

    norm: Norm
    sizes: Sequence[float]
    bounds: tuple[float, float] | None = None
    steps: int = 20
    restarts: int = 1
    seed: int = 0

    def smallest(self, margins: Margins, seeds: Seeds) -> Found:
        """The smallest change of each seed that sends its chain elsewhere, of those that are found."""
        reached = np.full(len(seeds.own), np.inf)
        points = seeds.points.clone()
        below = np.zeros(len(seeds.own))
        for size in self.sizes:
            waiting = np.flatnonzero(np.isinf(reached))
            if not len(waiting):
                break
            self._try(margins, seeds, waiting, np.full(len(waiting), size), reached, points)
            below[np.isinf(reached)] = size
        for _ in range(_HALVINGS):
            some = np.flatnonzero(np.isfinite(reached))
            if not len(some):
                break
            middle = (below[some] + reached[some]) / 2
            before = reached[some].copy()
            self._try(margins, seeds, some, middle, reached, points)
            failed = reached[some] == before
            below[some[failed]] = middle[failed]
        return finer(margins, seeds, Found(reached, points), self.norm)

    def _try(
        self,
        margins: Margins,
        seeds: Seeds,
        rows: NDArray[np.int64],
        sizes: NDArray[np.float64],
        reached: NDArray[np.float64],
        points: Tensor,
    ) -> None:
        """Descends at these sizes from the seed and from random places; what is found is noted."""
        for restart in range(self.restarts + 1):
            some = seeds.only(rows)
            ends = self._descend(margins, some, sizes, restart)
            there = margins.elsewhere(ends, some.own)
            found = rows[there]
            points[found] = ends[there]
            reached[found] = sizes[there]
            rows, sizes = rows[~there], sizes[~there]
            if not len(rows):
                break

    def _descend(
        self, margins: Margins, seeds: Seeds, sizes: NDArray[np.float64], restart: int
    ) -> Tensor:
        """(n, ...) the first points found elsewhere, else where it ends."""
        radius = _like(torch.from_numpy(sizes), seeds.points)
        start, points = seeds.points, seeds.points.clone()
        if restart:
            points = self._within(start + radius * self._noise(seeds, restart), start, radius)
        done = torch.zeros(len(points), dtype=torch.bool, device=points.device)
        for _ in range(self.steps):
            points = points.detach().requires_grad_()
            margin = margins(points, seeds.own)
            done |= margin.detach() < 0
            if bool(done.all()):
                break
            (gradient,) = torch.autograd.grad(margin.sum(), points)
            stride = _STRIDE * radius / self.steps
            moved = self._within(points - stride * self._unit(gradient), start, radius)
            points = torch.where(_like(done, points), points, moved)
        return points.detach()

    def _unit(self, gradient: Tensor) -> Tensor:
        if self.norm == "linf":
            return gradient.sign()
        return gradient / _like(gradient.flatten(1).norm(dim=1).clamp_min(_TINY), gradient)

    def _within(self, points: Tensor, start: Tensor, radius: Tensor) -> Tensor:
        """Onto the ball around the seeds, and into bounds."""
        change = points - start
        if self.norm == "linf":
            change = torch.maximum(torch.minimum(change, radius), -radius)
        else:
            length = _like(change.flatten(1).norm(dim=1).clamp_min(_TINY), change)
            change = change * torch.minimum(torch.ones_like(length), radius / length)
        moved = start + change
        return moved if self.bounds is None else moved.clamp(*self.bounds)

    def _noise(self, seeds: Seeds, number: int) -> Tensor:
        """Places in a ball of size 1: of pixels anywhere, else on its border."""
        drawn = noise(seeds, self.seed, f"restart {number}")
        return drawn if self.norm == "linf" else self._unit(drawn)


def by_noise(
    margins: Margins,
    seeds: Seeds,
    sizes: Sequence[float],
    bounds: tuple[float, float],
    seed: int,
    name: str,
) -> Found:
    """The smallest size of one noise of each seed, plus or minus e in every part, that is found.

    Args:
        sizes: tried, rising; between the last that failed and the first that did not the line is halved.
        bounds: of every part of a point.
        seed, name: of the noise.
    """
    signs = noise(seeds, seed, name).sign()
    every = np.arange(len(seeds.own))

    def points(rows: NDArray[np.int64], at: NDArray[np.float64]) -> Tensor:
        some = seeds.points[rows]
        return (some + _like(torch.from_numpy(at), some) * signs[rows]).clamp(*bounds)

    reached, below = np.full(len(every), np.inf), np.zeros(len(every))
    for size in sizes:
        rows = every[np.isinf(reached)]
        if not len(rows):
            break
        there = margins.elsewhere(points(rows, np.full(len(rows), size)), seeds.own[rows])
        reached[rows[there]], below[rows[~there]] = size, size
    rows = every[np.isfinite(reached)]
    for _ in range(_HALVINGS if len(rows) else 0):
        middle = (below[rows] + reached[rows]) / 2
        there = margins.elsewhere(points(rows, middle), seeds.own[rows])
        reached[rows[there]], below[rows[~there]] = middle[there], middle[~there]
    return Found(reached, points(every, np.where(np.isfinite(reached), reached, 0.0)))


def finer(margins: Margins, seeds: Seeds, found: Found, norm: Norm) -> Found:
    """The same changes as short as they may be: each line from the seed is halved to where it goes over."""
    rows = np.flatnonzero(np.isfinite(found.sizes))
    if not len(rows):
        return found
    some = seeds.only(rows)
    change = found.points[rows] - some.points
    low, high = torch.zeros(len(rows)), torch.ones(len(rows))
    low, high = low.to(change.device), high.to(change.device)
    for _ in range(_FINE):
        middle = (low + high) / 2
        there = margins.elsewhere(some.points + _like(middle, change) * change, some.own)
        over = torch.from_numpy(there).to(change.device)
        low, high = torch.where(over, low, middle), torch.where(over, middle, high)
    change = _like(high, change) * change
    points, sizes = found.points.clone(), found.sizes.copy()
    points[rows] = some.points + change
    flat = change.flatten(1)
    lengths = flat.abs().amax(dim=1) if norm == "linf" else flat.norm(dim=1)
    sizes[rows] = lengths.double().cpu().numpy()
    return Found(sizes, points)


def smaller(one: Found, other: Found) -> Found:
    """The smaller change of each seed, of two."""
    better = other.sizes < one.sizes
    points = one.points.clone()
    points[better] = other.points[better]
    return Found(np.where(better, other.sizes, one.sizes), points)


def noise(seeds: Seeds, seed: int, name: str) -> Tensor:
    """Numbers between -1 and 1 in the shape of the seeds' points, by each seed's own name."""
    rows = []
    for each in seeds.names:
        told = hashlib.sha256(f"{_DRAWN}/{seed}/{name}/{each}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(told[:7], "big"))
        rows.append(2 * torch.rand(seeds.points.shape[1:], generator=generator) - 1)
    return torch.stack(rows).to(seeds.points.device)


def _like(values: Tensor, points: Tensor) -> Tensor:
    """(n,) as (n, 1, ...), of the points' kind and place; truth values stay such."""
    kind = values.dtype if values.dtype == torch.bool else points.dtype
    return values.to(points.device, kind).reshape(-1, *[1] * (points.dim() - 1))
