"""The loop: continues bit for bit, chooses on validation, stops when asked or when it diverges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from backend.alignment.heads import HeadConfig, build_head
from backend.alignment.methods import Context, fit
from backend.alignment.objectives import InfoNCE
from backend.alignment.pairs import PairedFeatures, Siblings, batches_of, epoch_batches
from backend.alignment.rows import FeatureRows
from backend.alignment.training import TrainingConfig, train
from backend.alignment.training import bank as bank_module
from backend.alignment.training import loop as loop_module
from backend.alignment.training.bank import Bank
from backend.alignment.training.loop import ENOUGH, Place
from backend.alignment.training.optimizers import Lion, rate_share
from backend.errors import Cancelled, InvalidInput, TrainingDiverged
from backend.reporting import silent
from tests.unit.alignment.pairs_of import context, pairs
from tests.unit.golden import arrays, assert_golden

TRAIN, VAL, TEST = pairs(200, 0), pairs(50, 1), pairs(80, 2)
#: 12 steps an epoch, a look every 12 steps
OPTIONS = {
    "epochs": 5, "batch": 64, "dimension": 12, "patience": 5, "least_steps": 0, "validate_every": 12,
}  # fmt: skip


class StopAt:
    """A report that cancels at a step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.first: int | None = None

    def __call__(self, done: int, total: int, unit: str) -> None:
        self.first = done if self.first is None else self.first
        if done == self.step:
            raise Cancelled("asked to")


class Killed(Exception):
    """What no code expects."""


def killing(step: int):
    def report(done: int, total: int, unit: str) -> None:
        if done == step:
            raise Killed

    return report


def listening(plain: Context, **changes) -> Context:
    return replace(plain, **changes)


