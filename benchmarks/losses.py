"""Tiled losses against open_clip's dense ones, on the same features in one run.

    time      forward and backward at B = 4,096, d = 512, in float32 on all cores; ours over theirs, so
              that below 1 is faster. Rounds take turns, and a ratio is of one round
    memory    what a new process grows by for one forward and backward: ours at B = 32,768 (B = 8,192
              with --quick), open_clip's at B = 4,096
    a GPU     where there is one: B = 32,768, d = 1,024 in bfloat16, as a share of the rate of a plain
              product of matrices (3 products of B x B x d for the sigmoid, 4 for InfoNCE)

open_clip's ``ClipLoss`` and ``SigLipLoss`` are taken from its file where the package is installed (for
this, ``pip install --no-deps open_clip_torch`` is enough); else the same formulas are written out here.
A figure's name says which it was.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from backend.runs.pipeline import share_cores
from backend.settings import REPOSITORY

BATCH: Final = 4096
LARGE: Final = 32_768


def measure(quick: bool) -> dict[str, float]:
    """Milliseconds, ratios and megabytes; shares of a card's rate."""
    share_cores()
    from benchmarks import tiling  # noqa: PLC0415

    name, theirs = tiling.dense()
    figures: dict[str, float] = {}
    features = tiling.Features(BATCH)
    for loss, ours in tiling.OURS.items():
        pair = ours, theirs[loss]
        figures.update(tiling.compared(loss, name, features, pair, 3 if quick else 15))
    for loss in tiling.OURS:
        for owner, batch in ((name, BATCH), ("ours", 8192 if quick else LARGE)):
            told = _child("ours" if owner == "ours" else "dense", loss, batch)
            figures[f"{loss}, {owner}, B = {batch:,}, memory beside the features, MB"] = told
    return figures | tiling.on_a_gpu(5 if quick else 20)


def _child(whose: str, loss: str, batch: int) -> float:
    command = [sys.executable, "-m", "benchmarks.tiling", whose, loss, str(batch)]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))
