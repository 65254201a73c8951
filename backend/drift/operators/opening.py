"""Opens what was chosen as an operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backend.drift.operators.base import ImageToText, TextToImage
from backend.drift.operators.choosing import operator_faults
from backend.errors import InvalidInput, OperatorError
from backend.media.pictures import MAX_PIXELS
from backend.reporting import Report, silent
from backend.schemas import Side
from backend.schemas.games import OperatorChoice

if TYPE_CHECKING:
    from backend.drift.decoder import Decoder
    from backend.exploration.space import SharedSpace

#: training captions of a run and their (m, d) unit vectors in its space
Captions = Callable[[Report], tuple[Sequence[str], NDArray[np.float32]]]


@dataclass(frozen=True)
class Surroundings:
    """What operators of a run need of it.

    Attributes:
        space: the run's shared space.
        captions: gives its training captions, for the decoder; None where there is to be none.
        decoder: folder where its decoder is kept.
        made_of: tells the heads and captions that a decoder is of from others.
        device: for models: "auto", "cpu", "cuda" or "cuda:N".
        max_pixels: larger pictures are refused.
    """

    space: SharedSpace
    captions: Captions | None = None
    decoder: Path | None = None
    made_of: str = ""
    device: str = "auto"
    max_pixels: int = MAX_PIXELS


def open_operator(
    choice: OperatorChoice, target: Side, around: Surroundings, report: Report = silent
) -> TextToImage | ImageToText:
    """An operator that is no retrieval, loaded.

    Args:
        target: what it is to make.
        report: told about downloads, and about the decoder's training; may raise ``Cancelled``.

    Raises:
        InvalidInput: it cannot be what was chosen, or its model cannot be loaded.
    """
    faults = operator_faults(choice, target)
    if faults:
        raise InvalidInput("This operator cannot be used. Choose another one.", faults)
    if target == "image":
        return _text_to_image(choice, around, report)
    return _image_to_text(choice, around, report)


def _text_to_image(choice: OperatorChoice, around: Surroundings, report: Report) -> TextToImage:
    if choice.kind == "renderer":
        from backend.drift.operators.renderer import Renderer

        return Renderer(choice.temperature)
    if choice.kind == "janus":
        from backend.drift.operators.janus import JanusToImage, load_janus

        return JanusToImage(
            load_janus(choice.source, around.device, report), choice.prompt, choice.temperature
        )
    if choice.kind == "diffusers":
        from backend.drift.operators.diffusion import load_diffusion

        return load_diffusion(choice.source, choice.prompt, choice.steps, around.device, report)
    if choice.kind == "endpoint":
        from backend.drift.operators.endpoint import EndpointToImage
        from backend.drift.operators.sending import Service

        service = Service(choice.source)
        return EndpointToImage(service, choice.source, choice.model, choice.prompt)
    raise OperatorError(f"{choice.kind} makes no pictures by itself. Choose another operator.")


def _image_to_text(choice: OperatorChoice, around: Surroundings, report: Report) -> ImageToText:
    if choice.kind == "decoder":
        from backend.drift.operators.decoding import Decoding

        decoder = open_decoder(around, report)
        return Decoding(decoder, around.space.embed_items, choice.temperature)
    if choice.kind == "janus":
        from backend.drift.operators.janus import JanusToText, load_janus

        return JanusToText(
            load_janus(choice.source, around.device, report), choice.prompt, choice.temperature
        )
    if choice.kind == "captioner":
        from backend.drift.operators.captioner import load_captioner

        return load_captioner(
            choice.source, choice.prompt, choice.temperature, around.device, report
        )
    if choice.kind == "endpoint":
        from backend.drift.operators.endpoint import EndpointToText
        from backend.drift.operators.sending import Service

        service = Service(choice.source)
        return EndpointToText(
            service, choice.source, choice.model, choice.prompt, choice.temperature
        )
    raise OperatorError(f"{choice.kind} tells no pictures by itself. Choose another operator.")


def open_decoder(around: Surroundings, report: Report = silent) -> Decoder:
    """The decoder of a run's space: the one that is kept, or a new one trained on its captions.

    Raises:
        OperatorError: there is none and no captions to train it on.
    """
    from backend.drift.decoder import load_decoder, save_decoder, train_decoder

    kept = None if around.decoder is None else load_decoder(around.decoder, around.made_of)
    if kept is not None:
        return kept
    if around.captions is None:
        raise OperatorError("This run has no decoder, and none can be trained here. Use retrieval.")
    texts, vectors = around.captions(report)
    decoder = train_decoder(texts, vectors, report=report)
    if around.decoder is not None:
        save_decoder(decoder, around.decoder, around.made_of)
    return decoder
