"""As what a model's output is read: which layers, pooled how. Decided by its files alone.

A model is not loaded for this, so what is stored of it is found in milliseconds. Layer L is
``hidden_states[L]`` as transformers gives it: 0 is what goes into the first block, and the last one is
what comes out of the last block. Where a norm follows the last block (nearly all vision
transformers) it has not been applied to it; the default, no layer, is the model's own
``last_hidden_state``, which is after that norm.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from backend.catalog.encoders import EncoderSpec
from backend.catalog.encoders.files import EncoderFiles, family_poolings
from backend.errors import EncoderError, Fault
from backend.features.models.pooling import Layout
from backend.features.work import Output
from backend.schemas import Modality

#: raised whenever the same files would give other features: decoding, pooling, truncation
FEATURES_VERSION: Final = 3

_SMALL_FILES: Final = ("*.json", "*.txt", "*.model", "*/config.json")
_NAMES: Final = {
    "cls": "CLS",
    "mean": "mean",
    "cls+mean": "CLS and mean",
    "last": "last token",
    "pooler": "own pooler",
    "projection": "projection",
    "tokens": "tokens",
    "own": "as sentence-transformers gives it",
}
#: keys of a configuration that hold the blocks of each stage, or the number of all
_COUNTS: Final = ("depths", "num_hidden_layers", "encoder_layers", "num_layers", "n_layer")
#: families whose hidden states are not one more than their blocks or stages, with their number
_STATES: Final = {"mobilenet_v2": 16, "mobilenet_v1": 26}
#: part of a configuration, and of a model, that is about one tower of an aligned model
TOWERS: Final = {"image": "vision", "audio": "audio", "text": "text", "code": "text"}
#: what a family that is not in the table can be asked for
_OF_WORDS: Final = ("mean", "cls", "cls+mean", "last", "tokens")
_OF_PATCHES: Final = ("cls", "mean", "cls+mean", "tokens")
#: not of a layer: they are made of the model's own output
_OWN: Final = ("pooler", "projection")


@dataclass(frozen=True)
class Reading:
    """One way to turn a model's output into a feature.

    Attributes:
        pooling: one of :data:`backend.catalog.encoders.POOLINGS`, or "own" for a model that
            another library runs as a whole.
        layer: index of a hidden state, from 0; None for the model's own output.
    """

    pooling: str
    layer: int | None = None

    @property
    def label(self) -> str:
        """In words, e.g. "layer 6, CLS"."""
        name = _NAMES[self.pooling]
        return name if self.layer is None else f"layer {self.layer}, {name}"

    @property
    def ragged(self) -> bool:
        """Whether it gives every token by itself."""
        return self.pooling == "tokens"


@dataclass(frozen=True)
class Anatomy:
    """What a model can give, as its files tell.

    Attributes:
        layout: where the tokens stand.
        pooling: what it uses unless another is asked for.
        poolings: what may be asked for.
    """

    layout: Layout
    pooling: str
    poolings: tuple[str, ...]

    @property
    def of_layers(self) -> tuple[str, ...]:
        """What may be asked for of a layer."""
        return tuple(pooling for pooling in self.poolings if pooling not in _OWN)


def anatomy(files: EncoderFiles, modality: Modality) -> Anatomy:
    """Looks at a model's family, configuration and the names of its weights."""
    words = modality in ("text", "code")
    family = files.family
    known = family_poolings(files.model_type, "text" if words else modality)
    if files.library == "timm":
        layout, pooling = _timm_layout(files), str(family["pooling"])
        known = tuple(name for name in known if layout.cls or "cls" not in name)
    elif known:
        skipped = 0 if words else files.special_tokens
        layout = Layout(skipped, "cls" in known)
        pooling = str(family["pooling"])
    else:
        layout = Layout() if words else _layout(files)
        known = _OF_WORDS if words else _OF_PATCHES if layout.cls else ("mean", "tokens")
        pooling = known[0]
    if family.get("learned_pooler") and not any("pooler." in name for name in files.shapes):
        known = tuple(name for name in known if name != "pooler")
        pooling = known[0] if pooling == "pooler" else pooling
    return Anatomy(layout, pooling, known)


def readings(spec: EncoderSpec, files: EncoderFiles, own: str | None = None) -> tuple[Reading, ...]:
    """The readings that are asked for, or the model's own.

    Args:
        spec: which pooling and layers.
        files: of the model.
        own: the pooling to use unless another is asked for, where more than the family decides it.

    Raises:
        EncoderError: the model has no such layer or pooling; says what it has.
    """
    body = anatomy(files, spec.modality)
    if not spec.layers and not spec.all_layers:
        default = body.pooling if own is None else own
        return (Reading(_allowed(spec, files, spec.pooling or default, (default, *body.poolings))),)
    states = _states(files)
    places = range(states) if spec.all_layers else spec.layers
    wrong = [layer for layer in places if not -states <= layer < states]
    if wrong:
        raise EncoderError(
            f"{spec.id} has layers 0 to {states - 1} (0 is before the first block; -1 is the last).",
            [Fault("layers", f"there is no layer {layer}") for layer in wrong],
        )
    usual = next(
        pooling for pooling in (own, body.pooling, *body.of_layers) if pooling in body.of_layers
    )
    pooling = _allowed(spec, files, spec.pooling or usual, body.of_layers)
    return tuple(Reading(pooling, layer) for layer in dict.fromkeys(p % states for p in places))


