"""The loop: continues bit for bit, chooses on validation, stops when asked or when it diverges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.alignment.losses import info_nce
from backend.alignment.methods import fit
from backend.alignment.pairs import PairedFeatures, epoch_batches
from backend.errors import Cancelled, TrainingDiverged
from tests.unit.alignment.pairs_of import context, pairs
from tests.unit.golden import arrays, assert_golden, unit

TRAIN, VAL, TEST = pairs(200, 0), pairs(50, 1), pairs(80, 2)
OPTIONS = {"epochs": 5, "batch": 64, "dimension": 12, "patience": 5, "least_steps": 0}


class StopAt:
    """A report that cancels at a step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.first: int | None = None

    def __call__(self, done: int, total: int, unit: str) -> None:
        self.first = done if self.first is None else self.first
        if done == self.step:
            raise Cancelled("asked to")


@pytest.mark.parametrize("method", ["linear-infonce", "mlp-infonce"])
def test_a_run_broken_off_in_the_middle_of_an_epoch_ends_like_an_undisturbed_one(
    method: str, tmp_path: Path
) -> None:
    whole = fit(method, TRAIN, VAL, context(tmp_path / "whole", method, **OPTIONS))
    for step in (23, 37):
        with pytest.raises(Cancelled):
            stopping = context(tmp_path / "parts", method, report=StopAt(step), **OPTIONS)
            fit(method, TRAIN, VAL, stopping)
    listener = StopAt(-1)
    again = fit(method, TRAIN, VAL, context(tmp_path / "parts", method, report=listener, **OPTIONS))
    assert listener.first is not None and listener.first > 20, "it began again from the start"
    np.testing.assert_array_equal(
        again.transform("image", TEST.image), whole.transform("image", TEST.image)
    )
    assert again.details == whole.details


def test_a_checkpoint_of_another_configuration_is_not_continued(tmp_path: Path) -> None:
    fit("linear-infonce", TRAIN, VAL, context(tmp_path, "linear-infonce", **OPTIONS))
    listener = StopAt(-1)
    other = OPTIONS | {"learning_rate": 0.002}
    fit("linear-infonce", TRAIN, VAL, context(tmp_path, "linear-infonce", report=listener, **other))
    assert listener.first == 1


def test_the_best_epoch_on_validation_is_what_is_kept(tmp_path: Path) -> None:
    scores: list[float] = []

    def listen(step: int, values: dict[str, float]) -> None:
        if "val/mean_recall" in values:
            scores.append(values["val/mean_recall"])

    plain = context(tmp_path, "linear-infonce", **(OPTIONS | {"epochs": 12, "patience": 3}))
    listening = type(plain)(**(vars(plain) | {"on_metrics": listen}))
    details = fit("linear-infonce", TRAIN, VAL, listening).details
    assert details["best_epoch"] == int(np.argmax(scores)) + 1
    assert details["validation"]["mean_recall"] == max(scores)
    assert len(scores) == details["epochs_run"] <= details["best_epoch"] + 3


def test_a_small_set_is_passed_over_until_enough_steps_are_taken(tmp_path: Path) -> None:
    steps: list[int] = []
    options = OPTIONS | {"least_steps": 100}
    few = pairs(64, 0, captions=1)  # one step a pass
    listening = context(
        tmp_path, "linear-infonce", report=lambda done, total, unit: steps.append(total), **options
    )
    details = fit("linear-infonce", few, VAL, listening).details
    assert set(steps) == {100} and len(steps) == 20 * details["epochs_run"]


def test_a_loss_that_is_not_finite_stops_the_run_and_says_where(tmp_path: Path) -> None:
    image = TRAIN.image.copy()
    image[17] = np.inf
    broken = PairedFeatures(image, TRAIN.text, TRAIN.image_of_text)
    with np.errstate(invalid="ignore"), pytest.raises(TrainingDiverged, match="at step"):
        fit("linear-infonce", broken, VAL, context(tmp_path, "linear-infonce", **OPTIONS))


@pytest.mark.parametrize("captions", [1, 5])
def test_an_epoch_has_every_caption_once_and_no_siblings_in_a_batch(captions: int) -> None:
    owner = np.random.default_rng(0).permutation(np.repeat(np.arange(90), captions))
    batches = list(epoch_batches(owner, 32, np.random.default_rng(1)))
    assert sorted(np.concatenate(batches)) == list(range(len(owner)))
    for batch in batches:
        assert len(set(owner[batch])) == len(batch) <= 32


def test_images_with_different_numbers_of_captions_are_all_seen() -> None:
    owner = np.array([0, 0, 0, 1, 2, 2])
    seen = [row for batch in epoch_batches(owner, 8, np.random.default_rng(0)) for row in batch]
    assert (
        set(seen) >= {3} and len(seen) == len(set(seen)) == 5
    )  # the lone third one has no negative


@pytest.mark.parametrize("scale", [20, 100])
def test_info_nce_equals_open_clip(scale: int) -> None:
    data = arrays()
    image = torch.tensor(unit(data["u_raw"]), requires_grad=True)
    text = torch.tensor(unit(data["v_raw"]), requires_grad=True)
    log_scale = torch.tensor(float(np.log(scale)), dtype=torch.float64, requires_grad=True)
    loss = info_nce(image, text, log_scale)
    loss.backward()
    name = f"open_clip/clip/s{scale}"
    assert_golden(loss.item(), f"{name}/loss")
    assert_golden(image.grad.norm().item(), f"{name}/grad_image/norm")
    assert_golden(text.grad.flatten()[:5].numpy(), f"{name}/grad_text/first5")
    assert_golden(log_scale.grad.item() / scale, f"{name}/grad_scale", atol=1e-9)
