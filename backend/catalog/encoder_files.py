"""Looks at an encoder's folder before anything is loaded: transformers' format, safetensors only.

Reads JSON and the headers of weight files, never the weights, so it takes milliseconds.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from backend.errors import EncoderError, Fault
from backend.schemas import Side

_PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
_PREPROCESSORS: Final = ("preprocessor_config.json", "processor_config.json")
_TOKENIZERS: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
)
_LONGEST_HEADER: Final = 100_000_000


@dataclass(frozen=True)
class EncoderFiles:
    """What an encoder's folder says about itself.

    Attributes:
        folder: where it is.
        config: config.json.
        weights: the safetensors files, in order.
        parameters: numbers in them; a classification head counts, too.
    """

    folder: Path
    config: dict[str, Any]
    weights: tuple[Path, ...]
    parameters: int

    @property
    def model_type(self) -> str:
        """transformers' name of the family, e.g. "vit"."""
        return str(self.config["model_type"])

    @property
    def dimension(self) -> int | None:
        """Length of a feature, where the configuration tells it."""
        config = self.config
        if config.get("projection_dim"):
            return int(config["projection_dim"])
        sizes = config.get("hidden_sizes")
        value = sizes[-1] if isinstance(sizes, list) and sizes else config.get("hidden_size")
        return int(value) if isinstance(value, int) else None


@cache
def families() -> dict[str, dict[str, Any]]:
    """By model type: the sides it can encode, how it is pooled and padded."""
    table = Path(__file__).parent / "tables" / "families.json"
    found: dict[str, dict[str, Any]] = json.loads(table.read_text("utf-8"))
    return found


def inspect_folder(folder: Path, side: Side) -> EncoderFiles:
    """Checks that a folder holds an encoder for a side.

    Raises:
        EncoderError: it does not; every fault is listed.
    """
    if not folder.is_dir():
        raise EncoderError(f"There is no folder {folder}. Check the path of the {side} encoder.")
    config, faults = _config(folder)
    weights, weight_faults = _weights(folder)
    parameters, header_faults = _parameters(weights)
    faults += weight_faults + header_faults + _companions(folder, side)
    if config:
        # of a model for the other side it does not matter what else is missing
        faults = _wrong_side(str(config["model_type"]), side) or faults
    if faults:
        raise EncoderError(f"{folder} cannot be used as {_article(side)} encoder.", faults)
    return EncoderFiles(folder, config, tuple(weights), parameters)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; empty when the file is missing.

    Raises:
        ValueError: it is not a JSON object.
    """
    if not path.is_file():
        return {}
    value = json.loads(path.read_text("utf-8"))
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def _article(side: Side) -> str:
    return "an image" if side == "image" else "a text"


def _config(folder: Path) -> tuple[dict[str, Any], list[Fault]]:
    if not (folder / "config.json").is_file():
        what = "missing; give a folder saved with save_pretrained() of transformers"
        return {}, [Fault("config.json", what)]
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError, RecursionError) as error:
        return {}, [Fault("config.json", f"cannot be read ({error}); download it again")]
    if not isinstance(config.get("model_type"), str):
        return {}, [Fault("config.json", "names no model_type; it is not a transformers model")]
    return config, []


def _weights(folder: Path) -> tuple[list[Path], list[Fault]]:
    """model.safetensors, or the shards that its index names."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single], []
    if not index.is_file():
        return [], [_no_weights(folder)]
    try:
        names = sorted(set(read_json(index)["weight_map"].values()))
        plain = all(isinstance(name, str) and Path(name).name == name for name in names)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        names, plain = [], False
    if not names or not plain:
        return [], [Fault(index.name, "cannot be read; download it again")]
    missing = [name for name in names if not (folder / name).is_file()]
    return [folder / name for name in names if name not in missing], [
        Fault(name, "missing; the download is not complete") for name in missing
    ]


def _no_weights(folder: Path) -> Fault:
    pickles = [path.name for pattern in _PICKLES for path in sorted(folder.glob(pattern))]
    if pickles:
        return Fault(
            ", ".join(pickles[:3]),
            "only pickled weights are here, and they are never loaded because they can run code; "
            "save the model as safetensors with save_pretrained()",
        )
    return Fault("model.safetensors", "missing; the folder has no weights")


def _parameters(weights: Sequence[Path]) -> tuple[int, list[Fault]]:
    total, faults = 0, []
    for path in weights:
        try:
            total += _header_parameters(path)
        except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
            faults.append(Fault(path.name, f"is damaged or cut short ({error}); download it again"))
    return total, faults


def _header_parameters(path: Path) -> int:
    """Counts the numbers in a safetensors file by its header, and checks the file's length.

    Source: the safetensors format: 8 bytes of length, a JSON header, then the data.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(size, _LONGEST_HEADER):
            raise ValueError("its header is longer than the file")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is not a table")
    tensors = [value for name, value in header.items() if name != "__metadata__"]
    end = max((tensor["data_offsets"][1] for tensor in tensors), default=0)
    if size != 8 + length + end:
        raise ValueError(f"{size} bytes instead of {8 + length + end}")
    return sum(math.prod(tensor["shape"]) for tensor in tensors)


def _companions(folder: Path, side: Side) -> list[Fault]:
    """What turns pictures or sentences into the model's input."""
    if side == "image" and not _any_file(folder, _PREPROCESSORS):
        what = "missing; it says how pictures are resized and normalised"
        return [Fault(_PREPROCESSORS[0], what)]
    if side == "text" and not _any_file(folder, _TOKENIZERS):
        return [Fault("tokenizer.json", "missing; it says how sentences are cut into tokens")]
    return []


def _any_file(folder: Path, names: Iterable[str]) -> bool:
    return any((folder / name).is_file() for name in names)


def _wrong_side(model_type: str, side: Side) -> list[Fault]:
    """Families that are not in the table are judged when they are loaded."""
    sides = families().get(model_type, {"sides": [side]})["sides"]
    if side in sides:
        return []
    kind = f"{' and '.join(sides)} encoder" if sides else "encoder of neither images nor text"
    return [
        Fault("config.json", f"model_type {model_type} is an {kind}; choose {_article(side)} one")
    ]
