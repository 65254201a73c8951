"""Several outputs of one encoder: computed in one pass, stored one by one, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.catalog.encoders import EncoderSpec
from backend.errors import Cancelled
from backend.features.encoders import Encoder
from backend.features.store import FeatureStore
from backend.features.store.parts import read_parts
from backend.features.work import Outcome, Output, Work
from tests.unit.features.test_store import ask, parts_folder

BATCH = 300


class Layered(Encoder):
    """Layer k of a number n is (n % 100 + k, k), or for tokens n % 4 such rows."""

    unit = "numbers"

    def __init__(self, *layers: str) -> None:
        self.spec = EncoderSpec("layered", "text", "folder", "")
        self.layers = layers
        self.outputs = tuple(
            Output(layer.encode().hex().ljust(64, "0"), layer, layer.startswith("tokens"))
            for layer in layers
        )
        self.asked: list[int] = []

    @property
    def dimension(self) -> int:
        return 2 * len(self.layers)

    def prepare(self) -> None: ...

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        for start in range(0, len(items), BATCH):
            batch = [i for i in range(start, min(start + BATCH, len(items))) if wanted[i]]
            if batch:
                yield Work(tuple(batch), lambda batch=batch: self._run(batch, items))

    def _run(self, batch: list[int], items: Sequence[Any]) -> Outcome:
        numbers = [items[i] for i in batch]
        self.asked += numbers
        lengths = [
            tuple(n % 4 for n in numbers) if output.ragged else () for output in self.outputs
        ]
        blocks = [
            np.concatenate([rows(layer, n) for n in numbers]).astype(np.float32)
            for layer in self.layers
        ]
        return Outcome(tuple(batch), tuple(blocks), tuple(lengths))


def rows(layer: str, number: int) -> Any:
    depth = int(layer[-1])
    count = number % 4 if layer.startswith("tokens") else 1
    return np.array([[number % 100 + depth, depth]] * count, np.float32).reshape(-1, 2)


def test_a_layer_serves_every_request_that_has_it(tmp_path: Path) -> None:
    store, few = FeatureStore(tmp_path), Layered("layer 1", "layer 3")
    both = ask(store, few, range(2000))
    assert both.vectors.shape == (2000, 4) and len(few.asked) == 2000
    for column, layer in enumerate(few.layers):
        wanted = np.concatenate([rows(layer, n) for n in range(2000)])
        assert np.array_equal(both.outputs[column], wanted)
        assert np.array_equal(both.vectors[:, 2 * column : 2 * column + 2], wanted)
    one = Layered("layer 3")
    alone = ask(FeatureStore(tmp_path), one, range(100, 300))
    assert one.asked == [] and np.array_equal(alone.vectors, both.outputs[1][100:300])
    # what is missing of either layer is computed in one pass, and added where it was missing
    more = Layered("layer 3", "layer 2")
    mixed = ask(store, more, range(1900, 2100))
    assert sorted(more.asked) == list(range(1900, 2100))
    assert np.array_equal(
        mixed.outputs[0], np.concatenate([rows("layer 3", n) for n in range(1900, 2100)])
    )
    stored = [keys for _, keys in read_parts(parts_folder(store, one))]
    assert sum(map(len, stored)) == len(set(np.concatenate(stored))) == 2100
    last = Layered("layer 2")
    ask(store, last, range(1900, 2100))
    assert last.asked == []


def test_an_output_that_was_not_committed_is_completed(tmp_path: Path) -> None:
    """As after a kill between the parts of two outputs."""
    store, encoder = FeatureStore(tmp_path), Layered("layer 1", "layer 2")
    whole = ask(store, encoder, range(3000))
    before = {path: path.read_bytes() for path in tmp_path.glob("*/parts/*")}
    part, _ = list(read_parts(parts_folder(store, encoder, 1)))[1]
    part.remove()
    again = Layered("layer 1", "layer 2")
    resumed = ask(FeatureStore(tmp_path), again, range(3000))
    assert len(again.asked) == part.shape[0]
    assert np.array_equal(resumed.vectors, whole.vectors)
    assert {path: path.read_bytes() for path in tmp_path.glob("*/parts/*")} == before


@pytest.mark.parametrize("in_memory", [10**9, 100])
def test_tokens_are_kept_with_their_lengths(tmp_path: Path, in_memory: int) -> None:
    encoder = Layered("layer 1", "tokens 2", "tokens 5")
    order = [*range(1500, 3500), 7, 8, 1501, 7]
    for _ in range(2):
        stored = ask(FeatureStore(tmp_path, in_memory), encoder, order)
        assert stored.vectors.shape == (2004, 2)
        assert np.array_equal(
            stored.outputs[0], np.concatenate([rows("layer 1", n) for n in order])
        )
        assert len(stored.lengths[0]) == 0
        for column in (1, 2):
            assert stored.lengths[column].tolist() == [n % 4 for n in order]
            wanted = np.concatenate([rows(encoder.layers[column], n) for n in order])
            assert np.array_equal(stored.outputs[column], wanted)
            assert isinstance(stored.outputs[column], np.memmap) == (in_memory == 100)
    assert len(encoder.asked) == 2002
    alone = ask(FeatureStore(tmp_path), Layered("tokens 5"), [3, 5][:1])
    assert np.array_equal(alone.vectors, rows("tokens 5", 3))


def test_a_stop_keeps_every_output(tmp_path: Path) -> None:
    def stop(done: int, total: int, unit: str) -> None:
        if done >= 2 * BATCH:
            raise Cancelled("asked to stop")

    store, encoder = FeatureStore(tmp_path), Layered("layer 1", "tokens 2")
    with pytest.raises(Cancelled):
        ask(store, encoder, range(3000), report=stop)
    counts = [
        sum(len(keys) for _, keys in read_parts(parts_folder(store, encoder, output)))
        for output in (0, 1)
    ]
    assert counts[0] == counts[1] >= 2 * BATCH
    fresh = Layered("layer 1", "tokens 2")
    ask(store, fresh, range(3000))
    assert len(fresh.asked) == 3000 - counts[0]
