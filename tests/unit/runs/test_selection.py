"""Which items are looked at, how addresses are written, and the bar; the rest is seen in whole runs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from backend.catalog.address import parse
from backend.catalog.records import Record
from backend.reporting import silent
from backend.runs import selection
from backend.runs.inputs import Inputs
from backend.runs.plan import plan
from backend.runs.selection import Parts, sample
from backend.schemas import RunRequest
from backend.settings import Settings


@pytest.fixture
def inputs(settings: Settings, request_: RunRequest) -> Inputs:
    request = request_.model_copy(update={"train_images": 40, "seeds": 3, "seed": 5})
    opened = Inputs(settings, request, plan(request).configuration)
    records = tuple(
        Record(f"item-{n}", "text", "", ("train", "train", "val", "test")[n % 4], ("a", "b"))
        for n in range(120)
    )
    opened._dataset = SimpleNamespace(records=records)  # type: ignore[assignment]
    return opened


def test_the_first_seeds_pairs_alone_are_looked_at(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = inputs.drawn(5, silent)
    assert {record.id for record in sample(inputs, silent)} == own and len(own) == 40
    assert own != inputs.drawn(6, silent)
    monkeypatch.setattr(selection, "PAIRS", 12)
    few = {record.id for record in sample(inputs, silent)}
    assert len(few) == 12 and few < own
    # what is encoded are the pairs of all seeds, and what is held out
    wanted = {record.id for record in inputs.records(silent)}
    held_out = {f"item-{n}" for n in range(120) if n % 4 > 1}
    assert wanted == held_out.union(*(inputs.drawn(seed, silent) for seed in (5, 6, 7)))


def test_an_address_keeps_all_but_the_layers() -> None:
    given = parse("/models/vit?pooling=tokens&layers=all&precision=float32")
    chosen = selection._with(given, layers="6")
    assert parse(chosen) == parse("/models/vit?layers=6&pooling=tokens&precision=float32")
    # layers are compared by one vector an item
    assert parse(selection._pooled(chosen)).get("pooling") == ""
    assert selection._pooled("minilm") == "minilm"


def test_the_bar_goes_once_from_left_to_right() -> None:
    told = list[tuple[int, int]]()
    parts = Parts(lambda done, total, unit: told.append((done, total)), 3, 50)
    for total in (50, 200, 9):
        part = parts.part()
        part(0, 0, "weights checked")
        for done in range(total + 1):
            part(done, total, "anything")
        parts.next()
    assert {total for _, total in told} == {150}
    done = [count for count, _ in told]
    assert done == sorted(done) and done[0] == 0 and done[-1] == 150
