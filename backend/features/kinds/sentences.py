"""sentence-transformers models.

Where one is no more than a transformer and a pooling it is read as that, which saves importing the
library (4 s); the library itself runs all others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from backend.catalog.encoders import EncoderSpec
from backend.catalog.encoders.files import EncoderFiles, read_json
from backend.catalog.encoders.input_sizes import told_by
from backend.errors import EncoderError, Fault
from backend.features.encoders import Encoder, resolve_device
from backend.features.kinds.texts import BATCH, Pooled, windows
from backend.features.models.checkpoints import explained, precise
from backend.features.models.readings import Reading, digest, outputs
from backend.features.work import Outcome, Work

#: how sentence-transformers calls the poolings that we compute ourselves
_POOLINGS: Final = {
    "mean": "mean",
    "mean_tokens": "mean",
    "cls": "cls",
    "cls_token": "cls",
    "lasttoken": "last",
}


def reads_as_pooled(spec: EncoderSpec, files: EncoderFiles) -> Pooled | None:
    """How to pool a folder's transformer; None where sentence-transformers itself is needed.

    A plain transformer, or what is to be taken for one, is pooled as its family is. A pooling or
    layers that are asked for take the place of the model's own pooling and of all that comes behind
    it (a dense layer, unit length); what comes before it (the prompt, the longest text) stays.

    Raises:
        EncoderError: a part of the model is stored as a pickle, its configuration is damaged, or it
            is asked for a pooling and is no transformer.
    """
    folder = files.folder
    if files.library != "sentence-transformers":
        return Pooled(prefix=spec.prefix, lower=_is_siglip2(files))
    with explained(folder):
        modules = read_modules(folder)
        _refuse_pickles(folder, modules)
        sizes = read_json(folder / "sentence_bert_config.json")
        told = read_json(folder / "config_sentence_transformers.json")
        kinds = [kind for kind, _ in modules]
        behind = read_json(folder / modules[1][1] / "config.json") if len(modules) > 1 else {}
    pooling = _pooling(behind, with_prompt=bool(spec.prefix or told.get("default_prompt_name")))
    length = sizes.get("max_seq_length")
    pooled = Pooled(
        pooling=pooling,
        normalise=kinds[-1] == "Normalize",
        max_length=int(length) if length else None,
        lower=bool(sizes.get("do_lower_case")),
        prefix=spec.prefix or _default_prompt(told),
    )
    if spec.layers or spec.all_layers or spec.pooling not in ("", pooling):
        if kinds[0] == "Transformer":
            return replace(pooled, normalise=False)
        what = f"{spec.id} is no transformer but {kinds[0]}; leave out its pooling and layers."
        raise EncoderError(what)
    task = sizes.get("transformer_task", "feature-extraction")
    plain = kinds in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
    if not plain or pooling is None or modules[0][1] or task != "feature-extraction":
        return None
    return pooled


def read_modules(folder: Path) -> list[tuple[str, str]]:
    """Class name and subfolder of each module, in order."""
    listed = json.loads((folder / "modules.json").read_text("utf-8"))
    return [(str(module["type"]).rsplit(".", 1)[-1], str(module["path"])) for module in listed]


class SentenceEncoder(Encoder):
    """Any sentence-transformers model, run by the library."""

    unit = "captions"

    def __init__(self, spec: EncoderSpec, files: EncoderFiles, device: str) -> None:
        self.spec = spec
        own = Reading("own")
        told = _module_digests(files.folder)
        self.outputs = outputs(spec, files, (own,), "sentence-transformers", *told)
        self._files = files
        self._asked_device = device

    @cached_property
    def dimension(self) -> int:
        return self._width("a")

    def prepare(self) -> None:
        _ = self._model

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        model = self._model
        size = BATCH["cpu" if model.device.type == "cpu" else "cuda"]
        for window in windows(items, wanted):
            for start in range(0, len(window), size):
                batch = tuple(i for i in window[start : start + size] if wanted[i])
                if batch:
                    # tokenised here: a tokenizer may not be shared by threads
                    inputs = model.preprocess([items[i] for i in batch], prompt=self._prompt)
                    yield Work(batch, partial(self._run, batch, inputs))

    @cached_property
    def _model(self) -> Any:
        from sentence_transformers import SentenceTransformer

        with explained(self._files.folder):
            return SentenceTransformer(
                str(self._files.folder),
                device=resolve_device(self._asked_device),
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True, "dtype": "float32"},
            ).eval()

    @property
    def _prompt(self) -> str | None:
        if self.spec.prefix:
            return self.spec.prefix
        name = self._model.default_prompt_name
        return str(self._model.prompts[name]) if name else None

    def _run(self, batch: tuple[int, ...], inputs: dict[str, Any]) -> Outcome:
        import torch

        device = self._model.device
        with torch.inference_mode(), precise(self.spec.precision, device.type):
            moved = {
                name: value.to(device) if isinstance(value, torch.Tensor) else value
                for name, value in inputs.items()
            }
            vectors = self._model(moved)["sentence_embedding"]
        return Outcome(batch, (vectors.float().cpu().numpy(),), ((),))


def _is_siglip2(files: EncoderFiles) -> bool:
    """Whether it is a text tower that was trained on lower case, which Gemma's tokenizer leaves to
    the caller. Source: transformers' Siglip2Tokenizer, which files of this kind do not name."""
    told = told_by(files.folder / "tokenizer_config.json")
    gemma = str(told.get("tokenizer_class", "")).startswith("Gemma")
    return gemma and files.family.get("padding") == "max_length"


def _module_digests(folder: Path) -> list[str]:
    """Of every file of the modules that have folders of their own: a dense layer's weights count."""
    with explained(folder):
        named = {folder / path for _, path in read_modules(folder) if path}
    files = sorted(path for own in named for path in own.rglob("*") if path.is_file())
    return [f"{path.relative_to(folder).as_posix()} {digest(path)}" for path in files]


def _default_prompt(told: dict[str, Any]) -> str:
    """The words that the model itself puts before every text."""
    prompts, name = told.get("prompts"), told.get("default_prompt_name")
    return str(prompts.get(name, "")) if isinstance(prompts, dict) and name else ""


def _pooling(config: dict[str, Any], *, with_prompt: bool) -> str | None:
    """In our words when it is a plain one, in the old or the new way of writing it."""
    if with_prompt and config.get("include_prompt") is False:
        return None
    mode = config.get("pooling_mode")
    if isinstance(mode, str):
        return _POOLINGS.get(mode)
    on = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    return _POOLINGS.get(on[0].removeprefix("pooling_mode_")) if len(on) == 1 else None


def _refuse_pickles(folder: Path, modules: Sequence[tuple[str, str]]) -> None:
    faults = [
        Fault(f"{path}/pytorch_model.bin", "is pickled; save the model again as safetensors")
        for _, path in modules
        if (folder / path / "pytorch_model.bin").is_file()
        and not (folder / path / "model.safetensors").is_file()
    ]
    if faults:
        raise EncoderError(f"{folder} has parts that cannot be loaded safely.", faults)
