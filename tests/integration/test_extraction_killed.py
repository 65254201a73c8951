"""Extraction that is killed again and again, and by several at once: nothing is wrong, little is lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from backend.features.store.feature_store import PART_ITEMS
from backend.features.store.parts import read_parts
from tests.integration.extracting import BATCH, Task, extract, paint
from tests.unit.features import tiny

KILLS = 10

#: what may be encoded and not be stored: the open part, and batches that threads have done meanwhile
LOST = PART_ITEMS + BATCH + 2 * 2 * BATCH


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Starts processes in which everything is imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "tests.integration.extracting",
            "transformers.models.auto.modeling_auto",
            "transformers.models.bert.modeling_bert",
            "transformers.models.vit.modeling_vit",
        ]
    )
    return context


def _task(tmp_path: Path, modality: Literal["image", "text"], items: int) -> Task:
    model = (tiny.bert if modality == "text" else tiny.vit)(tmp_path / "model")
    pictures = tmp_path / "pictures"
    if modality == "image":
        paint(pictures, items)
    return Task(modality, model, pictures, tmp_path / "store", tmp_path / "log", 0, items)


def _lines(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


def _kill(process: BaseProcess, task: Task, after: int, *, writing: bool) -> None:
    """Kills a process after so many items, or when it next writes a part after that."""
    deadline = time.monotonic() + 60
    while process.is_alive() and time.monotonic() < deadline:
        if len(_lines(task.log)) >= after and (not writing or any(task.root.glob("*/parts/.*"))):
            break
        time.sleep(0.001)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL  # none was quick enough to end by itself


def _stored(root: Path) -> dict[str, dict[bytes, bytes]]:
    """The bytes of every item's features, by output and key."""
    return {
        folder.parent.name: {
            key.tobytes(): row.tobytes()
            for part, keys in read_parts(folder)
            for key, row in zip(keys, part.read(), strict=True)
        }
        for folder in sorted(root.glob("*/parts"))
    }


@pytest.mark.parametrize(("modality", "items"), [("text", 9000), ("image", 5000)])
def test_killed_at_ten_random_moments_it_ends_as_if_undisturbed(
    tmp_path: Path, processes: ForkServerContext, modality: Literal["image", "text"], items: int
) -> None:
    task, random = _task(tmp_path, modality, items), np.random.default_rng(3)
    for number in range(KILLS):
        done = len(_lines(task.log))
        process = processes.Process(target=extract, args=(task,))
        process.start()
        after = done + int(random.integers(0, items // 6))
        _kill(process, task, after, writing=number % 3 == 2)
        stored = _stored(task.root)
        kept = min(map(len, stored.values())) if len(stored) == 2 else 0
        # at most one shard is to be encoded again
        assert len(set(_lines(task.log))) - kept <= LOST
    before, kept = len(_lines(task.log)), min(map(len, _stored(task.root).values()))
    found = extract(task)
    assert len(_lines(task.log)) - before == items - kept
    assert len(set(_lines(task.log))) == items
    undisturbed = replace(task, root=tmp_path / "whole", log=tmp_path / "log of the whole")
    wanted = extract(undisturbed)
    assert len(_lines(undisturbed.log)) == items
    assert found.ids == wanted.ids and found.vectors.tobytes() == wanted.vectors.tobytes()
    assert _stored(task.root) == _stored(undisturbed.root)


def test_two_processes_at_once_encode_each_item_once(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    one = _task(tmp_path, "text", 6000)
    two = replace(one, first=2000, last=8000)
    running = [processes.Process(target=extract, args=(task,)) for task in (one, two)]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
        assert process.exitcode == 0
    counts = Counter(_lines(one.log))
    assert len(counts) == 8000 and max(counts.values()) == 1
    before = len(_lines(one.log))
    found = extract(replace(one, last=8000))
    assert len(found.ids) == 8000 and len(_lines(one.log)) == before
    alone = extract(replace(one, root=tmp_path / "alone", log=tmp_path / "other log", last=8000))
    # batches were cut from other sets: equal to rounding
    np.testing.assert_allclose(
        found.vectors.astype(np.float32), alone.vectors.astype(np.float32), rtol=2e-3, atol=2e-3
    )


def test_one_that_is_killed_leaves_its_turn_to_the_other(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    task = _task(tmp_path, "text", 6000)
    one, two = (processes.Process(target=extract, args=(task,)) for _ in range(2))
    one.start()
    two.start()
    deadline = time.monotonic() + 60
    while len(_lines(task.log)) < 1500 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert one.pid is not None
    os.kill(one.pid, signal.SIGKILL)
    one.join()
    two.join(120)
    assert two.exitcode == 0
    counts = Counter(_lines(task.log))
    assert len(counts) == 6000 and counts.total() - 6000 <= LOST
    assert {len(rows) for rows in _stored(task.root).values()} == {6000}
