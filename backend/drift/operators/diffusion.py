"""Text to image by a pipeline of diffusers, an optional extra (requirements-generators.txt).

Only safetensors are read and no code of a model's own is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image

from backend.catalog.hub import HUB_ID
from backend.drift.operators.base import Product, filled
from backend.errors import OperatorError
from backend.features.encoders import resolve_device
from backend.features.models.checkpoints import explained
from backend.reporting import Report, silent

USUAL: Final = "stabilityai/stable-diffusion-xl-base-1.0"
SHOWS: Final = "{}"
_BATCH: Final = 4
_FILES: Final = ("*.json", "*.txt", "*.model", "*/*.safetensors")
#: the same weights in other precisions or of other programs
_COPIES: Final = ("*.fp16.safetensors", "*.non_ema.safetensors", "*/openvino*", "*/*flax*")


class Diffusion:
    """Pictures of texts; see :class:`backend.drift.operators.base.TextToImage`.

    Each picture's noise comes from a generator of its own, of its seed, on the CPU.

    Args:
        pipeline: of diffusers, on its device.
        source: what it is called.
        prompt: template.
        steps: of denoising; 0 for the pipeline's usual.
    """

    certain = False
    batch_size = _BATCH

    def __init__(self, pipeline: Any, source: str, prompt: str = "", steps: int = 0) -> None:
        self.prompt = prompt or SHOWS
        self.model = source
        self.name = type(pipeline).__name__.removesuffix("Pipeline")
        self.name += f" ({steps} steps)" if steps else ""
        self._pipeline = pipeline
        self._options: dict[str, Any] = {"num_inference_steps": steps} if steps else {}

    def generate(self, texts: Sequence[str], seeds: Sequence[int]) -> list[Product[Image.Image]]:
        """A picture of each text; none where the model's own checker withholds it."""
        found: list[Product[Image.Image]] = []
        for start in range(0, len(texts), self.batch_size):
            some = slice(start, start + self.batch_size)
            found += self._batch(texts[some], seeds[some])
        return found

    def _batch(self, texts: Sequence[str], seeds: Sequence[int]) -> list[Product[Image.Image]]:
        import torch

        made = self._pipeline(
            prompt=[filled(self.prompt, text) for text in texts],
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            output_type="pil",
            **self._options,
        )
        withheld = getattr(made, "nsfw_content_detected", None) or [False] * len(texts)
        return [
            Product(None, "the model's safety checker withheld the picture")
            if hidden
            else Product(picture.convert("RGB"))
            for picture, hidden in zip(made.images, withheld, strict=True)
        ]


def load_diffusion(
    source: str,
    prompt: str = "",
    steps: int = 0,
    device: str = "auto",
    report: Report = silent,
) -> Diffusion:
    """A text-to-image pipeline from a folder or the Hub.

    Args:
        source: empty for Stable Diffusion XL.

    Raises:
        OperatorError: diffusers is not installed, there is no such model, or the Hub is out of reach.
        EncoderError: its files are damaged, or it does not make pictures of texts.
    """
    try:
        from diffusers import AutoPipelineForText2Image
        from diffusers.utils import logging
    except ImportError as error:
        raise OperatorError(
            "diffusers is not installed. pip install -r requirements-generators.txt -c constraints.txt"
        ) from error
    import torch

    folder = _folder(source.strip() or USUAL, report)
    place = resolve_device(device)
    pipelines: Any = AutoPipelineForText2Image
    logging.disable_progress_bar()
    with explained(folder):
        pipeline = pipelines.from_pretrained(
            folder,
            torch_dtype=torch.float32 if place == "cpu" else torch.float16,
            use_safetensors=True,
            local_files_only=True,
        )
    pipeline.set_progress_bar_config(disable=True)
    return Diffusion(pipeline.to(place), source.strip() or USUAL, prompt, steps)


def _folder(address: str, report: Report) -> Path:
    """Where a pipeline lies, fetched where it is not on this disk: parts are folders, each its weights."""
    path = Path(address).expanduser()
    if path.is_dir():
        return path
    if not HUB_ID.fullmatch(address):
        raise OperatorError(
            f'There is no pipeline "{address[:80]}". Give a folder, or an id of the Hugging Face Hub such '
            f"as {USUAL}."
        )
    from huggingface_hub import snapshot_download

    report(0, 0, "files to download")
    try:
        found = snapshot_download(
            address, allow_patterns=list(_FILES), ignore_patterns=list(_COPIES)
        )
    except Exception as error:  # the client's own errors and its transport's share no base
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise OperatorError(
            f"{address} is not on this disk and could not be fetched ({reason}). Check its name and the "
            "connection, or give the path of its folder."
        ) from error
    return Path(found)
