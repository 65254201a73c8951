"""Janus and Janus-Pro (Wu et al. 2024, Chen et al. 2025), both ways, through transformers alone.

One model understands pictures and makes them. A picture is drawn token by token with classifier-free
guidance, as released (weight 5), so it always is a draw: at temperature 1 unless another is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from PIL import Image

from backend.drift.loading import kind_of, load_generator, model_folder
from backend.drift.operators.base import Product, filled, words
from backend.errors import EncoderError
from backend.reporting import Report, silent

USUAL: Final = "deepseek-community/Janus-Pro-1B"
SHOWS: Final = "{}"
TELLS: Final = "Describe this image in one sentence."
GUIDANCE: Final = 5.0
_LONGEST: Final = 96  # tokens of a description
_BATCH: Final = 4
#: what the released models were trained with, for a folder without a chat template
_TURN: Final = "<|User|>: {}\n\n<|Assistant|>:"


class Janus:
    """A loaded model; :class:`JanusToImage` and :class:`JanusToText` are its two ways.

    Args:
        model: ``JanusForConditionalGeneration``, in evaluation mode.
        processor: its processor.
        device: where the model is.
        source: what it is called.
    """

    def __init__(self, model: Any, processor: Any, device: str, source: str) -> None:
        self.model = model
        self.processor = processor
        self.device = device
        self.source = source
        # transformers reads this from the model's files and then forgets it
        begins = processor.tokenizer.convert_tokens_to_ids(processor.image_start_token)
        model.generation_config.generation_kwargs = {"boi_token_id": begins}

    def inputs(
        self, prompts: Sequence[str], mode: str, pictures: Sequence[Image.Image] = ()
    ) -> Any:
        """What the model takes: prompts in the form of a conversation, with a picture each or none."""
        given: dict[str, Any] = {"images": list(pictures)} if pictures else {}
        told = [self._turn(prompt, bool(pictures)) for prompt in prompts]
        return self.processor(
            text=told,
            generation_mode=mode,
            padding=True,
            padding_side="left",
            return_tensors="pt",
            **given,
        ).to(self.device, self.model.dtype)

    def pictures(self, decoded: Any) -> list[Image.Image]:
        """Pictures of (n, height, width, 3) decoded values, as the processor's ``postprocess`` means it.

        That itself fails without torchvision: it takes the first axis for the channels.
        """
        images = self.processor.image_processor
        values = decoded.float().cpu().numpy() * np.float32(images.image_std)
        values = (values + np.float32(images.image_mean)) * 255
        return [Image.fromarray(each) for each in values.clip(0, 255).astype(np.uint8)]

    def _turn(self, prompt: str, picture: bool) -> str:
        if not self.processor.chat_template:
            image = f"{self.processor.image_token}\n" if picture else ""
            return filled(_TURN, image + prompt)
        content = [{"type": "image"}] if picture else []
        content.append({"type": "text", "text": prompt})
        said: str = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        return said


class JanusToImage:
    """Pictures of texts; see :class:`backend.drift.operators.base.TextToImage`."""

    certain = False
    batch_size = _BATCH

    def __init__(self, janus: Janus, prompt: str = "", temperature: float = 0.0) -> None:
        self.prompt = prompt or SHOWS
        self.model = janus.source
        self.name = f"Janus (temperature {temperature or 1.0:g}, guidance {GUIDANCE:g})"
        self._janus = janus
        self._temperature = temperature or 1.0

    def generate(self, texts: Sequence[str], seeds: Sequence[int]) -> list[Product[Image.Image]]:
        """A picture of each text."""
        found: list[Product[Image.Image]] = []
        for start in range(0, len(texts), self.batch_size):
            some = slice(start, start + self.batch_size)
            found += self._batch(texts[some], seeds[some])
        return found

    def _batch(self, texts: Sequence[str], seeds: Sequence[int]) -> list[Product[Image.Image]]:
        import torch
        from transformers import ClassifierFreeGuidanceLogitsProcessor, LogitsProcessorList

        from backend.drift.operators.drawing import Drawn

        janus = self._janus
        inputs = janus.inputs([filled(self.prompt, text) for text in texts], "image")
        # guidance first, then the draw: transformers would append its own behind what it is given
        guidance: Any = ClassifierFreeGuidanceLogitsProcessor
        guided = LogitsProcessorList([guidance(GUIDANCE), Drawn(seeds, self._temperature)])
        with torch.inference_mode():
            tokens = janus.model.generate(
                **inputs,
                generation_mode="image",
                do_sample=False,
                num_beams=1,
                guidance_scale=1.0,
                logits_processor=guided,
            )
            decoded = janus.model.decode_image_tokens(tokens)
        return [Product(picture) for picture in janus.pictures(decoded)]


class JanusToText:
    """Words for pictures; see :class:`backend.drift.operators.base.ImageToText`."""

    batch_size = _BATCH

    def __init__(self, janus: Janus, prompt: str = "", temperature: float = 0.0) -> None:
        self.prompt = prompt or TELLS
        self.model = janus.source
        self.certain = temperature == 0
        self.name = "Janus" if self.certain else f"Janus (temperature {temperature:g})"
        self._janus = janus
        self._temperature = temperature

    def describe(self, pictures: Sequence[Image.Image], seeds: Sequence[int]) -> list[Product[str]]:
        """Words for each picture."""
        found: list[Product[str]] = []
        for start in range(0, len(pictures), self.batch_size):
            some = slice(start, start + self.batch_size)
            found += self._batch(pictures[some], seeds[some])
        return found

    def _batch(self, pictures: Sequence[Image.Image], seeds: Sequence[int]) -> list[Product[str]]:
        import torch
        from transformers import GenerationMixin

        from backend.drift.operators.drawing import drawing

        janus = self._janus
        inputs = janus.inputs([self.prompt] * len(pictures), "text", pictures)
        with torch.inference_mode():
            # its own generate() drops the processors of logits where it makes text
            tokens = GenerationMixin.generate(
                janus.model,
                **inputs,
                do_sample=False,
                num_beams=1,
                guidance_scale=None,
                max_new_tokens=_LONGEST,
                logits_processor=drawing(seeds, self._temperature),
            )
        said = tokens[:, inputs["input_ids"].shape[1] :]
        return [
            words(text) for text in janus.processor.batch_decode(said, skip_special_tokens=True)
        ]


def load_janus(source: str, device: str = "auto", report: Report = silent) -> Janus:
    """Janus from a folder or the Hub.

    Args:
        source: empty for the smallest Janus-Pro.

    Raises:
        EncoderError: it is no Janus, its files are damaged, or the Hub is out of reach.
    """
    folder = model_folder(source, USUAL, report)
    kind = kind_of(folder)
    if kind != "janus":
        raise EncoderError(f"{folder} is of the kind {kind}, not janus. Give a Janus model.")
    model, processor, place = load_generator(folder, "JanusForConditionalGeneration", device)
    return Janus(model, processor, place, source.strip() or USUAL)
