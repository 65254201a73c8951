"""Loads transformers models that make or judge chains: safetensors, no code of theirs, nothing made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from backend.catalog.hub import HUB_ID, cached_folder, fetch
from backend.errors import EncoderError
from backend.features.encoders import resolve_device
from backend.features.models.checkpoints import explained, quiet
from backend.reporting import Report, silent

#: as in backend.features: nothing is fetched here, and no code of a model's own is run
SAFELY: Final[dict[str, Any]] = {"local_files_only": True, "trust_remote_code": False}


def model_folder(address: str, usual: str, report: Report = silent, what: str = "model") -> Path:
    """Where a model lies, fetched from the Hub where it is not on this disk.

    Args:
        address: a folder, or "owner/name" on the Hub; empty for the usual one.
        usual: the Hub's id of what is taken otherwise.
        report: told about a download; may raise ``Cancelled``.
        what: what it is called where there is none.

    Raises:
        EncoderError: there is no such model, or the Hub is out of reach.
    """
    address = address.strip() or usual
    path = Path(address).expanduser()
    if path.is_dir():
        return path
    if not HUB_ID.fullmatch(address):
        raise EncoderError(
            f'There is no {what} "{address[:80]}". Give a folder, or an id of the Hugging Face Hub such as '
            f"{usual}."
        )
    return cached_folder(address, None) or fetch(address, None, report)


def kind_of(folder: Path) -> str:
    """The kind of a model by its configuration: "janus", "blip" ..."""
    from transformers import AutoConfig

    with explained(folder):
        told = AutoConfig.from_pretrained(folder, **SAFELY)
    return str(told.model_type)


def whole_model(folder: Path, model_class: Any, dtype: Any) -> Any:
    """A model, if its files hold all its weights.

    Args:
        folder: where it lies.
        model_class: of transformers.
        dtype: of torch.

    Raises:
        EncoderError: weights are missing.
    """
    model, told = model_class.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **SAFELY
    )
    if told["missing_keys"]:
        gone = sorted(told["missing_keys"])
        raise EncoderError(
            f"{folder} lacks {len(gone)} of the model's weights (such as {gone[0]}); they would be "
            "random. Give the folder of the complete model."
        )
    return model


def load_generator(folder: Path, model_class: str, device: str = "auto") -> tuple[Any, Any, str]:
    """A model with its processor, in evaluation mode.

    Args:
        model_class: of transformers, such as "JanusForConditionalGeneration".
        device: "auto", "cpu", "cuda" or "cuda:N".

    Returns:
        The model, its processor, and the device it is on. On a GPU it computes in bfloat16.

    Raises:
        EncoderError: its files are damaged or not whole.
    """
    import torch
    import transformers

    place = resolve_device(device)
    dtype = torch.float32 if place == "cpu" else torch.bfloat16
    with quiet(), explained(folder):
        model = whole_model(folder, getattr(transformers, model_class), dtype)
        # with torchvision there would be other numbers than without
        processors: Any = transformers.AutoProcessor
        processor = processors.from_pretrained(folder, backend="pil", **SAFELY)
    return model.eval().requires_grad_(False).to(place), processor, place
