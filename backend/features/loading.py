"""Loading an encoder of any kind: cheap, since a model is read when it is first asked for a feature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backend.catalog.encoders import EncoderSpec, spec_files
from backend.catalog.encoders.files import EncoderFiles, inspect_folder
from backend.catalog.hub import fetch
from backend.errors import EncoderError
from backend.features.encoders import Encoder
from backend.features.work import patiently
from backend.media.pictures import MAX_PIXELS
from backend.reporting import Report, silent


def load_encoder(
    spec: EncoderSpec,
    device: str,
    corpus: Sequence[str] | None = None,
    report: Report = silent,
    max_pixels: int = MAX_PIXELS,
) -> Encoder:
    """An encoder ready to be asked; fetches it from the Hub when it is not on this disk.

    Args:
        spec: from :func:`backend.catalog.encoders.find_encoder`.
        device: "auto", "cpu", "cuda" or "cuda:N".
        corpus: the training captions, which the bag of words alone is fitted on.
        report: told about a download, and while weights are hashed; may raise ``Cancelled``.
        max_pixels: larger pictures are refused.

    Raises:
        EncoderError: files are missing, damaged, unsafe or for the other side; or the Hub is out of
            reach.
    """
    if spec.kind == "bag-of-words":
        from backend.features.kinds.bag_of_words import BagOfWords

        if not corpus:
            raise EncoderError("The bag of words needs training captions, and there are none.")
        return BagOfWords.of(spec, corpus)
    if spec.kind == "features":
        from backend.features.kinds.precomputed import Precomputed

        return Precomputed(spec)
    if spec.modality == "features":
        raise EncoderError(
            f"{spec.id} is a model, and the items are known by their features alone. Give the file "
            "of their features (.npy, .safetensors or .parquet)."
        )
    return _load_model(spec, device, report, max_pixels)


def _load_model(spec: EncoderSpec, device: str, report: Report, max_pixels: int) -> Encoder:
    """An encoder that is a model; hashing its weights, which may take long, is told."""
    from backend.features.models.readings import digest

    files = spec_files(spec)
    if files is None:
        files = inspect_folder(
            fetch(spec.location, spec.revision, report), spec.modality, spec.library
        )
    weights = files.weights
    patiently(lambda: list(map(digest, weights)), lambda: report(0, 0, "weights checked"))
    match spec.modality:
        case "image":
            from backend.features.kinds.images import ImageEncoder

            return ImageEncoder(spec, files, device, max_pixels)
        case "audio":
            from backend.features.kinds.audio import AudioEncoder

            return AudioEncoder(spec, files, device)
        case _:
            return _text_encoder(spec, files, device)


def load_fitted(folder: Path) -> Encoder:
    """An encoder that was fitted on a run's captions and saved with it.

    Raises:
        EncoderError: the files are missing or damaged.
    """
    from backend.features.kinds.bag_of_words import BagOfWords

    return BagOfWords.load(folder)


def _text_encoder(spec: EncoderSpec, files: EncoderFiles, device: str) -> Encoder:
    from backend.features.kinds.sentences import SentenceEncoder, reads_as_pooled
    from backend.features.kinds.texts import TextEncoder

    pooled = reads_as_pooled(spec, files)
    if pooled is None:
        return SentenceEncoder(spec, files, device)
    return TextEncoder(spec, files, device, pooled)
