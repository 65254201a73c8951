"""Loads a transformers checkpoint for features: safetensors only, no remote code, nothing made up.

A model's pooler counts only when the checkpoint holds it: transformers fills in whatever is missing
at random, and features from a random pooler are noise.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.catalog.encoder_files import EncoderFiles, families
from backend.catalog.encoders import EncoderSpec, Precision
from backend.errors import EncoderError
from backend.schemas import Side

#: raised whenever the same files would give other features: decoding, pooling, truncation
FEATURES_VERSION: Final = 1

_SMALL_FILES: Final = ("*.json", "*.txt", "*.model", "*/config.json")


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model and how its output becomes a feature.

    Attributes:
        model: in evaluation mode, on its device, float32.
        pooling: "projection", "pooler", "cls" or "mean".
        skipped: leading tokens that "mean" leaves out (a CLS token).
        layers: hidden states that are pooled and joined, instead of the model's last output.
    """

    model: Any
    pooling: str
    skipped: int
    layers: tuple[int, ...] = ()

    def features(self, inputs: Any, side: Side) -> Any:
        """(n, d) tensor of float32 for a batch of model inputs."""
        if self.pooling == "projection":
            ask = self.model.get_image_features if side == "image" else self.model.get_text_features
            return ask(**inputs).pooler_output.float()
        if self.layers:
            import torch

            states = self.model(**inputs, output_hidden_states=True).hidden_states
            return torch.cat([self._pooled(states[i].float(), inputs) for i in self.layers], dim=1)
        output = self.model(**inputs)
        if self.pooling == "pooler":
            return output.pooler_output.flatten(1).float()
        return self._pooled(output.last_hidden_state.float(), inputs)

    def _pooled(self, hidden: Any, inputs: Any) -> Any:
        if hidden.ndim == 4:  # a convolutional network's (n, d, rows, columns)
            return hidden.mean((2, 3))
        if self.pooling == "cls":
            return hidden[:, 0]
        mask = inputs.get("attention_mask")
        if mask is None:
            return hidden[:, self.skipped :].mean(1)
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


def fingerprint(spec: EncoderSpec, files: EncoderFiles, *details: str) -> str:
    """Hash of a model's files and of how they are used.

    Raises:
        EncoderError: the weights are not the ones the catalogue names.
    """
    used = [spec.side, spec.prefix, spec.precision, spec.layers]
    parts: list[Any] = [FEATURES_VERSION, *used, *details]
    small = {path for pattern in _SMALL_FILES for path in files.folder.glob(pattern)}
    for path in sorted(small):
        parts.append([path.relative_to(files.folder).as_posix(), _sha256(path)])
    for path in files.weights:
        digest = _sha256(path)
        if spec.sha256 and digest != spec.sha256:
            raise EncoderError(
                f"{path} is not the published {spec.id}: its SHA-256 is {digest}, not "
                f"{spec.sha256}. Install the package again."
            )
        parts.append([path.name, digest])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def load_checkpoint(
    files: EncoderFiles, side: Side, device: str, layers: tuple[int, ...] = ()
) -> Checkpoint:
    """Loads the model.

    Raises:
        EncoderError: transformers does not know or cannot fill the model, or it is for other input.
    """
    import torch
    from transformers import AutoModel

    family = families().get(files.model_type, {})
    # a masked autoencoder hides three patches of four from itself unless told
    options = {"mask_ratio": 0.0} if files.model_type == "vit_mae" else {}
    with _quiet(), explained(files.folder):
        model, told = AutoModel.from_pretrained(
            files.folder,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    missing = set(told["missing_keys"])
    random_pooler = any(".pooler." in f".{key}" for key in missing)
    lost = sorted(key for key in missing if ".pooler." not in f".{key}")
    if lost:
        raise EncoderError(
            f"{files.folder} lacks {len(lost)} of the model's weights (such as {lost[0]}); they "
            "would be random. Give the folder of the complete model."
        )
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    _check_input(model, files, side, str(family.get("pooling", "")))
    model = model.eval().requires_grad_(False).to(device)
    has_cls = any(name.endswith("cls_token") for name, _ in model.named_parameters())
    pooling = _pooling(family, side, has_cls=has_cls, random_pooler=random_pooler)
    return Checkpoint(model, pooling, int(has_cls), layers)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turns what libraries raise about a model's files into an EncoderError."""
    try:
        yield
    except EncoderError:
        raise
    except Exception as error:  # a dozen types, from safetensors to the tokenizers' Rust
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise EncoderError(
            f"{folder} cannot be loaded by transformers ({reason}). Download it again, or choose a "
            "model that transformers supports without remote code."
        ) from error


def precise(precision: Precision, device: str) -> AbstractContextManager[Any]:
    """The context to run a model in: bfloat16 where it is asked for and the device has it."""
    import torch

    if precision == "float32":
        return nullcontext()
    if device == "cpu" and not torch.cpu.get_capabilities().get("avx512_bf16", False):
        return nullcontext()
    return torch.autocast(device.split(":")[0], torch.bfloat16)


def _pooling(family: dict[str, Any], side: Side, *, has_cls: bool, random_pooler: bool) -> str:
    """The family's pooling, or what its output allows."""
    known = family.get("pooling")
    if known is not None and not (known == "pooler" and random_pooler):
        return str(known)
    return "cls" if has_cls and side == "image" else "mean"


def _check_input(model: Any, files: EncoderFiles, side: Side, pooling: str) -> None:
    if pooling == "projection":
        return
    takes = getattr(model, "main_input_name", "")
    wanted = "pixel_values" if side == "image" else "input_ids"
    if takes != wanted:
        raise EncoderError(
            f"{files.folder} ({files.model_type}) takes {takes or 'unknown input'}, so it is no "
            f"{side} encoder. Choose another one."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_quiet_lock = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and load report; what matters of it is checked above."""
    from transformers.utils import logging

    switch: Any = logging
    with _quiet_lock:
        level, bars = switch.get_verbosity(), switch.is_progress_bar_enabled()
        switch.set_verbosity_error()
        switch.disable_progress_bar()
        try:
            yield
        finally:
            switch.set_verbosity(level)
            if bars:
                switch.enable_progress_bar()
