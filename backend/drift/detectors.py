"""What objects a picture shows: OWLv2 (Minderer et al. 2023), asked by words, through transformers.

Every class is asked for as "a photo of a CLASS", as Mollah et al. 2025 have it. Pictures go through the
model in batches, on whatever device there is; torch and transformers are imported on first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from PIL import Image

from backend.catalog.encoders import Precision
from backend.drift.loading import SAFELY, kind_of, model_folder, whole_model
from backend.drift.scores.geneval import Detection, Found
from backend.errors import EncoderError, InvalidInput
from backend.features.encoders import resolve_device
from backend.features.models.checkpoints import explained, precise, quiet
from backend.media.blobs import Blob
from backend.media.pictures import MAX_PIXELS, read_picture
from backend.reporting import Report, silent

DEFAULT: Final = "google/owlv2-large-patch14-ensemble"
_QUERY: Final = "a photo of a {}"

Source = Blob | Path | bytes | Image.Image


class Detector(Protocol):
    """Finds objects of classes that are given in words."""

    def detect(
        self,
        pictures: Sequence[Source],
        classes: Sequence[Sequence[str]],
        threshold: float = 0.1,
        report: Report = silent,
    ) -> list[Found]:
        """What each picture shows of its own classes.

        Args:
            pictures: any number of them; a batch of them is held at once.
            classes: of each picture, at least one.
            threshold: scores must be above it.
            report: told the pictures done; may raise ``Cancelled``.
        """
        ...


class Owlv2:
    """OWLv2 as a :class:`Detector`.

    Each place of the picture goes to the class that fits it best, as transformers has it.

    Args:
        model: ``Owlv2ForObjectDetection``, in evaluation mode.
        images: its image processor. Pictures are padded to squares at the right and below.
        tokenizer: of its text tower.
        device: where the model is.
        batch_size: pictures of a batch.
        precision: what to compute in.
        max_pixels: larger pictures are refused.
    """

    def __init__(
        self,
        model: Any,
        images: Any,
        tokenizer: Any,
        device: str = "cpu",
        batch_size: int = 4,
        precision: Precision = "auto",
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.model = model
        self.device = device
        self.batch_size = batch_size
        self._images = images
        self._tokenizer = tokenizer
        self._precision = precision
        self._max_pixels = max_pixels
        self._longest = model.config.text_config.max_position_embeddings

    def detect(
        self,
        pictures: Sequence[Source],
        classes: Sequence[Sequence[str]],
        threshold: float = 0.1,
        report: Report = silent,
    ) -> list[Found]:
        """See :class:`Detector`.

        Raises:
            InvalidInput: a picture cannot be read or has no classes.
        """
        if len(pictures) != len(classes) or not all(classes):
            raise InvalidInput(
                f"{len(pictures)} pictures have {len(classes)} lists of classes, of which "
                f"{sum(not each for each in classes)} are empty. Give each picture its classes."
            )
        found: list[Found] = []
        for start in range(0, len(pictures), self.batch_size):
            report(start, len(pictures), "pictures")
            stop = start + self.batch_size
            read = [read_picture(each, self._max_pixels) for each in pictures[start:stop]]
            asked = [tuple(dict.fromkeys(each)) for each in classes[start:stop]]
            found += self._batch(read, asked, threshold)
        report(len(pictures), len(pictures), "pictures")
        return found

    def _batch(
        self, pictures: list[Image.Image], asked: list[tuple[str, ...]], threshold: float
    ) -> list[Found]:
        import torch

        most = max(map(len, asked))
        # shorter lists are filled up with their first class. The processor fills them with a space,
        # which is a query like any other and takes places away from the classes
        queries = [_QUERY.format(name) for own in asked for name in _filled(own, most)]
        words = self._tokenizer(
            queries,
            padding="max_length",
            truncation=True,
            max_length=self._longest,
            return_tensors="pt",
        )
        pixels = self._images(pictures, return_tensors="pt")["pixel_values"]
        with torch.inference_mode(), precise(self._precision, self.device):
            seen = self.model(
                input_ids=words["input_ids"].to(self.device),
                attention_mask=words["attention_mask"].to(self.device),
                pixel_values=pixels.to(self.device),
            )
        sizes = [(picture.height, picture.width) for picture in pictures]
        told = self._images.post_process_object_detection(
            seen, threshold=threshold, target_sizes=sizes
        )
        return [
            _found(each, own, picture)
            for each, own, picture in zip(told, asked, pictures, strict=True)
        ]


def load_owlv2(
    address: str = DEFAULT,
    device: str = "auto",
    precision: Precision = "auto",
    report: Report = silent,
) -> Owlv2:
    """OWLv2 from a folder or the Hub; safetensors alone are read.

    Args:
        address: a folder, or "owner/name" on the Hub.
        device: "auto", "cpu", "cuda" or "cuda:N".
        report: told about a download; may raise ``Cancelled``.

    Raises:
        EncoderError: there is no such model, it is no OWLv2, its files are damaged or not whole, or the
            Hub is out of reach.
    """
    import torch
    from transformers import AutoTokenizer, Owlv2ForObjectDetection
    from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil

    folder = model_folder(address, DEFAULT, report, "detector")
    place = resolve_device(device)
    with quiet(), explained(folder):
        kind = kind_of(folder)
        if kind != "owlv2":
            raise EncoderError(f"{folder} is of the kind {kind}, not owlv2. Give an OWLv2 model.")
        model = whole_model(folder, Owlv2ForObjectDetection, torch.float32)
        images = Owlv2ImageProcessorPil.from_pretrained(folder, **SAFELY)
        tokenizer = AutoTokenizer.from_pretrained(folder, **SAFELY)
    model.eval().requires_grad_(False).to(place)
    return Owlv2(model, images, tokenizer, place, precision=precision)


def _filled(names: tuple[str, ...], most: int) -> tuple[str, ...]:
    return names + names[:1] * (most - len(names))


def _found(told: Any, asked: tuple[str, ...], picture: Image.Image) -> Found:
    """One picture's objects, their boxes within the picture."""
    objects = []
    for score, label, box in zip(
        told["scores"].tolist(), told["labels"].tolist(), told["boxes"].tolist(), strict=True
    ):
        left, top, right, bottom = box
        inside = (
            min(max(left, 0.0), picture.width),
            min(max(top, 0.0), picture.height),
            min(max(right, 0.0), picture.width),
            min(max(bottom, 0.0), picture.height),
        )
        # what a list was filled up with is its first class
        name = asked[label] if label < len(asked) else asked[0]
        objects.append(Detection(name, score, inside))
    return Found(frozenset(asked), tuple(objects))
