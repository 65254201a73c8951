"""The training loop of every gradient-trained method, read top to bottom.

One step is one batch of caption rows and their images. Every so many steps the heads are scored on the
validation split; the best heads so far are what is returned, and an early stop is decided there, too.
A checkpoint holds heads, objective, optimiser, position, generator and the best heads, so a training
that was stopped or killed ends with the very numbers it would have had.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backend.alignment.heads import Head, Inputs, TokenBatch
from backend.alignment.moments import mean_and_spread
from backend.alignment.pairs import PairedFeatures, Siblings, batches_of
from backend.alignment.training.bank import Bank
from backend.alignment.training.checkpoint import (
    Checkpoint,
    Progress,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    write_checkpoint,
)
from backend.alignment.training.config import TrainingConfig
from backend.alignment.training.objective import Batch, Objective, Step
from backend.alignment.training.optimizers import optimizer_of, rate_share
from backend.alignment.training.stops import Stops
from backend.alignment.training.validation import validate
from backend.errors import Cancelled, TrainingDiverged
from backend.reporting import Report

OnMetrics = Callable[[int, dict[str, float]], None]

#: a file of this name in the training's folder: the best heads so far are enough
ENOUGH: Final = "enough"

_LOG_EVERY: Final = 5
_LEAST_BETWEEN_LOOKS: Final = 25
#: up to this batch, one core takes a step sooner than several that wait for each other
_ONE_CORE_BATCH: Final = 1024
#: writing checkpoints may take so much of the time: large heads are not written at every look
_SAVING_SHARE: Final = 0.1


class Place(NamedTuple):
    """Where and by what a training is carried out.

    Attributes:
        seed: decides every random draw.
        device: ``cpu`` or ``cuda:N``.
        folder: where the checkpoint is kept, and looked for first.
        report: told ``(step, steps, "steps")``; may raise ``Cancelled``: a checkpoint is written then.
        on_metrics: told ``(step, {name: value})``.
        options: of the method; a checkpoint of other options is not gone on from.
        basis: tells the features from others of the same shape, to the same end.
        room: bytes that heads kept along the way may take (:mod:`backend.alignment.training.stops`).
    """

    seed: int
    device: str
    folder: Path
    report: Report
    on_metrics: OnMetrics
    options: Mapping[str, Any]
    basis: str = ""
    room: int = 0


def train(
    heads: nn.ModuleDict,
    objective: Objective,
    train_pairs: PairedFeatures,
    val_pairs: PairedFeatures,
    config: TrainingConfig,
    place: Place,
) -> dict[str, Any]:
    """Trains both heads in place and leaves the best weights in them, on the CPU.

    Args:
        heads: ``image`` and ``text``, initialised and prepared.
        objective: what is minimised.
        train_pairs: what is learned from.
        val_pairs: what chooses.
        config: how long and how fast.
        place: seed, device, folder and listeners.

    Returns:
        What was chosen: ``best_step``, ``best_epoch``, ``steps_run``, ``epochs_run``, ``ended``,
        ``validation``, and what the objective learned.

    Raises:
        TrainingDiverged: the loss is not finite.
        StorageError: the checkpoint cannot be written.
        Cancelled: from ``place.report``.
    """
    loop = _Loop(heads, objective, train_pairs, config, place)
    loop.resume()
    with _cores(config.batch):
        while (ended := loop.ended()) is None:
            if loop.time_to_look():
                loop.look(val_pairs)
            else:
                loop.step()
            loop.tell()
        if not loop.progress.looks:  # stopped before the first one
            loop.look(val_pairs)
    return loop.finish(ended)


class _Loop:
    """State of one training and how it is kept."""

    def __init__(
        self,
        heads: nn.ModuleDict,
        objective: Objective,
        pairs: PairedFeatures,
        config: TrainingConfig,
        place: Place,
    ) -> None:
        device = torch.device(place.device)
        self.config, self.place, self.device = config, place, device
        self.heads, self.objective = heads.to(device), objective.to(device)
        self.owner = pairs.image_of_text
        self.image, self.text = Bank(pairs.image, device), Bank(pairs.text, device)
        self.siblings = Siblings(self.owner) if objective.extra_captions else None
        # of a constant feature 0, so that noise does not make it the loudest; refuses what is not finite
        self.spread = {
            side: torch.from_numpy(mean_and_spread(rows)[1]).float().to(device)
            for side, rows in (("image", pairs.image), ("text", pairs.text))
        }
        self.generator = torch.Generator(device).manual_seed(place.seed)
        for head in heads.values():
            assert isinstance(head, Head)
            head.draw_from(self.generator)
        self.parameters: list[Tensor] = [*heads.parameters(), *objective.parameters()]
        self.optimizer = optimizer_of(config, heads.parameters(), objective.parameters())
        self.progress = Progress()
        self.stops = Stops(place.folder, place.room, self.heads)
        self.best = _copy(heads)
        self.epoch: tuple[int, list[NDArray[np.int64]]] = (-1, [])
        self.steps_an_epoch = max(1, len(self._epoch(0)))
        self.total = max(config.epochs * self.steps_an_epoch, config.least_steps)
        self.every = config.validate_every or max(self.steps_an_epoch, _LEAST_BETWEEN_LOOKS)
        self.bfloat16 = config.precision == "bfloat16" or (
            config.precision == "auto" and device.type == "cuda"
        )
        self._saved_at, self._saving_took = -math.inf, 0.0

    # --- one step -------------------------------------------------------------------------------

    def step(self) -> None:
        """One optimiser step."""
        number = self.progress.step
        batch = self._batch(self._epoch(number // self.steps_an_epoch), number)
        self.heads.train()
        self.objective.train()
        share = rate_share(number, self.total, self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * share
        loss = self._loss(batch, number)
        if self.device.type == "cpu" or number % _LOG_EVERY == 0:
            self._check(loss, number)  # on a GPU this waits for all that was asked of it
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.config.clip:
            for head in self.heads.values():
                nn.utils.clip_grad_norm_(head.parameters(), self.config.clip)
        self.optimizer.step()
        with torch.no_grad():
            self.objective.clamp()
        self.progress.step += 1
        self.stops.keep(self.progress.step)

    def _loss(self, batch: Batch, number: int) -> Tensor:
        dtype = torch.bfloat16 if self.bfloat16 else torch.float32
        precise = torch.autocast(self.device.type, dtype) if self.bfloat16 else nullcontext()
        with precise:
            image = self._embed("image", batch.image).to(dtype)
            text = self._embed("text", batch.text).to(dtype)
            step = Step(number, batch, image, text, self.heads, dtype, self.total)
            loss: Tensor = self.objective(step)
        return loss

    def _embed(self, side: str, inputs: Inputs) -> Tensor:
        head = self.heads[side]
        assert isinstance(head, Head)
        embedded: Tensor = head(inputs) if self.objective.unit_rows else head.project(inputs)
        return embedded

    def _check(self, loss: Tensor, number: int) -> None:
        value = float(loss.detach())
        if not math.isfinite(value):
            raise self._diverged(f"The loss became {value} at step {number + 1}.")
        if number % _LOG_EVERY == 0:
            self.place.on_metrics(number + 1, {"train/loss": value})

    def _diverged(self, what: str) -> TrainingDiverged:
        """What to raise; the best heads so far are put into the checkpoint first."""
        kept = read_checkpoint(self.place.folder, self._settings())
        if kept is None:
            where = "No checkpoint was written yet"
        else:
            best = {f"best.{name}": tensor for name, tensor in self.best.items()}
            for name in ("best_score", "best_step", "best_look", "best_metrics"):
                setattr(kept.progress, name, getattr(self.progress, name))
            write_checkpoint(self.place.folder, replace(kept, tensors=kept.tensors | best))
            where = (
                f"The last good checkpoint is of step {kept.progress.step}, the best heads so far of "
                f"step {self.progress.best_step}"
            )
        return TrainingDiverged(f"{what} {where}; launch again with a lower learning rate.")

    def _epoch(self, number: int) -> list[NDArray[np.int64]]:
        """The batches of an epoch, the same whenever they are asked for."""
        if self.epoch[0] != number:
            order = np.random.default_rng((self.place.seed, 1, number))
            batches = batches_of(self.owner, self.config.batch, order, self.config.siblings)
            self.epoch = number, list(batches)
        return self.epoch[1]

    def _batch(self, epoch: list[NDArray[np.int64]], number: int) -> Batch:
        rows = epoch[number % self.steps_an_epoch]
        owner = self.owner[rows]
        batch = Batch(
            self.image.take(owner), self.text.take(rows), torch.from_numpy(owner).to(self.device)
        )
        if self.siblings is not None:
            draw = np.random.default_rng((self.place.seed, 2, number))
            batch = replace(batch, extra=self.text.take(self.siblings.another(rows, draw)))
        if self.config.noise:
            batch = replace(
                batch,
                without_noise=(batch.image, batch.text),
                image=self._noisy("image", batch.image),
                text=self._noisy("text", batch.text),
                extra=None if batch.extra is None else self._noisy("text", batch.extra),
            )
        return self.objective.prepare(batch, self.generator)

    def _noisy(self, side: str, inputs: Inputs) -> Inputs:
        values = inputs.values if isinstance(inputs, TokenBatch) else inputs
        noise = torch.randn(values.shape, generator=self.generator, device=self.device)
        values = values + self.config.noise * self.spread[side] * noise
        return TokenBatch(values, inputs.mask) if isinstance(inputs, TokenBatch) else values

    # --- looks at the validation split ----------------------------------------------------------

    def time_to_look(self) -> bool:
        """Whether the heads are to be scored before the next step."""
        step = self.progress.step
        due = step % self.every == 0 or step >= self.total
        return due and step > self.progress.looked_at

    def look(self, pairs: PairedFeatures) -> None:
        """Scores the heads, keeps them if they are the best so far, writes a checkpoint."""
        metrics = validate(self.heads, pairs, self.tell)
        if metrics is None:
            raise self._diverged(f"The heads gave no numbers after step {self.progress.step}.")
        told = {f"val/{name}": value for name, value in metrics.items()}
        self.place.on_metrics(self.progress.step, told)
        self.progress.looks += 1
        self.progress.looked_at = self.progress.step
        if metrics["mean_recall"] > self.progress.best_score:
            self.progress.best_score = metrics["mean_recall"]
            self.progress.best_step = self.progress.step
            self.progress.best_look = self.progress.looks
            self.progress.best_metrics = metrics
            self.best = _copy(self.heads)
        since = time.monotonic() - self._saved_at
        if self._saving_took <= _SAVING_SHARE * since or self.ended() is not None:
            self.save()

    def ended(self) -> str | None:
        """Why training is over; None while it is not."""
        if (self.place.folder / ENOUGH).exists():
            return "the best so far was taken"
        if self.progress.step >= self.total and not self.time_to_look():
            return "all steps were taken"
        if self.progress.looks - self.progress.best_look >= self.config.patience:
            return "validation did not gain any more"
        return None

    def tell(self) -> None:
        """Tells how far it is; where a stop is asked for, what was done is kept."""
        try:
            self.place.report(self.progress.step, self.total, "steps")
        except Cancelled:
            self.save()
            raise

    def finish(self, ended: str) -> dict[str, Any]:
        """Puts the best heads in place."""
        self.heads.load_state_dict(self.best)
        self.heads.eval().cpu()
        return {
            "best_step": self.progress.best_step,
            "best_epoch": math.ceil(self.progress.best_step / self.steps_an_epoch),
            "steps_run": self.progress.step,
            "epochs_run": math.ceil(self.progress.step / self.steps_an_epoch),
            "ended": ended,
            "features_on_device": self.image.kept and self.text.kept,
            "validation": self.progress.best_metrics,
            **self.objective.told(),
        }

    # --- keeping it -----------------------------------------------------------------------------

    def save(self) -> None:
        """Writes a checkpoint of this very step."""
        begun = time.monotonic()
        groups = {
            "now": self.heads.state_dict(),
            "best": self.best,
            "objective": self.objective.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer, self.parameters),
            "generator": {"state": self.generator.get_state()},
        }
        tensors = {f"{g}.{n}": t.detach() for g, own in groups.items() for n, t in own.items()}
        write_checkpoint(self.place.folder, Checkpoint(self.progress, tensors, self._settings()))
        self._saved_at = time.monotonic()
        self._saving_took = self._saved_at - begun

    def resume(self) -> None:
        """Goes on from the checkpoint in the folder, if it belongs to this configuration."""
        settings = self._settings()
        kept = read_checkpoint(self.place.folder, settings)
        self.stops.go_on(kept.progress.step if kept else -1, settings)
        if kept is None:  # then there is nothing yet that could be enough
            (self.place.folder / ENOUGH).unlink(missing_ok=True)
            self.stops.keep(0)
            return
        self.progress = kept.progress
        self.heads.load_state_dict(kept.group("now"))
        self.best = kept.group("best")
        self.objective.load_state_dict(kept.group("objective"))
        restore_optimizer(self.optimizer, self.parameters, kept.group("optimizer"))
        self.generator.set_state(kept.group("generator")["state"])

    def _settings(self) -> str:
        """What a checkpoint belongs to: another configuration begins anew."""
        shapes = {name: list(value.shape) for name, value in self.heads.state_dict().items()}
        about = {
            "seed": self.place.seed,
            "heads": shapes,
            "objective": type(self.objective).__name__,
            "options": dict(self.place.options),
            "pairs": [len(self.image), len(self.text)],
            "basis": self.place.basis,
            # a generator's state and the arithmetic are the device's own
            "device": self.device.type,
            "bfloat16": self.bfloat16,
            **asdict(self.config),
        }
        return json.dumps(about, sort_keys=True)


@contextmanager
def _cores(batch: int) -> Iterator[None]:
    """One core for small batches, then as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if batch <= _ONE_CORE_BATCH else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _copy(heads: nn.ModuleDict) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in heads.state_dict().items()}
