"""Heads along a training: which are kept, that no number changes, that a broken-off one keeps the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from backend.alignment.methods import fit
from backend.alignment.training import loop as loop_module
from backend.alignment.training.stops import heads_at, kept_stops, stops_until
from backend.errors import Cancelled, NotFound
from tests.unit.alignment.pairs_of import context, pairs
from tests.unit.alignment.test_training import OPTIONS, TRAIN, VAL, Killed, StopAt, killing

TEST = pairs(30, 2)
#: 60 steps
STEPS = (0, 8, 16, 32)
ROOM = 10**9


def trained(folder: Path, room: int = ROOM, **changes):
    options = OPTIONS | {"noise": 0.3}
    return fit("linear-infonce", TRAIN, VAL,
               replace(context(folder, "linear-infonce", **options), room=room, **changes))  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "stops").iterdir()}


@pytest.mark.parametrize(
    ("step", "most", "expected"),
    [
        (0, 8, (0,)),
        (7, 8, (0,)),
        (100, 8, (0, 8, 16, 32, 64)),
        (512, 8, (0, 8, 16, 32, 64, 128, 256, 512)),
        (1024, 8, (0, 16, 32, 64, 128, 256, 512, 1024)),
        (2048, 8, (0, 16, 64, 128, 256, 512, 1024, 2048)),
        (100_000, 8, (0, 16, 64, 256, 1024, 4096, 16_384, 65_536)),
        (100_000, 3, (0, 1024, 65_536)),
        (100_000, 2, (0, 65_536)),
    ],
)
def test_stops_double_and_the_densest_go_first(
    step: int, most: int, expected: tuple[int, ...]
) -> None:
    assert stops_until(step, most) == expected


@pytest.mark.parametrize("most", [2, 3, 5, 8])
def test_what_was_dropped_never_comes_back_and_gaps_stay_even(most: int) -> None:
    """So files can be deleted on the way, and the slider is never empty somewhere."""
    before: set[int] = set()
    for number in range(1, 40):
        step = 8 * 2 ** (number - 1)
        now = stops_until(step, most)
        assert set(now) <= before | {0, step} and len(now) <= most
        assert now[0] == 0 and (number < most or len(now) == most)
        doublings = np.diff([0, *(np.log2(np.array(now[1:]) / 8) + 1)])
        assert doublings.max() <= max(1, 4 * number / (most - 1))
        before = set(now)


def test_keeping_changes_no_number(tmp_path: Path) -> None:
    with_stops, without = trained(tmp_path / "with"), trained(tmp_path / "without", room=0)
    assert with_stops.details == without.details
    np.testing.assert_array_equal(
        with_stops.transform("image", TEST.image), without.transform("image", TEST.image)
    )
    assert kept_stops(tmp_path / "with") == STEPS and kept_stops(tmp_path / "without") == ()


def test_the_kept_heads_are_those_of_their_step(tmp_path: Path) -> None:
    """Held against a training that was stopped at that very step."""
    final = trained(tmp_path / "whole")
    with pytest.raises(Cancelled):
        trained(tmp_path / "stopped", report=StopAt(16))
    checkpoint = load_file(tmp_path / "stopped" / "checkpoint.safetensors")
    kept = heads_at(tmp_path / "whole", 16, final)
    for side, head in kept.heads.items():
        for name, value in head.state_dict().items():
            assert value.equal(checkpoint[f"now.{side}.{name}"])
    first = heads_at(tmp_path / "whole", 0, final).transform("image", TEST.image)
    assert not np.allclose(first, final.transform("image", TEST.image), atol=0.01)


@pytest.mark.parametrize("ending", [StopAt, killing])
def test_a_training_broken_off_keeps_the_very_same_heads(
    ending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "_SAVING_SHARE", float("inf"))
    trained(tmp_path / "whole")
    for step in (5, 20, 40):  # killed at 5, there is no checkpoint; at 40, the last is of 36
        with pytest.raises((Cancelled, Killed)):
            trained(tmp_path / "parts", report=ending(step))
    trained(tmp_path / "parts")
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert sorted(files(tmp_path / "whole")) == sorted(f"{step}.safetensors" for step in STEPS)


def test_heads_from_beyond_the_end_and_of_another_training_go(tmp_path: Path) -> None:
    """Killed after step 32 with a checkpoint of step 12, then told that this is enough."""
    with pytest.raises(Cancelled):
        trained(tmp_path, report=StopAt(12))
    (tmp_path / "stops" / "32.safetensors").write_bytes(
        (tmp_path / "stops" / "8.safetensors").read_bytes()
    )
    (tmp_path / loop_module.ENOUGH).touch()
    trained(tmp_path)
    assert kept_stops(tmp_path) == (0, 8)
    before = files(tmp_path)
    with pytest.raises(Cancelled):
        trained(tmp_path, basis="another", report=StopAt(2))
    assert kept_stops(tmp_path) == (0,) and files(tmp_path) != before


def test_large_heads_are_kept_less_often_or_not_at_all(tmp_path: Path) -> None:
    trained(tmp_path / "all")
    size = sum(
        value.nbytes for value in load_file(tmp_path / "all" / "stops" / "0.safetensors").values()
    )
    trained(tmp_path / "some", room=3 * size)
    assert kept_stops(tmp_path / "some") == (0, 16, 32)
    trained(tmp_path / "none", room=2 * size - 1)
    assert kept_stops(tmp_path / "none") == ()


def test_a_full_disk_costs_the_stops_and_not_the_training(tmp_path: Path) -> None:
    (tmp_path / "stops").write_text("in the way")  # nothing can be written below a file
    assert trained(tmp_path).details["steps_run"] == 60
    assert kept_stops(tmp_path) == ()


def test_heads_that_are_gone_damaged_or_of_another_make_are_said_to_be(tmp_path: Path) -> None:
    final = trained(tmp_path)
    stops = tmp_path / "stops"
    (stops / "8.safetensors").write_bytes(b"damaged")
    (stops / "16.safetensors").unlink()
    wider = fit("linear-infonce", TRAIN, VAL,
                context(tmp_path / "wider", "linear-infonce", **OPTIONS | {"dimension": 13}))  # fmt: skip
    for step, whole in ((8, final), (16, final), (32, wider)):
        with pytest.raises(NotFound, match=f"step {step}"):
            heads_at(tmp_path, step, whole)
