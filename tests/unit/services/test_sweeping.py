"""Sweeps through the door: every fault at once, each cell once, what a read-only place refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.alignment.methods import METHODS
from backend.errors import InvalidInput, NotAllowed, NotFound
from backend.schemas import SweepRequest
from backend.services import Services
from backend.services import machine as machine_module
from backend.services.machine import Device
from backend.settings import Settings

GRID = SweepRequest(
    dataset="scenes-small",
    pairs=(("scene-resnet-ssl", "minilm"), ("scene-resnet-classes", "bag-of-words")),
    methods=("ridge-cca", "linear-infonce"),
    train_images=(100, 1000, None),
    seeds=3,
    options={"linear-infonce": {"epochs": 4}},
)


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


def faults(services: Services, request: SweepRequest) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        services.launch_sweep(request)
    assert services.runs() == [] and services.sweeps() == []
    return {fault.where: fault.what for fault in caught.value.faults}


def test_a_sweep_from_beginning_to_end(services: Services) -> None:
    sweep = services.launch_sweep(GRID)
    assert sweep.counts == {"queued": 12} and services.sweeps() == [sweep]
    detail = services.sweep(sweep.id)
    assert len(detail.cells) == 12 == len(services.runs())
    assert all(cell.run and cell.run.seeds == 3 for cell in detail.cells)
    services.rename_sweep(sweep.id, "mine")
    services.cancel_sweep(sweep.id)
    assert services.resume_sweep(sweep.id) == 12
    services.cancel_sweep(sweep.id)
    assert services.sweeps()[0].name == "mine" and not services.sweeps()[0].live
    services.delete_sweep(sweep.id, with_runs=True)
    assert services.runs() == [] and services.sweeps() == []
    with pytest.raises(NotFound):
        services.sweep(sweep.id)


def test_what_is_the_same_is_made_once(services: Services) -> None:
    """1,500 training images: all of them, however many are asked for."""
    asked = GRID.model_copy(
        update={
            "train_images": (1500, None, 100, 100, 99_999),
            "methods": ("ridge-cca", "ridge-cca"),
            "pairs": (*GRID.pairs, GRID.pairs[0]),
            "options": {},
        }
    )
    made = services.check_sweep(asked)
    assert made.train_images == (100, None) and made.methods == ("ridge-cca",)
    assert made.pairs == GRID.pairs
    sweep = services.launch_sweep(asked)
    assert sweep.request == made and sweep.counts == {"queued": 4}


def test_two_ways_to_write_an_encoder_are_one(services: Services) -> None:
    twice = (
        ("scene-resnet-ssl?layers=1&pooling=mean", "minilm"),
        ("scene-resnet-ssl?pooling=mean&layers=1", "minilm"),
    )
    made = services.check_sweep(GRID.model_copy(update={"pairs": twice}))
    assert made.pairs == twice[:1]


def test_every_fault_is_told_at_once_and_nothing_is_made(
    services: Services, tmp_path: Path
) -> None:
    asked = GRID.model_copy(
        update={
            "dataset": str(tmp_path),
            "pairs": (("nothing-here", "minilm"), ("scene-resnet-ssl", str(tmp_path / "none"))),
            "methods": ("ridge-cca", "magic", "linear-infonce"),
            "train_images": (1, 100),
            "options": {
                "linear-infonce": {"epochs": 0, "colour": "red"},
                "procrustes": {"ridge": 1.0},
            },
        }
    )
    with pytest.raises(InvalidInput) as caught:
        services.check_sweep(asked)
    places = [fault.where for fault in caught.value.faults]
    assert sorted(places) == sorted(
        [
            *("dataset", "pairs", "pairs", "methods", "train_images"),
            *("linear-infonce.epochs", "linear-infonce.colour", "procrustes.ridge"),
        ]
    )
    told = str(caught.value)
    assert "nothing-here" in told and "none" in told and "'magic' is not one of" in told


def test_tokens_are_for_methods_that_take_them(services: Services) -> None:
    tokens = (("scene-resnet-ssl", "minilm?pooling=tokens"),)
    asked = GRID.model_copy(update={"pairs": tokens, "methods": ("ridge-cca", "freeze-align")})
    asked = asked.model_copy(update={"options": {}})
    told = faults(services, asked)
    assert list(told) == ["pairs"] and "minilm?pooling=tokens with ridge-cca" in told["pairs"]
    services.check_sweep(asked.model_copy(update={"methods": ("freeze-align",)}))


def test_a_grid_that_is_too_large_is_refused(services: Services) -> None:
    large = GRID.model_copy(update={"train_images": tuple(range(100, 227))})
    told = faults(services, large)
    assert "2 x 2 x 127 = 508 runs; at most 500" in told["pairs"]
    services.check_sweep(large.model_copy(update={"train_images": tuple(range(100, 225))}))


def test_an_encoder_that_cannot_fit_is_told_at_the_pairs(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Device(False, "this machine's processor", 2_000_000_000, None, 2)
    monkeypatch.setattr("backend.services.needs.device", lambda settings: small)
    assert machine_module.device(services.settings).cores >= 1
    giant = (("facebook/dinov2-giant", "minilm"), ("scene-resnet-ssl", "minilm"))
    told = faults(services, GRID.model_copy(update={"pairs": giant}))
    assert list(told) == ["pairs"] and "DINOv2 giant" in told["pairs"]


def test_all_methods_at_once_can_be_checked(services: Services) -> None:
    made = services.check_sweep(GRID.model_copy(update={"methods": tuple(METHODS), "options": {}}))
    assert made.methods == tuple(METHODS)


def test_a_read_only_place_makes_and_changes_none(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = services.launch_sweep(GRID).id
    monkeypatch.setenv("ISTHMUS_MODE", "readonly")
    closed = Services(Settings())
    for change in (
        lambda: closed.launch_sweep(GRID),
        lambda: closed.cancel_sweep(sweep),
        lambda: closed.resume_sweep(sweep),
        lambda: closed.rename_sweep(sweep, "another"),
        lambda: closed.delete_sweep(sweep),
    ):
        with pytest.raises(NotAllowed, match="read-only"):
            change()
    assert [each.counts for each in closed.sweeps()] == [{"queued": 12}]
    closed.check_sweep(GRID)