@pytest.mark.parametrize("optimizer", ["adamw", "lion"])
@pytest.mark.parametrize("ending", [StopAt, killing])
def test_a_training_broken_off_anywhere_ends_like_an_undisturbed_one(
    ending, optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped, it goes on from that very step; killed, from its last checkpoint."""
    monkeypatch.setattr(loop_module, "_SAVING_SHARE", float("inf"))
    options = OPTIONS | {"optimizer": optimizer, "noise": 0.3, "learning_rate": 0.003}
    whole = fit(
        "linear-infonce", TRAIN, VAL, context(tmp_path / "whole", "linear-infonce", **options)
    )
    for step in (23, 40):
        with pytest.raises((Cancelled, Killed)):
            stopping = context(tmp_path / "parts", "linear-infonce", report=ending(step), **options)
            fit("linear-infonce", TRAIN, VAL, stopping)
    listener = StopAt(-1)
    going_on = context(tmp_path / "parts", "linear-infonce", report=listener, **options)
    again = fit("linear-infonce", TRAIN, VAL, going_on)
    assert listener.first == (41 if ending is StopAt else 37), "it began somewhere else"
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


def test_the_best_look_at_validation_is_what_is_kept(tmp_path: Path) -> None:
    scores: dict[int, float] = {}

    def listen(step: int, values: dict[str, float]) -> None:
        if "val/mean_recall" in values:
            scores[step] = values["val/mean_recall"]

    plain = context(tmp_path, "linear-infonce", **(OPTIONS | {"epochs": 40, "patience": 3}))
    details = fit("linear-infonce", TRAIN, VAL, listening(plain, on_metrics=listen)).details
    assert details["best_step"] == max(scores, key=lambda step: scores[step])
    assert details["validation"]["mean_recall"] == max(scores.values())
    assert details["ended"] == "validation did not gain any more"
    assert details["steps_run"] == max(scores) == details["best_step"] + 3 * 12
    assert details["best_epoch"] == details["best_step"] / 12


def test_looks_come_as_often_as_asked_for(tmp_path: Path) -> None:
    def looks(**options: int) -> list[int]:
        steps: list[int] = []
        plain = context(tmp_path, "linear-infonce", **(OPTIONS | {"epochs": 5} | options))
        fit("linear-infonce", TRAIN, VAL, listening(
            plain, on_metrics=lambda step, values: steps.append(step) if "val/mean_recall" in values else None
        ))  # fmt: skip
        return steps

    assert looks(validate_every=25) == [25, 50, 60]
    # an epoch is 12 steps, which is too short to look after each
    assert looks(validate_every=0) == [25, 50, 60]


def test_a_small_set_is_passed_over_until_enough_steps_are_taken(tmp_path: Path) -> None:
    totals: list[int] = []
    options = OPTIONS | {"least_steps": 100, "patience": 100}
    few = pairs(64, 0, captions=1)  # one step a pass
    plain = context(
        tmp_path, "linear-infonce", report=lambda done, total, unit: totals.append(total), **options
    )
    details = fit("linear-infonce", few, VAL, plain).details
    assert set(totals) == {100} and details["steps_run"] == details["epochs_run"] == 100


def test_the_best_so_far_is_taken_when_that_is_enough(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        stopping = context(tmp_path, "linear-infonce", report=StopAt(30), **OPTIONS)
        fit("linear-infonce", TRAIN, VAL, stopping)
    (tmp_path / ENOUGH).touch()
    found = fit("linear-infonce", TRAIN, VAL, context(tmp_path, "linear-infonce", **OPTIONS))
    assert found.details["ended"] == "the best so far was taken"
    assert found.details["steps_run"] == 30 and found.details["best_step"] in (12, 24)
    assert found.details["validation"]["mean_recall"] > 0.1


def test_features_that_are_not_finite_are_refused_before_a_step(tmp_path: Path) -> None:
    image = np.array(TRAIN.image)
    image[17] = np.inf
    broken = PairedFeatures(image, TRAIN.text, TRAIN.image_of_text)
    with pytest.raises(InvalidInput, match="not finite"):
        fit("linear-infonce", broken, VAL, context(tmp_path, "linear-infonce", **OPTIONS))
    assert not list(tmp_path.iterdir())


def test_heads_that_give_no_numbers_are_not_taken_for_the_best(tmp_path: Path) -> None:
    """A rate and a decay within their bounds that blow the weights up between two losses."""
    wild = {
        "learning_rate": 1.0,
        "weight_decay": 10.0,
        "warmup": 1.0,
        "validate_every": 3,
        "patience": 100,
    }
    plain = context(tmp_path, "linear-infonce", **(OPTIONS | wild | {"least_steps": 76}))
    with pytest.raises(TrainingDiverged, match="after step|at step"):
        fit("linear-infonce", TRAIN, VAL, plain)


def test_a_checkpoint_of_other_features_is_not_continued(tmp_path: Path) -> None:
    plain = context(tmp_path, "linear-infonce", report=StopAt(30), **OPTIONS)
    with pytest.raises(Cancelled):
        fit("linear-infonce", TRAIN, VAL, replace(plain, basis="one"))
    for basis, first in (("one", 31), ("another", 1)):
        listener = StopAt(first)
        going_on = replace(plain, basis=basis, report=listener)
        with pytest.raises(Cancelled):
            fit("linear-infonce", TRAIN, VAL, going_on)
        assert listener.first == first


def test_untrained_heads_are_never_enough(tmp_path: Path) -> None:
    """The marker of an early finish stands beside a checkpoint that no longer belongs to the run."""
    with pytest.raises(Cancelled):
        fit("linear-infonce", TRAIN, VAL,
            context(tmp_path, "linear-infonce", report=StopAt(30), **OPTIONS))  # fmt: skip
    (tmp_path / ENOUGH).touch()
    other = context(tmp_path, "linear-infonce", **(OPTIONS | {"learning_rate": 0.002}))
    assert fit("linear-infonce", TRAIN, VAL, other).details["ended"] != "the best so far was taken"


def test_constant_features_get_no_noise_and_the_clean_ones_stay_at_hand(tmp_path: Path) -> None:
    image = np.hstack([np.array(TRAIN.image), np.full((len(TRAIN.image), 3), 7, np.float32)])
    seen: list[torch.Tensor] = []

    class Watching(InfoNCE):
        def forward(self, step):
            clean, _ = step.batch.clean
            seen.append((step.batch.image - clean).std(0))
            return super().forward(step)

    data = PairedFeatures(image, TRAIN.text, TRAIN.image_of_text)
    held = PairedFeatures(
        np.hstack([np.array(VAL.image), np.full((len(VAL.image), 3), 7, np.float32)]),
        VAL.text, VAL.image_of_text,
    )  # fmt: skip
    _trained(data, tmp_path, Watching(), held=held, noise=0.5)
    noise = torch.stack(seen).mean(0)
    assert torch.equal(noise[-3:], torch.zeros(3))
    np.testing.assert_allclose(noise[:-3], 0.5 * np.array(TRAIN.image).std(0), rtol=0.1)


def test_what_diverges_late_names_the_last_good_checkpoint(tmp_path: Path) -> None:
    class Exploding(InfoNCE):
        def forward(self, step):
            loss = super().forward(step)
            return loss * float("nan") if step.number == 30 else loss

    with pytest.raises(
        TrainingDiverged,
        match=r"at step 31.*checkpoint is of step (12|24), the best heads so far of step (12|24);",
    ):
        _trained(TRAIN, tmp_path, Exploding())
    assert (tmp_path / "checkpoint.safetensors").is_file()


def _trained(
    data: PairedFeatures, folder: Path, objective: InfoNCE, held: PairedFeatures = VAL, **others
) -> tuple[nn.ModuleDict, dict]:
    heads = nn.ModuleDict()
    for side, rows in (("image", data.image), ("text", data.text)):
        head = build_head(HeadConfig("linear", rows.width, 12))
        head.initialise(torch.Generator().manual_seed(0))
        head.prepare(rows)
        heads[side] = head
    config = TrainingConfig(
        epochs=5, least_steps=0, batch=64, learning_rate=1e-2, weight_decay=0.0, validate_every=12,
        **others,
    )  # fmt: skip
    place = Place(0, "cpu", folder, silent, lambda step, values: None, {})
    return heads, train(heads, objective, data, held, config, place)


def test_features_on_disk_train_the_very_same_heads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "image.npy", np.array(TRAIN.image))
    on_disk = np.load(tmp_path / "image.npy", mmap_mode="r")
    mapped = PairedFeatures(on_disk, TRAIN.text, TRAIN.image_of_text)
    kept, details = _trained(TRAIN, tmp_path / "kept", InfoNCE())
    monkeypatch.setattr(bank_module, "_SHARE", 0.0)
    taken, without = _trained(mapped, tmp_path / "taken", InfoNCE())
    assert details["features_on_device"] and not without["features_on_device"]
    for one, other in zip(kept.parameters(), taken.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_bank_gives_the_rows_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(40, dtype=np.float16).reshape(10, 4)
    rows = FeatureRows(values, np.array([9, 3, 3, 0]))
    for share in (0.4, 0.0):
        monkeypatch.setattr(bank_module, "_SHARE", share)
        bank = Bank(rows, torch.device("cpu"))
        assert bank.kept == (share > 0)
        found = bank.take(np.array([2, 0]))
        assert found.dtype == torch.float32 and found.tolist() == values[[3, 9]].tolist()


def test_bfloat16_heads_come_near_to_float32_ones(tmp_path: Path) -> None:
    one, precise = _trained(TRAIN, tmp_path / "a", InfoNCE(), precision="float32")
    other, rough = _trained(TRAIN, tmp_path / "b", InfoNCE(), precision="bfloat16")
    assert all(p.dtype == torch.float32 for p in other.parameters())
    assert not torch.equal(one["image"].linear.weight, other["image"].linear.weight)
    scores = [d["validation"]["mean_recall"] for d in (precise, rough)]
    assert abs(scores[0] - scores[1]) < 0.05


def test_clipping_bounds_each_heads_gradient(tmp_path: Path) -> None:
    norms: list[float] = []

    class Watching(InfoNCE):
        def clamp(self) -> None:
            super().clamp()
            norms.extend(
                float(torch.stack([p.grad.norm() for p in head.parameters()]).norm())
                for head in self.heads
            )

        def forward(self, step):
            self.heads = list(step.heads.values())
            return super().forward(step)

    _trained(TRAIN, tmp_path, Watching(), clip=0.01)
    assert max(norms) == pytest.approx(0.01, rel=1e-3)


def test_lion_takes_the_steps_of_sails_released_optimiser() -> None:
    data = arrays()
    parameter = torch.nn.Parameter(torch.tensor(data["u_raw"][:3]))
    target = torch.tensor(data["v_raw"][:3])
    optimizer = Lion([parameter], lr=0.01, betas=(0.9, 0.99), weight_decay=0.1)
    for number in range(3):
        optimizer.zero_grad()
        loss = (torch.nn.functional.normalize(parameter, dim=1) * target).sum()
        (loss * (1 - 1.4 * number)).backward()
        optimizer.step()
    found = parameter.detach()
    mine = [found.norm().item(), *found.flatten()[:4].tolist()]
    assert_golden(mine, "sail/lion/three_steps")


def test_the_rate_climbs_and_falls() -> None:
    shares = [rate_share(step, 100, 0.1) for step in range(101)]
    assert shares[0] == pytest.approx(0.1) and shares[9] == shares[10] == 1.0
    assert shares[55] == pytest.approx(0.5) and shares[100] == pytest.approx(0.0)
    assert all(later <= earlier for earlier, later in zip(shares[10:], shares[11:], strict=False))


@pytest.mark.parametrize("captions", [1, 5])
def test_an_epoch_has_every_caption_once_and_no_siblings_in_a_batch(captions: int) -> None:
    owner = np.random.default_rng(0).permutation(np.repeat(np.arange(90), captions))
    batches = list(epoch_batches(owner, 32, np.random.default_rng(1)))
    assert sorted(np.concatenate(batches)) == list(range(len(owner)))
    for batch in batches:
        assert len(set(owner[batch])) == len(batch) <= 32


def test_together_siblings_meet_and_every_caption_comes_once() -> None:
    owner = np.repeat(np.arange(20), 5)
    batches = list(batches_of(owner, 32, np.random.default_rng(1), "together"))
    assert sorted(np.concatenate(batches)) == list(range(100))
    assert any(len(set(owner[batch])) < len(batch) for batch in batches)


def test_images_with_different_numbers_of_captions_are_all_seen() -> None:
    owner = np.array([0, 0, 0, 1, 2, 2])
    seen = [row for batch in epoch_batches(owner, 8, np.random.default_rng(0)) for row in batch]
    assert (
        set(seen) >= {3} and len(seen) == len(set(seen)) == 5
    )  # the lone third one has no negative


def test_another_caption_is_another_one_of_the_same_image() -> None:
    owner = np.random.default_rng(0).permutation(np.repeat(np.arange(9), np.arange(1, 10)))
    rows, draw = np.arange(len(owner)), np.random.default_rng(1)
    seen = [Siblings(owner).another(rows, draw) for _ in range(200)]
    lonely = np.bincount(owner)[owner] == 1
    for found in seen:
        assert np.array_equal(owner[found], owner)
        assert np.array_equal(found == rows, lonely)
    family = np.flatnonzero(owner == 8)
    assert {int(found[family[0]]) for found in seen} == set(family[1:].tolist())
