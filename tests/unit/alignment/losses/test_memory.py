"""No batch x batch matrix: memory grows with the batch and not with its square."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

if not Path("/proc/self/status").is_file():
    pytest.skip("the largest size of a process is read from /proc", allow_module_level=True)

SCRIPT = """
import json, re, sys
from pathlib import Path
import torch
from backend.alignment import losses

torch.set_num_threads(1)
WIDTH = 16

def size(field):
    return int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000

def run(count):
    sides = [torch.nn.functional.normalize(torch.randn(count, WIDTH), dim=1) for _ in range(2)]
    sides = [side.requires_grad_() for side in sides]
    owner = torch.arange(count) // 2
    loss = {
        "info_nce": lambda: losses.info_nce(*sides, 3.0, owner),
        "sigmoid": lambda: losses.sigmoid(*sides, 3.0, -10.0, owner),
        "similarity_distribution": lambda: losses.similarity_distribution(*sides, 3.0, owner),
        "structure": lambda: losses.structure(sides[0].detach(), sides[1]),
    }[sys.argv[1]]
    loss().backward()
    return size("VmHWM") - start

run_small = 256
start = 0.0
run(run_small)  # the libraries' own first allocations
start = size("VmRSS")
print(json.dumps([run(int(count)) for count in sys.argv[2:]]))
"""


@pytest.mark.parametrize("loss", ["info_nce", "sigmoid", "similarity_distribution", "structure"])
def test_twice_the_batch_takes_no_four_times_the_memory(loss: str) -> None:
    """One matrix of 8,192 x 8,192 in float32 is 268 MB, the smaller one 67 MB."""
    command = [sys.executable, "-c", SCRIPT, loss, "4096", "8192"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    small, large = json.loads(done.stdout)
    assert large < 150, (small, large)
    assert large < 2.5 * max(small, 40), (small, large)