def outputs(
    spec: EncoderSpec, files: EncoderFiles, asked: Sequence[Reading], *details: str
) -> tuple[Output, ...]:
    """What an encoder gives: one output a reading, each with a fingerprint of its own.

    A fingerprint is a hash of the model's files and of how they are used; so a layer that several
    requests ask for is stored once. "auto" precision counts as itself: features made on a GPU are
    found on a machine without one.

    Args:
        spec: how the files are used.
        files: the model's.
        asked: from :func:`readings`.
        details: whatever else decides the features.

    Raises:
        EncoderError: the weights are not the ones the catalogue names.
    """
    words = "text" if spec.modality == "code" else spec.modality
    base: list[Any] = [FEATURES_VERSION, words, spec.prefix, spec.precision, *details]
    base += _digests(spec, files)
    return tuple(
        Output(_hash([*base, reading.pooling, reading.layer]), reading.label, reading.ragged)
        for reading in asked
    )


def _digests(spec: EncoderSpec, files: EncoderFiles) -> list[list[str]]:
    found = []
    small = {path for pattern in _SMALL_FILES for path in files.folder.glob(pattern)}
    for path in sorted(small):
        found.append([path.relative_to(files.folder).as_posix(), digest(path)])
    for path in files.weights:
        told = digest(path)
        if spec.sha256 and told != spec.sha256:
            raise EncoderError(
                f"{path} is not the published {spec.id}: its SHA-256 is {told}, not "
                f"{spec.sha256}. Install the package again."
            )
        found.append([path.name, told])
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file; computed once for as long as the file does not change."""
    status = path.stat()
    return _digest(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=512)
def _digest(path: str, size: int, changed_at: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _allowed(spec: EncoderSpec, files: EncoderFiles, pooling: str, allowed: Sequence[str]) -> str:
    if pooling in allowed:
        return pooling
    what = "its layers" if spec.layers or spec.all_layers else "its output"
    told = f'"{pooling}" is not possible of {what}'
    if pooling == "pooler" and files.family.get("learned_pooler") and what == "its output":
        told = "its files hold no weights of a pooler, which would be random"
    raise EncoderError(
        f"{spec.id} cannot be read as asked.",
        [Fault("pooling", f"{told}; allowed: {', '.join(dict.fromkeys(allowed))}")],
    )


def _layout(files: EncoderFiles) -> Layout:
    """Counts the tokens before the patches by the weights that they are made of."""
    inside = [name for name in files.used if "embeddings." in name]
    cls = any(name.endswith(("cls_token", "class_embedding")) for name in inside)
    extra = any(name.endswith("distillation_token") for name in inside)
    registers = int(files.tower.get("num_register_tokens") or 0)
    return Layout(int(cls) + int(extra) + registers, cls)


def _timm_layout(files: EncoderFiles) -> Layout:
    """As :func:`_layout`, by timm's names: registers are one weight of (1, number, d)."""
    counts = [files.shapes[name][1] for name in ("reg_token",) if name in files.shapes]
    single = [name for name in ("cls_token", "dist_token") if name in files.shapes]
    return Layout(len(single) + sum(counts), "cls_token" in files.shapes)


def _states(files: EncoderFiles) -> int:
    """Number of hidden states."""
    if files.model_type in _STATES:
        return _STATES[files.model_type]
    if files.library == "timm" and files.layers:
        return files.layers + 1
    value = next((files.tower[key] for key in _COUNTS if files.tower.get(key)), None)
    value = _filled_in(files) if value is None else value
    if isinstance(value, list):
        return len(value) + 1
    if isinstance(value, int):
        return value + 1
    raise EncoderError(
        f"The configuration in {files.folder} does not tell how many layers {files.model_type} has. "
        "Leave the layers out."
    )


def _filled_in(files: EncoderFiles) -> Any:
    """What transformers takes for granted: a configuration may leave out its family's defaults."""
    from transformers import AutoConfig

    try:
        config: Any = AutoConfig.from_pretrained(
            files.folder, local_files_only=True, trust_remote_code=False
        )
    except Exception:  # the model cannot be loaded either, and says so then
        return None
    config = getattr(config, f"{TOWERS.get(files.modality, '')}_config", config)
    return next((getattr(config, key) for key in _COUNTS if getattr(config, key, None)), None)
