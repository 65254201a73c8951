"""Looks at an encoder's folder before anything is loaded: safetensors only, no code of others.

Folders are in the format of transformers, sentence-transformers or timm. Reads JSON and the headers
of weight files, never the weights, so it takes milliseconds.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, Literal

from backend.catalog.encoders.input_sizes import PREPROCESSORS, input_size, told_by
from backend.errors import EncoderError, Fault
from backend.schemas import Modality

Library = Literal["transformers", "sentence-transformers", "timm"]
#: name of a tensor -> its shape
Shapes = Mapping[str, tuple[int, ...]]

_PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
_TOKENIZERS: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
)
_LONGEST_HEADER: Final = 100_000_000
#: what a configuration calls the number of blocks or the width, over all families
_DEPTHS: Final = ("num_hidden_layers", "encoder_layers", "n_layer", "num_layers")
_WIDTHS: Final = ("hidden_size", "d_model", "n_embd", "embed_dim", "num_features")
_BLOCK: Final = re.compile(r"(?:^|\.)(?:layers?|blocks?|h|stages?)\.(\d+)\.")
#: parts of a checkpoint that make no features: heads and decoders
_UNUSED: Final = frozenset({"decoder", "classifier", "lm_head", "proj_out"})
_TIMM_HEAD: Final = re.compile(r"(?:head\.fc|head|fc)\.(?:weight|bias)")
_TOWERS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "image": ("vision_config", ("vision_model.", "visual_projection.")),
    "audio": ("audio_config", ("audio_model.", "audio_projection.")),
    "text": ("text_config", ("text_model.", "text_projection.")),
}


@dataclass(frozen=True)
class EncoderFiles:
    """What an encoder's folder says about itself.

    Attributes:
        folder: where it is.
        config: config.json.
        weights: the safetensors files, in order.
        modality: what it is to encode; "text" for programs, too.
        library: what runs it, by the form of the folder or as it was asked for.
        shapes: of all tensors in the weights.
    """

    folder: Path
    config: dict[str, Any]
    weights: tuple[Path, ...]
    modality: Modality
    library: Library
    shapes: Shapes

    @property
    def model_type(self) -> str:
        """transformers' name of the family, e.g. "vit"; "timm" for all of timm's."""
        return "timm" if "model_type" not in self.config else str(self.config["model_type"])

    @property
    def family(self) -> dict[str, Any]:
        """What families.json says; empty for one that it does not know."""
        return families().get(self.model_type, {})

    @property
    def revision(self) -> str | None:
        """The commit, of a folder in the Hub's cache."""
        name = self.folder.name
        return name if re.fullmatch("[0-9a-f]{40}", name) else None

    @property
    def bytes(self) -> int:
        """Of the weights on disk."""
        return sum(path.stat().st_size for path in self.weights)

    @cached_property
    def tower(self) -> dict[str, Any]:
        """The part of the configuration that is about this modality."""
        part = self.config.get(_TOWERS.get(self.modality, ("", ()))[0])
        return part if isinstance(part, dict) else self.config

    @cached_property
    def used(self) -> Shapes:
        """The tensors that make this modality's features."""
        kept = {
            name: shape
            for name, shape in self.shapes.items()
            if not _UNUSED.intersection(name.split(".")[:2])
            and not (self.library == "timm" and _TIMM_HEAD.fullmatch(name))
        }
        prefixes = _TOWERS.get(self.modality, ("", ()))[1]
        own = {name: shape for name, shape in kept.items() if name.startswith(prefixes)}
        return own if own and self.tower is not self.config else kept

    @property
    def parameters(self) -> int:
        """Numbers in the part that is used."""
        return sum(math.prod(shape) for shape in self.used.values())

    @property
    def layers(self) -> int | None:
        """Blocks, or stages of a convolutional network."""
        stages = self.tower.get("depths")
        if isinstance(stages, list):
            return len(stages)
        told = next((self.tower[key] for key in _DEPTHS if key in self.tower), None)
        if isinstance(told, int):
            return told
        numbers = [int(found[1]) for name in self.used if (found := _BLOCK.search(name))]
        return max(numbers) + 1 if numbers else None

    @property
    def width(self) -> int | None:
        """Length of a hidden state; of the last one where they differ."""
        sizes = self.tower.get("hidden_sizes")
        if isinstance(sizes, list) and sizes:
            return int(sizes[-1])
        told = next((self.tower[key] for key in _WIDTHS if key in self.tower), None)
        if isinstance(told, int):
            return told
        # a configuration may leave out what is its family's default: count by the normalisations
        lengths = Counter(s[0] for name, s in self.used.items() if "norm" in name and len(s) == 1)
        return lengths.most_common(1)[0][0] if lengths else None

    @property
    def dimension(self) -> int | None:
        """Length of a feature by the model's own pooling."""
        if self.library == "sentence-transformers":
            dense = sorted(self.folder.glob("*_Dense/config.json"))
            size = told_by(dense[-1]).get("out_features") if dense else None
            return int(size) if size else self.width
        if self.pooling == "projection":
            size = self.config.get("projection_dim") or self.family.get("projection")
            size = self.config.get(size) if isinstance(size, str) else size
            return int(size) if size else self.width
        return self.width

    @property
    def pooling(self) -> str:
        """The model's own; empty where only loading it can tell."""
        if self.library == "sentence-transformers":
            return _sentence_pooling(told_by(self.folder / "1_Pooling" / "config.json"))
        return str(self.family.get("pooling", ""))

    @property
    def special_tokens(self) -> int:
        """Tokens before the patches that stand for no patch: CLS, distillation, registers."""
        if self.modality == "text":
            return 0
        registers = self.tower.get("num_register_tokens") or 0
        return int(self.family.get("skip", 0)) + int(registers)

    @property
    def input_size(self) -> dict[str, float]:
        """What it takes at most: {"pixels": 224}, {"tokens": 512}, {"seconds": 30, "rate": 16000}."""
        return input_size(self.folder, self.tower, self.modality)


