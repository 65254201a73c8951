"""Captioners: Florence-2 (Xiao et al. 2023), BLIP (Li et al. 2022), GIT (Wang et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PIL import Image

from backend.drift.loading import kind_of, load_generator, model_folder
from backend.drift.operators.base import Product, words
from backend.errors import EncoderError
from backend.reporting import Report, silent

USUAL: Final = "florence-community/Florence-2-base"
_LONGEST: Final = 96
_BATCH: Final = 8
_CLASSES: Final = {
    "florence2": "Florence2ForConditionalGeneration",
    "blip": "BlipForConditionalGeneration",
    "git": "GitForCausalLM",
}
_NAMES: Final = {"florence2": "Florence-2", "blip": "BLIP", "git": "GIT"}
#: Florence-2 is told its task; the others begin to speak, or go on with the words they are given
_PROMPTS: Final = {"florence2": "<DETAILED_CAPTION>", "blip": "", "git": ""}


class Captioner:
    """Tells pictures; see :class:`backend.drift.operators.base.ImageToText`.

    Args:
        model: in evaluation mode.
        processor: its processor.
        kind: "florence2", "blip" or "git".
        source: what it is called.
        prompt: Florence-2's task or question; of the others the words that every caption begins with.
        temperature: 0 takes the likeliest words.
        device: where the model is.
    """

    batch_size = _BATCH

    def __init__(
        self,
        model: Any,
        processor: Any,
        kind: str,
        source: str,
        prompt: str = "",
        temperature: float = 0.0,
        device: str = "cpu",
    ) -> None:
        self.prompt = prompt or _PROMPTS[kind]
        self.model = source
        self.certain = temperature == 0
        self.name = _NAMES[kind] + ("" if self.certain else f" (temperature {temperature:g})")
        self._model, self._processor, self._kind = model, processor, kind
        self._temperature, self._device = temperature, device

    def describe(self, pictures: Sequence[Image.Image], seeds: Sequence[int]) -> list[Product[str]]:
        """Words for each picture."""
        found: list[Product[str]] = []
        for start in range(0, len(pictures), self.batch_size):
            some = slice(start, start + self.batch_size)
            found += self._batch(list(pictures[some]), seeds[some])
        return found

    def _batch(self, pictures: list[Image.Image], seeds: Sequence[int]) -> list[Product[str]]:
        import torch

        from backend.drift.operators.drawing import drawing

        with torch.inference_mode():
            tokens = self._model.generate(
                **self._inputs(pictures),
                do_sample=False,
                num_beams=1,
                max_new_tokens=_LONGEST,
                logits_processor=drawing(seeds, self._temperature),
            )
        return [
            words(text) for text in self._processor.batch_decode(tokens, skip_special_tokens=True)
        ]

    def _inputs(self, pictures: list[Image.Image]) -> dict[str, Any]:
        given: dict[str, Any] = {"images": pictures, "return_tensors": "pt"}
        if self.prompt:
            given["text"] = [self.prompt] * len(pictures)
        if self._kind == "git" and self.prompt:
            # a separator at the end would end the caption before it begins
            given["add_special_tokens"] = False
        inputs = self._processor(**given).to(self._device, self._model.dtype)
        inputs.pop("token_type_ids", None)
        if self._kind == "git" and self.prompt:
            inputs = _begun(inputs, self._processor.tokenizer.cls_token_id)
        return dict(inputs)


def _begun(inputs: Any, first: int) -> Any:
    """The words of a prompt behind the token that begins every text."""
    import torch

    for name, value in (("input_ids", first), ("attention_mask", 1)):
        rows = inputs[name]
        inputs[name] = torch.cat([torch.full_like(rows[:, :1], value), rows], dim=1)
    return inputs


def load_captioner(
    source: str,
    prompt: str = "",
    temperature: float = 0.0,
    device: str = "auto",
    report: Report = silent,
) -> Captioner:
    """A captioner from a folder or the Hub.

    Args:
        source: empty for Florence-2's base model.

    Raises:
        EncoderError: it is of another kind, its files are damaged, or the Hub is out of reach.
    """
    folder = model_folder(source, USUAL, report)
    kind = kind_of(folder)
    if kind not in _CLASSES:
        raise EncoderError(
            f"{folder} is of the kind {kind}. Give a model of {', '.join(_NAMES.values())}."
        )
    model, processor, place = load_generator(folder, _CLASSES[kind], device)
    named = source.strip() or USUAL
    return Captioner(model, processor, kind, named, prompt, temperature, place)
