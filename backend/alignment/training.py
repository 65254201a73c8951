"""The training loop of every gradient-trained method: one file, read top to bottom.

One step is one batch of caption rows and their images. After each epoch the heads are scored on the
validation split; the best epoch's heads are what is returned, and an early stop is decided there too.
A checkpoint after each epoch holds heads, optimiser, schedule position, generator and the best
heads so far, so a run that was killed continues with the very numbers it would have had.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from backend.alignment.heads import Head
from backend.alignment.losses import MAX_LOG_SCALE, info_nce
from backend.alignment.pairs import PairedFeatures, epoch_batches
from backend.errors import StorageError, TrainingDiverged
from backend.evaluation.retrieval import mean_recall
from backend.reporting import Report

OnMetrics = Callable[[int, dict[str, float]], None]

_CHECKPOINT: Final = "checkpoint.safetensors"
_LOG_EVERY: Final = 5
#: up to this batch, one core takes a step sooner than several that wait for each other
_ONE_CORE_BATCH: Final = 1024


@dataclass(frozen=True)
class TrainingConfig:
    """How long and how fast.

    Attributes:
        epochs: rounds, each of which ends with validation and a checkpoint. A round is one pass over all
            captions, or several where so few pairs would not make ``least_steps`` steps in all.
        least_steps: a small set is passed over until so many steps are taken.
        batch: pairs a step; also the number of candidates each pair is told apart from.
        learning_rate: peak of AdamW, reached after warm-up, then a cosine to 0.
        weight_decay: on matrices; biases and the temperature have none.
        warmup: share of all steps that the rate climbs linearly.
        patience: rounds without a better validation score after which training stops.
        noise: standard deviation of Gaussian noise on standardised features, a regulariser.
        logit_scale: first value of the learned scale, exp(theta); 1/0.07 in CLIP.
    """

    epochs: int
    least_steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    warmup: float = 0.05
    patience: int = 5
    noise: float = 0.0
    logit_scale: float = 1 / 0.07


@dataclass
class _Progress:
    """What a checkpoint remembers beside tensors."""

    epoch: int = 0
    step: int = 0
    best_score: float = -1.0
    best_epoch: int = -1
    best_metrics: dict[str, float] = field(default_factory=dict)


def train(
    heads: nn.ModuleDict,
    train_pairs: PairedFeatures,
    val_pairs: PairedFeatures,
    config: TrainingConfig,
    seed: int,
    device: str,
    folder: Path,
    report: Report,
    on_metrics: OnMetrics,
) -> dict[str, Any]:
    """Trains both heads in place and leaves the best epoch's weights in them.

    Args:
        heads: ``image`` and ``text``, initialised, with fitted statistics.
        folder: where the checkpoint is kept, and looked for first.
        report: told ``(step, steps, "steps")``; may raise ``Cancelled``: the last epoch stays on disk.
        on_metrics: told ``(step, {name: value})``.

    Returns:
        What was chosen: ``best_epoch``, ``epochs_run``, ``logit_scale``, ``validation``.

    Raises:
        TrainingDiverged: the loss is not finite.
        StorageError: the checkpoint cannot be written.
    """
    loop = _Loop(heads, train_pairs, config, seed, device, folder)
    loop.resume()
    steps_a_pass = sum(1 for _ in epoch_batches(train_pairs.image_of_text, config.batch, _rng(0)))
    passes = max(1, math.ceil(config.least_steps / (config.epochs * max(1, steps_a_pass))))
    total = steps_a_pass * passes * config.epochs

    with _cores(config.batch):
        while loop.progress.epoch < config.epochs and not loop.out_of_patience:
            loop.round(val_pairs, passes, total, report, on_metrics)
    return loop.finish()


def validate(heads: nn.ModuleDict, pairs: PairedFeatures) -> dict[str, float]:
    """Recalls on the validation split with the heads as they are."""
    heads.eval()
    with torch.inference_mode():
        shared = {}
        for side, features in (("image", pairs.image), ("text", pairs.text)):
            head = heads[side]
            device = next(head.parameters()).device
            shared[side] = head(_on_device(features, str(device))).cpu().numpy()
    return mean_recall(shared["image"], shared["text"], pairs.image_of_text)


class _Loop:
    """State of one training run and how it is kept."""

    def __init__(
        self,
        heads: nn.ModuleDict,
        pairs: PairedFeatures,
        config: TrainingConfig,
        seed: int,
        device: str,
        folder: Path,
    ) -> None:
        self.heads = heads.to(device)
        self.image, self.text = _on_device(pairs.image, device), _on_device(pairs.text, device)
        self.owner = pairs.image_of_text
        self.config = config
        self.seed = seed
        self.path = folder / _CHECKPOINT
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.logit_scale), device=device))
        matrices = [p for p in heads.parameters() if p.ndim > 1]
        vectors = [p for p in heads.parameters() if p.ndim <= 1]
        self.parameters = [*matrices, *vectors, self.log_scale]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": config.weight_decay},
                {"params": [*vectors, self.log_scale], "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
        )
        self.noise = torch.Generator(device).manual_seed(seed)
        self.progress = _Progress()
        self.best = {name: value.clone() for name, value in heads.state_dict().items()}

    @property
    def out_of_patience(self) -> bool:
        return self.progress.epoch - 1 - self.progress.best_epoch >= self.config.patience

    def round(
        self,
        val_pairs: PairedFeatures,
        passes: int,
        total: int,
        report: Report,
        on_metrics: OnMetrics,
    ) -> None:
        """Some passes over all captions, then validation and a checkpoint."""
        order = _rng(self.seed, 1, self.progress.epoch)
        batches = (epoch_batches(self.owner, self.config.batch, order) for _ in range(passes))
        self.heads.train()
        for rows in chain.from_iterable(batches):
            self.set_rate(total)
            loss = self.step(self.image[self.owner[rows]], self.text[rows])
            self.progress.step += 1
            if not math.isfinite(loss):
                raise TrainingDiverged(
                    f"The loss became {loss} at step {self.progress.step}. The checkpoint of round "
                    f"{self.progress.epoch} is kept; launch again with a lower learning rate."
                )
            if self.progress.step % _LOG_EVERY == 0 or self.progress.step == 1:
                on_metrics(self.progress.step, {"train/loss": loss})
            report(self.progress.step, total, "steps")
        metrics = validate(self.heads, val_pairs)
        on_metrics(self.progress.step, {f"val/{name}": value for name, value in metrics.items()})
        self.progress.epoch += 1
        self.remember_if_best(metrics)
        self.save()

    def set_rate(self, total: int) -> None:
        """Linear warm-up, then cosine to 0, by optimiser step."""
        warm = max(1, round(self.config.warmup * total))
        step = self.progress.step
        if step < warm:
            share = (step + 1) / warm
        else:
            share = 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * share

    def step(self, image: Tensor, text: Tensor) -> float:
        """One optimiser step on aligned rows; returns the loss before it."""
        shared = [
            self.heads[side](self._noisy(self.heads[side], features))
            for side, features in (("image", image), ("text", text))
        ]
        loss = info_nce(shared[0], shared[1], self.log_scale)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        with torch.no_grad():
            self.log_scale.clamp_(0.0, MAX_LOG_SCALE)
        return float(loss.detach())

    def _noisy(self, head: nn.Module, features: Tensor) -> Tensor:
        if self.config.noise == 0 or not isinstance(head, Head):
            return features
        noise = torch.randn(features.shape, generator=self.noise, device=features.device)
        return features + self.config.noise * head.scale * noise

    def remember_if_best(self, metrics: dict[str, float]) -> None:
        """Keeps this epoch's heads if they score best on validation so far."""
        if metrics["mean_recall"] > self.progress.best_score:
            self.progress.best_score = metrics["mean_recall"]
            self.progress.best_epoch = self.progress.epoch - 1
            self.progress.best_metrics = metrics
            self.best = {name: value.clone() for name, value in self.heads.state_dict().items()}

    def finish(self) -> dict[str, Any]:
        """Puts the best heads in place."""
        self.heads.load_state_dict(self.best)
        self.heads.eval()
        return {
            "best_epoch": self.progress.best_epoch + 1,
            "epochs_run": self.progress.epoch,
            "logit_scale": float(self.log_scale.detach().exp()),
            "validation": self.progress.best_metrics,
        }

    def save(self) -> None:
        """Writes the checkpoint beside the old one and renames it into place."""
        tensors = {f"now.{n}": t for n, t in self.heads.state_dict().items()}
        tensors |= {f"best.{n}": t for n, t in self.best.items()}
        tensors["log_scale"] = self.log_scale.detach()
        for number, parameter in enumerate(self.parameters):
            for name, value in self.optimizer.state[parameter].items():
                tensors[f"optimizer.{number}.{name}"] = value
        tensors["noise"] = self.noise.get_state()
        note = {"progress": json.dumps(asdict(self.progress)), "settings": self._settings()}
        partial = self.path.with_suffix(".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file({n: t.contiguous() for n, t in tensors.items()}, partial, metadata=note)
            partial.replace(self.path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StorageError(
                f"The checkpoint could not be written to {self.path.parent}: {error.strerror or error}. "
                "Free some space, then press Resume."
            ) from error

    def resume(self) -> None:
        """Continues from the checkpoint in the folder, if it belongs to this configuration."""
        if not self.path.is_file():
            return
        with safe_open(self.path, "pt") as file:
            note = file.metadata()
            if note["settings"] != self._settings():
                return
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        self.progress = _Progress(**json.loads(note["progress"]))
        self.heads.load_state_dict(_below(tensors, "now."))
        self.best = _below(tensors, "best.")
        with torch.no_grad():
            self.log_scale.copy_(tensors["log_scale"])
        for number, parameter in enumerate(self.parameters):
            state = _below(tensors, f"optimizer.{number}.")
            self.optimizer.state[parameter] = {
                # AdamW wants its step counter on the host
                name: value if name == "step" else value.to(parameter.device)
                for name, value in state.items()
            }
        self.noise.set_state(tensors["noise"])

    def _settings(self) -> str:
        return json.dumps({"seed": self.seed, **asdict(self.config)}, sort_keys=True)


@contextmanager
def _cores(batch: int) -> Iterator[None]:
    """One core for small batches, then as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if batch <= _ONE_CORE_BATCH else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _rng(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)


def _on_device(features: NDArray[np.floating], device: str) -> Tensor:
    return torch.from_numpy(np.array(features, np.float32)).to(device)
