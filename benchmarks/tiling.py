"""What the benchmark of losses measures with; imports torch, so it is imported when all is set.

As a program, the last line is what a process grows by for one forward and backward, in MB:
    python -m benchmarks.tiling ours|dense LOSS BATCH
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import math
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional as F

from backend.alignment.losses import info_nce, sigmoid

WIDTH: Final = 512
LARGE_GPU: Final = 32_768
WIDTH_GPU: Final = 1024
#: products of B x B x d in forward and backward together
PRODUCTS: Final = {"sigmoid": 3, "InfoNCE": 4}

Loss = Callable[["Features"], Tensor]


class Features:
    """Unit rows of two sides that agree somewhat, and the numbers that are learned beside them."""

    def __init__(self, batch: int, width: int = WIDTH, **place: Any) -> None:
        generator = torch.Generator().manual_seed(0)
        shared, *own = (torch.randn(batch, width, generator=generator) for _ in range(3))
        self.image, self.text = (
            F.normalize(shared + one, dim=1).to(**place).requires_grad_() for one in own
        )
        device = self.image.device
        self.theta = torch.tensor(math.log(20.0), device=device, requires_grad=True)
        self.bias = torch.tensor(-10.0, device=device, requires_grad=True)

    def run(self, loss: Loss) -> None:
        for leaf in (self.image, self.text, self.theta, self.bias):
            leaf.grad = None
        loss(self).backward()  # type: ignore[no-untyped-call]


OURS: Final[dict[str, Loss]] = {
    "sigmoid": lambda f: sigmoid(f.image, f.text, f.theta, f.bias, reduction="rows"),
    "InfoNCE": lambda f: info_nce(f.image, f.text, f.theta),
}


def dense() -> tuple[str, dict[str, Loss]]:
    """open_clip's losses, loaded without the package around them, which wants torchvision and timm."""
    found = importlib.util.find_spec("open_clip")
    if found is None or not found.submodule_search_locations:
        return "dense as open_clip writes it", {
            "sigmoid": _dense_sigmoid,
            "InfoNCE": _dense_info_nce,
        }
    file = Path(found.submodule_search_locations[0]) / "loss.py"
    spec = importlib.util.spec_from_file_location("open_clip_loss", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    contrastive, pairwise = module.ClipLoss(), module.SigLipLoss()
    try:
        name = f"open_clip {importlib.metadata.version('open_clip_torch')}"
    except importlib.metadata.PackageNotFoundError:
        name = "open_clip"
    return name, {
        "sigmoid": lambda f: pairwise(f.image, f.text, f.theta.exp(), f.bias),
        "InfoNCE": lambda f: contrastive(f.image, f.text, f.theta.exp()),
    }


def _dense_sigmoid(features: Features) -> Tensor:
    logits = features.theta.exp() * features.image @ features.text.T
    logits += features.bias
    labels = 2 * torch.eye(len(logits), device=logits.device) - torch.ones_like(logits)
    return -F.logsigmoid(labels * logits).sum() / len(logits)


def _dense_info_nce(features: Features) -> Tensor:
    scale, target = features.theta.exp(), torch.arange(len(features.image))
    there = scale * features.image @ features.text.T
    back = scale * features.text @ features.image.T
    return (F.cross_entropy(there, target) + F.cross_entropy(back, target)) / 2


def compared(
    loss: str, name: str, features: Features, pair: tuple[Loss, Loss], rounds: int
) -> dict[str, float]:
    """Shortest and median times of ours and theirs, and the ratio with its range."""
    ours, theirs = pair
    values = [one(features).item() for one in (theirs, ours)]
    assert math.isclose(*values, rel_tol=1e-5), values
    for one in (theirs, ours):
        features.run(one)
    seconds: list[tuple[float, float]] = []
    for number in range(rounds):
        if number % 2:
            own, other = _seconds(features, ours), _seconds(features, theirs)
        else:
            other, own = _seconds(features, theirs), _seconds(features, ours)
        seconds.append((own, other))
    ratios = [own / other for own, other in seconds]
    figures = {}
    for place, who in ((0, "ours"), (1, name)):
        taken = [1000 * pair[place] for pair in seconds]
        figures[f"{loss}, {who}, B = {len(features.image):,}, shortest, ms"] = min(taken)
        figures[f"{loss}, {who}, B = {len(features.image):,}, median, ms"] = statistics.median(
            taken
        )
    shortest = (min(pair[place] for pair in seconds) for place in (0, 1))
    figures[f"{loss}, time ratio, of the shortest"] = next(shortest) / next(shortest)
    figures[f"{loss}, time ratio, median"] = statistics.median(ratios)
    figures[f"{loss}, time ratio, lowest"] = min(ratios)
    figures[f"{loss}, time ratio, highest"] = max(ratios)
    return figures


def _seconds(features: Features, loss: Loss) -> float:
    start = time.perf_counter()
    features.run(loss)
    return time.perf_counter() - start


def on_a_gpu(rounds: int) -> dict[str, float]:
    """Times, shares of what a plain product reaches, and memory; nothing without a GPU."""
    if not torch.cuda.is_available():
        return {}
    features = Features(LARGE_GPU, WIDTH_GPU, device="cuda", dtype=torch.bfloat16)
    square = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    rate = 2 * 8192**3 / _card_seconds(lambda: square @ square, rounds)
    figures = {"product of matrices in bfloat16, TFLOP/s": rate / 1e12}
    for loss, ours in OURS.items():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()

        def run(ours: Loss = ours) -> None:
            features.run(ours)

        seconds = _card_seconds(run, rounds)
        done = 2 * PRODUCTS[loss] * LARGE_GPU**2 * WIDTH_GPU / seconds
        figures[f"{loss}, ours on the GPU, B = {LARGE_GPU:,}, ms"] = 1000 * seconds
        figures[f"{loss}, ours on the GPU, share of the card's rate"] = done / rate
        peak = torch.cuda.max_memory_allocated() - before
        figures[f"{loss}, ours on the GPU, memory beside the features, MB"] = peak / 1e6
    return figures


def _card_seconds(run: Callable[[], object], rounds: int) -> float:
    """The median time on the card, after a first run."""
    run()
    taken = []
    for _ in range(rounds):
        events: list[Any] = [torch.cuda.Event(enable_timing=True) for _ in range(2)]  # type: ignore[no-untyped-call]
        start, end = events
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        taken.append(start.elapsed_time(end) / 1000)
    return float(statistics.median(taken))


def memory(whose: str, loss: str, batch: int) -> float:
    """MB that this process grows by at most, over what it has with the features in memory."""
    run = (OURS if whose == "ours" else dense()[1])[loss]
    Features(64).run(run)
    features = Features(batch)
    before = _resident("VmRSS")
    # from here on, the largest size is counted anew
    Path("/proc/self/clear_refs").write_text("5")
    features.run(run)
    return _resident("VmHWM") - before


def _resident(field: str) -> float:
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(rf"{field}:\s+(\d+)", status)
    return int(kilobytes) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(memory(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
