"""Looks at the validation split while heads are trained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from backend.alignment.base import as_inputs
from backend.alignment.heads import Head
from backend.alignment.pairs import PairedFeatures
from backend.alignment.rows import Rows
from backend.alignment.scoring import recall_in_pieces


def validate(
    heads: nn.ModuleDict, pairs: PairedFeatures, on_wait: Callable[[], None] = lambda: None
) -> dict[str, float] | None:
    """Recalls on the validation split with the heads as they are; None where they give no numbers.

    Args:
        on_wait: called every few tenths of a second; may raise.
    """
    heads.eval()
    image = _embedded(heads["image"], pairs.image, on_wait)
    text = _embedded(heads["text"], pairs.text, on_wait)
    if not (np.isfinite(image).all() and np.isfinite(text).all()):
        return None
    return recall_in_pieces(image, text, pairs.image_of_text, on_wait)


def _embedded(head: nn.Module, rows: Rows, on_wait: Callable[[], None]) -> NDArray[np.float32]:
    assert isinstance(head, Head)
    result = np.empty((len(rows), head.config.outputs), np.float32)
    device = next(head.parameters()).device
    with torch.inference_mode():
        for start, block in rows.blocks(head.config.outputs):
            part = head(as_inputs(block).to(device)).float().cpu().numpy()
            result[start : start + len(part)] = part
            on_wait()
    return result