@cache
def families() -> dict[str, dict[str, Any]]:
    """By model type: its modalities, how it is pooled by default and otherwise, how texts are padded.

    ``skip`` counts the tokens before the first patch, registers apart (:attr:`EncoderFiles.special_tokens`).
    """
    table = Path(__file__).parent / "tables" / "families.json"
    found: dict[str, dict[str, Any]] = json.loads(table.read_text("utf-8"))
    return found


def family_poolings(model_type: str, modality: Modality) -> tuple[str, ...]:
    """What a family's output can be pooled by; empty for a family that is not known."""
    told = families().get(model_type, {}).get("poolings", ())
    return tuple(told.get(modality, ()) if isinstance(told, dict) else told)


def inspect_folder(
    folder: Path, modality: Modality, library: Library | None = None
) -> EncoderFiles:
    """Checks that a folder holds an encoder for a modality.

    Args:
        library: what is to run it; None for what the folder was made for.

    Raises:
        EncoderError: it does not; every fault is listed.
    """
    modality = "text" if modality == "code" else modality
    article = an(modality)
    if not folder.is_dir():
        raise EncoderError(
            f"There is no folder {folder}. Check the path of the {modality} encoder."
        )
    config, faults = _config(folder)
    made_for = _library(folder, config, modality)
    weights, weight_faults = _weights(folder)
    shapes, header_faults = _shapes(weights)
    faults += weight_faults + header_faults
    if made_for != "timm":
        faults += _companions(folder, modality)
    if library is not None and config:
        faults += _wrong_library(library, made_for, folder)
    files = EncoderFiles(folder, config, tuple(weights), modality, library or made_for, shapes)
    if config:
        # of a model for another modality it does not matter what else is missing
        faults = _wrong_modality(files.model_type, modality) or faults
    if faults:
        raise EncoderError(f"{folder} cannot be used as {article} encoder.", faults)
    return files


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


