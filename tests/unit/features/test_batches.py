"""The size of batches: the fastest of those tried, remembered, never beyond memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from backend.errors import Cancelled
from backend.features.kinds.texts import TextEncoder
from backend.features.loading import load_encoder
from backend.features.store import batches
from backend.features.store.batches import fastest, settle
from backend.features.work import Outcome, Work
from tests.unit.features import tiny


class Timed:
    """Takes some seconds a batch and some an item; beyond ``room`` items there is no memory.

    The seconds are those of a clock of its own: what else a machine does changes nothing.
    """

    device = "cpu"
    now = 0.0

    def __init__(
        self, a_batch: float = 0.0, an_item: float = 0.0, best: int = 10**9, room: int = 10**9
    ) -> None:
        self.batch_size = 8
        self.batch_sizes: Sequence[int] = (2, 4, 8, 16)
        self.tried: list[int] = []
        self._a_batch, self._an_item, self._best, self._room = a_batch, an_item, best, room

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        self.tried.append(self.batch_size)
        for start in range(0, len(items), self.batch_size):
            batch = tuple(range(start, min(start + self.batch_size, len(items))))
            yield Work(batch, lambda batch=batch: self._run(batch))

    def _run(self, batch: tuple[int, ...]) -> Outcome:
        if len(batch) > self._room:
            raise MemoryError
        beyond = max(0, len(batch) - self._best)
        Timed.now += self._a_batch + self._an_item * (len(batch) + 10 * beyond)
        return Outcome(batch, (np.zeros((len(batch), 1), np.float32),))


def nothing() -> None: ...


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured is the encoder's own time; real seconds count so little that none is 0."""

    def now() -> float:
        return Timed.now + 1e-6 * time.perf_counter()

    monkeypatch.setattr(batches, "time", SimpleNamespace(perf_counter=now))


def test_the_fastest_wins_and_the_guess_is_put_back() -> None:
    many = Timed(a_batch=0.02)
    assert fastest(many, range(1000), nothing) == 16 and many.batch_size == 8
    few = Timed(an_item=0.002, a_batch=0.004, best=4)
    assert fastest(few, range(1000), nothing) == 4
    assert few.tried == [8, 2, 4, 8, 16]


def test_memory_ends_the_trial() -> None:
    encoder = Timed(a_batch=0.01, room=8)
    assert fastest(encoder, range(1000), nothing) == 8


def test_a_slow_encoder_is_not_tried() -> None:
    encoder = Timed(a_batch=1.1)
    assert fastest(encoder, range(1000), nothing) == 8 and encoder.tried == [8]


def test_the_size_is_remembered_by_device_and_small_sets_are_left_alone(tmp_path: Path) -> None:
    small = Timed(a_batch=0.01)
    settle(small, range(500), tmp_path, nothing)
    assert small.batch_size == 8 and small.tried == [] and not list(tmp_path.iterdir())
    settle(Timed(a_batch=0.01), range(600), tmp_path, nothing)
    assert json.loads((tmp_path / "batches.json").read_text()) == {"cpu": 16}
    resumed = Timed()
    settle(resumed, range(3), tmp_path, nothing)
    assert resumed.batch_size == 16 and resumed.tried == []
    (tmp_path / "batches.json").write_text("[broken")
    settle(resumed, range(3), tmp_path, nothing)
    settle(object(), range(10_000), tmp_path, nothing)  # leaves nothing open


def test_a_person_may_stop_it(tmp_path: Path) -> None:
    def stop() -> None:
        raise Cancelled("asked to stop")

    encoder = Timed(a_batch=0.01)
    with pytest.raises(Cancelled):
        settle(encoder, range(600), tmp_path, stop)
    assert encoder.batch_size == 8 and not list(tmp_path.iterdir())


def test_a_batch_beyond_the_gpus_memory_is_halved_until_it_fits(tmp_path: Path) -> None:
    spec = tiny.spec(tiny.bert(tmp_path / "bert"), "text")
    texts = [" ".join(tiny.WORDS[5 : 7 + n % 8]) for n in range(21)]
    for pooling in ("mean", "tokens"):
        encoder, small = (
            load_encoder(replace(spec, layers=(1, 2), pooling=pooling), "cpu") for _ in range(2)
        )
        assert isinstance(small, TextEncoder)
        seen: list[int] = []

        def refuse(module: Any, given: Any, named: dict[str, Any], seen: list[int] = seen) -> None:
            seen.append(len(named["input_ids"]))
            if seen[-1] > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")

        small._loaded.checkpoint.model.register_forward_pre_hook(refuse, with_kwargs=True)
        for whole, halved in zip(
            encoder.encode_tokens(texts), small.encode_tokens(texts), strict=True
        ):
            for one, other in zip(whole, halved, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
        assert max(seen) == 21 and seen.count(3) + seen.count(2) >= 7
