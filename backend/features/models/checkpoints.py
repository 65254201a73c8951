"""Loads a transformers checkpoint for features: safetensors only, no remote code, nothing made up.

A model's pooler counts only when the checkpoint holds it: transformers fills in whatever is missing
at random, and features from a random pooler are noise.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from backend.catalog.encoders import Precision
from backend.catalog.encoders.files import EncoderFiles
from backend.errors import EncoderError
from backend.features.models.pooling import Layout, Tensor, pooled, tokens
from backend.features.models.readings import TOWERS, Reading, anatomy
from backend.features.store.batches import out_of_memory
from backend.features.work import Outcome, join
from backend.schemas import Modality

#: what a model of each modality takes; a model of an unknown family is judged by it
_TAKES: Final = {
    "image": ("pixel_values",),
    "audio": ("input_values", "input_features"),
    "text": ("input_ids",),
    "code": ("input_ids",),
}


#: methods of aligned models that lead into the space their towers share
_PROJECTIONS: Final = {
    "image": "get_image_features",
    "audio": "get_audio_features",
    "text": "get_text_features",
    "code": "get_text_features",
}


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model and how its output becomes features.

    Attributes:
        model: what runs: in evaluation mode, on its device, float32. One tower of an aligned model,
            or all of it where its projection is asked for; the encoder of an encoder-decoder.
        readings: what is read of one pass, in order.
        layout: where the tokens of its hidden states stand.
        device: where it is.
        precision: what it computes in.
    """

    model: Any
    readings: tuple[Reading, ...]
    layout: Layout
    device: str = "cpu"
    precision: Precision = "auto"

    def features(
        self, inputs: Mapping[str, Any], modality: Modality, mask: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """One tensor a reading, all of one pass: (n, d) float32; of a ragged one (tokens of all, d).

        Args:
            inputs: what the model takes, on its device.
            modality: what is encoded.
            mask: (n, tokens), 1 where a token of the hidden states is real, where that is not what
                ``attention_mask`` says.
        """
        return tuple(features for features, _ in self._read(inputs, modality, mask))

    def outcome(
        self,
        items: Sequence[int],
        inputs: Mapping[str, Any],
        modality: Modality,
        faults: dict[int, str] | None = None,
        mask: Tensor | None = None,
    ) -> Outcome:
        """Runs a batch as it is to be run: moved to the device, in its precision, back as arrays.

        Where a GPU has too little memory for it, half of it after the other.

        Args:
            items: positions of the items whose inputs these are.
            inputs: what the model takes, on the CPU.
            modality: what is encoded.
            faults: why other items have no features, by position.
            mask: as in :meth:`features`.
        """
        try:
            return self._outcome(items, inputs, modality, faults or {}, mask)
        except RuntimeError as error:
            if len(items) < 2 or not out_of_memory(error):
                raise
        # only here, where the failed attempt is let go of
        middle = len(items) // 2
        halves = [
            self.outcome(
                items[half],
                {name: value[half] for name, value in inputs.items()},
                modality,
                mask=None if mask is None else mask[half],
            )
            for half in (slice(0, middle), slice(middle, None))
        ]
        return join(halves, faults or {})

    def _outcome(
        self,
        items: Sequence[int],
        inputs: Mapping[str, Any],
        modality: Modality,
        faults: dict[int, str],
        mask: Tensor | None,
    ) -> Outcome:
        import torch

        with torch.inference_mode(), precise(self.precision, self.device):
            moved = {name: value.to(self.device) for name, value in inputs.items()}
            mask = None if mask is None else mask.to(self.device)
            read = self._read(moved, modality, mask)
        blocks = tuple(np.asarray(features.cpu(), np.float32) for features, _ in read)
        return Outcome(tuple(items), blocks, tuple(lengths for _, lengths in read), faults)

    def _read(
        self, inputs: Mapping[str, Any], modality: Modality, mask: Tensor | None
    ) -> list[tuple[Tensor, tuple[int, ...]]]:
        """Features and, of ragged ones, lengths, for each reading."""
        if self.readings[0].pooling == "projection":
            return [(self._projected(inputs, modality), ())]
        if mask is None:
            mask = inputs.get("attention_mask", inputs.get("pixel_attention_mask"))
        deep = any(reading.layer is not None for reading in self.readings)
        # not asked for at all unless needed: models of unknown families may not know the word
        options: dict[str, Any] = {"output_hidden_states": True} if deep else {}
        output = self.model(**inputs, **options, **self._orderly(inputs))
        return [self._one(reading, output, mask) for reading in self.readings]

    def _one(
        self, reading: Reading, output: Any, mask: Tensor | None
    ) -> tuple[Tensor, tuple[int, ...]]:
        if reading.pooling == "pooler":
            vectors = getattr(output, "pooler_output", None)
            if vectors is None:
                raise EncoderError(
                    "This model has no pooler of its own. Choose another pooling, such as mean."
                )
            return vectors.flatten(1).float(), ()
        if reading.layer is None:
            hidden = output.last_hidden_state
        else:
            hidden = output.hidden_states[reading.layer]
        if reading.ragged:
            vectors, lengths = tokens(hidden, self.layout, mask)
            return vectors, tuple(lengths)
        return pooled(hidden, reading.pooling, self.layout, mask), ()

    def _projected(self, inputs: Mapping[str, Any], modality: Modality) -> Tensor:
        """Into the space that an aligned model shares between its towers."""
        return getattr(self.model, _PROJECTIONS[modality])(**inputs).pooler_output.float()

    def _orderly(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """A masked autoencoder shuffles its patches unless it is told their order."""
        import torch

        config = getattr(self.model, "config", None)
        if getattr(config, "model_type", "") != "vit_mae":
            return {}
        pixels, size = inputs["pixel_values"], self.model.config.patch_size
        patches = (pixels.shape[-2] // size) * (pixels.shape[-1] // size)
        return {"noise": torch.arange(patches, device=pixels.device).expand(len(pixels), -1)}


def load_checkpoint(
    files: EncoderFiles,
    modality: Modality,
    device: str,
    readings: tuple[Reading, ...],
    precision: Precision = "auto",
    packed: bool = True,
) -> Checkpoint:
    """Loads the model.

    Args:
        files: of the model.
        modality: what it is to encode.
        device: "cpu", "cuda" or "cuda:N".
        readings: from :func:`backend.features.models.readings.readings`.
        precision: what to compute in.
        packed: whether it may be laid out for speed where that can be done, which takes its gradients.

    Raises:
        EncoderError: transformers does not know or cannot fill the model, or it is for other input.
    """
    missing: list[str] = []
    with quiet(), explained(files.folder):
        if files.model_type == "codet5p_embedding":
            from backend.features.models.codet5p import load_codet5p

            model: Any = load_codet5p(files)
        elif files.library == "timm":
            from backend.features.models.timm_models import load_timm

            model, missing = load_timm(files)
        else:
            model, missing = _from_transformers(files)
        part = _part(model, modality, readings)
    _check_weights(files, model, part, readings, missing)
    _check_input(part, files, modality, readings)
    part = part.eval().requires_grad_(False).to(device)
    if packed and device == "cpu" and precision in ("auto", "float32"):
        from backend.features.models.packed import pack  # imports torch

        pack(part)
    return Checkpoint(part, readings, anatomy(files, modality).layout, device, precision)


def _from_transformers(files: EncoderFiles) -> tuple[Any, list[str]]:
    """The whole model, and the names of the weights that its files do not hold."""
    import torch
    from transformers import AutoModel

    # a masked autoencoder hides three patches of four from itself unless told
    options = {"mask_ratio": 0.0} if files.model_type == "vit_mae" else {}
    model, told = AutoModel.from_pretrained(
        files.folder,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        output_loading_info=True,
        **options,
    )
    return model, list(told["missing_keys"])


def image_processor(files: EncoderFiles) -> Any:
    """What turns pictures into a model's input, called as image processors of transformers are.

    Raises:
        EncoderError: it is damaged, or of a library that is not installed.
    """
    if files.library == "timm":
        from backend.features.models.timm_models import TimmProcessor

        with explained(files.folder):
            return TimmProcessor(files)
    from transformers import AutoImageProcessor

    processors: Any = AutoImageProcessor
    with explained(files.folder):
        # with torchvision there would be other numbers than without
        return processors.from_pretrained(
            files.folder, local_files_only=True, trust_remote_code=False, backend="pil"
        )


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
    """The context to run a model in.

    "auto" is bfloat16 on a GPU, float16 on one that has no bfloat16, and float32 on a CPU, few of
    which gain by less. Whatever is asked for by name is done.
    """
    import torch

    kind = device.split(":")[0]
    if precision == "auto" and kind == "cuda":
        precision = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    if precision in ("auto", "float32"):
        return nullcontext()
    return torch.autocast(kind, torch.bfloat16 if precision == "bfloat16" else torch.float16)


def _part(model: Any, modality: Modality, readings: tuple[Reading, ...]) -> Any:
    """What of a model runs."""
    if hasattr(model, "encoder") and hasattr(model, "decoder"):
        return model.get_encoder()
    tower = getattr(model, f"{TOWERS[modality]}_model", None)
    aligned = tower is not None and hasattr(model, _PROJECTIONS[modality])
    if not aligned or readings[0].pooling == "projection":
        return model
    return tower


def _check_weights(
    files: EncoderFiles,
    model: Any,
    part: Any,
    readings: tuple[Reading, ...],
    missing: Sequence[str],
) -> None:
    """Refuses weights that would be random; those of parts that do not run do not matter."""
    lost = {id(value) for value in part.state_dict(keep_vars=True).values()}
    names = {name for name, value in model.state_dict(keep_vars=True).items() if id(value) in lost}
    gone = sorted(names.intersection(missing))
    if readings[0].pooling != "pooler":
        gone = [name for name in gone if ".pooler." not in f".{name}"]
    if gone:
        raise EncoderError(
            f"{files.folder} lacks {len(gone)} of the model's weights (such as {gone[0]}); they "
            "would be random. Give the folder of the complete model, or choose a pooling that does "
            "without them."
        )


def _check_input(
    part: Any, files: EncoderFiles, modality: Modality, readings: tuple[Reading, ...]
) -> None:
    if readings[0].pooling == "projection":
        return
    takes = getattr(part, "main_input_name", "")
    if takes not in _TAKES[modality]:
        raise EncoderError(
            f"{files.folder} ({files.model_type}) takes {takes or 'unknown input'}, so it is no "
            f"{modality} encoder. Choose another one."
        )


_quiet_lock = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
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