def header_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes in a safetensors file by its header; checks the file's length.

    Source: the safetensors format: 8 bytes of length, a JSON header, then the data.

    Raises:
        OSError, ValueError, KeyError, TypeError, struct.error: it is no such file, or cut short.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(size, _LONGEST_HEADER):
            raise ValueError("its header is longer than the file")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is not a table")
    tensors = {name: value for name, value in header.items() if name != "__metadata__"}
    end = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
    if size != 8 + length + end:
        raise ValueError(f"{size} bytes instead of {8 + length + end}")
    return {name: tuple(tensor["shape"]) for name, tensor in tensors.items()}


def an(modality: Modality) -> str:
    """ "an image", "a text"."""
    return f"{'an' if modality in ('image', 'audio') else 'a'} {modality}"


def _config(folder: Path) -> tuple[dict[str, Any], list[Fault]]:
    if not (folder / "config.json").is_file():
        what = "missing; give a folder saved with save_pretrained() of transformers"
        return {}, [Fault("config.json", what)]
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError, RecursionError) as error:
        return {}, [Fault("config.json", f"cannot be read ({error}); download it again")]
    known = isinstance(config.get("model_type"), str)
    if not known and not ("architecture" in config and "pretrained_cfg" in config):
        what = "names no model_type; it is neither a transformers nor a timm model"
        return {}, [Fault("config.json", what)]
    return config, []


def _library(folder: Path, config: dict[str, Any], modality: Modality) -> Library:
    if config and "model_type" not in config:
        return "timm"
    if modality == "text" and (folder / "modules.json").is_file():
        return "sentence-transformers"
    return "transformers"


def _wrong_library(asked: Library, made_for: Library, folder: Path) -> list[Fault]:
    """timm's folders and transformers' exclude each other; a sentence model is a transformer, too."""
    if asked == made_for or (asked, made_for) == ("transformers", "sentence-transformers"):
        return []
    if (asked, made_for) == ("sentence-transformers", "transformers"):
        return [Fault("modules.json", "missing, so it is not a sentence-transformers model")]
    return [Fault("library", f"{folder.name} is made for {made_for}, not for {asked}")]


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


def _shapes(weights: Sequence[Path]) -> tuple[dict[str, tuple[int, ...]], list[Fault]]:
    found: dict[str, tuple[int, ...]] = {}
    faults = []
    for path in weights:
        try:
            found |= header_shapes(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
            faults.append(Fault(path.name, f"is damaged or cut short ({error}); download it again"))
    return found, faults


def _companions(folder: Path, modality: Modality) -> list[Fault]:
    """What turns pictures, recordings or sentences into the model's input."""
    if modality in ("image", "audio") and not _any_file(folder, PREPROCESSORS):
        pictures = "how pictures are resized and normalised"
        what = pictures if modality == "image" else "how recordings are sampled and cut"
        return [Fault(PREPROCESSORS[0], f"missing; it says {what}")]
    if modality == "text" and not _any_file(folder, _TOKENIZERS):
        return [Fault("tokenizer.json", "missing; it says how sentences are cut into tokens")]
    return []


def _any_file(folder: Path, names: Iterable[str]) -> bool:
    return any((folder / name).is_file() for name in names)


def _wrong_modality(model_type: str, modality: Modality) -> list[Fault]:
    """Families that are not in the table are judged when they are loaded."""
    known = families().get(model_type, {"modalities": [modality]})["modalities"]
    if modality in known:
        return []
    what = f"model_type {model_type} is {an(known[0])} encoder"
    if len(known) > 1:
        what = f"model_type {model_type} encodes {' and '.join(known)}"
    return [Fault("config.json", f"{what}; choose {an(modality)} one")]


def _sentence_pooling(config: dict[str, Any]) -> str:
    """The pooling in our words; empty for a rare one, which sentence-transformers itself carries out."""
    words = {"cls": "cls", "cls_token": "cls", "mean": "mean", "mean_tokens": "mean"}
    words |= {"lasttoken": "last"}
    mode = config.get("pooling_mode")
    modes = [mode] if isinstance(mode, str) else []
    modes += [key[13:] for key, on in config.items() if key.startswith("pooling_mode_") and on]
    return words.get(str(modes[0]), "") if len(modes) == 1 else ""
