"""A fitted alignment: two heads, how they were made, and how they are kept.

On disk: ``heads.safetensors`` and ``alignment.json``. Never pickle.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from backend.alignment.heads import Head, HeadConfig, Inputs, TokenBatch, build_head
from backend.alignment.rows import Rows, Tokens, as_rows
from backend.errors import NotFound
from backend.schemas import Side
from backend.whole_files import whole_file

_WEIGHTS: Final = "heads.safetensors"
_CARD: Final = "alignment.json"


class Alignment:
    """Maps either side's features into the shared space.

    Args:
        method: the method's id.
        heads: one for each side.
        details: plain JSON values about the fit (chosen epoch, chosen ridge, ...).
    """

    def __init__(self, method: str, heads: dict[Side, Head], details: dict[str, Any]) -> None:
        self.method = method
        self.heads = {side: head.eval() for side, head in heads.items()}
        self.details = details

    @property
    def dimension(self) -> int:
        """Of the shared space."""
        return self.heads["image"].config.outputs

    def transform(self, side: Side, features: Rows | NDArray[np.floating]) -> NDArray[np.float32]:
        """Features (n, d_side), or every token's -> embeddings (n, dimension) float32, unit rows."""
        head, rows = self.heads[side], as_rows(features)
        if rows.width != head.config.inputs:
            raise ValueError(
                f"{side} features of width {rows.width}; expected {head.config.inputs}"
            )
        result = np.empty((len(rows), head.config.outputs), np.float32)
        with torch.inference_mode():
            for start, block in rows.blocks(head.config.outputs):
                embedded = head(as_inputs(block)).float().numpy()
                result[start : start + len(embedded)] = embedded
        return result

    def save(self, folder: Path) -> None:
        """Writes both files; the card is renamed into place last and makes the pair whole."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"{side}.{name}": value.contiguous()
            for side, head in self.heads.items()
            for name, value in head.state_dict().items()
        }
        save_file(tensors, folder / _WEIGHTS)
        card = {
            "method": self.method,
            "heads": {side: head.config.to_dict() for side, head in self.heads.items()},
            "details": self.details,
        }
        with whole_file(folder / _CARD) as draft:
            draft.write_text(json.dumps(card, indent=2), encoding="utf-8")


def as_inputs(block: NDArray[np.float32] | Tokens) -> Inputs:
    """What a head takes, of rows that were taken."""
    if isinstance(block, Tokens):
        return TokenBatch(torch.from_numpy(block.values), torch.from_numpy(block.mask))
    return torch.from_numpy(block)


def load_alignment(folder: Path) -> Alignment:
    """The alignment saved in ``folder``.

    Raises:
        NotFound: nothing whole is there.
    """
    if not (folder / _CARD).is_file() or not (folder / _WEIGHTS).is_file():
        raise NotFound(f"There are no heads in {folder}; resume the run or launch it again.")
    card = json.loads((folder / _CARD).read_text(encoding="utf-8"))
    tensors = load_file(folder / _WEIGHTS)
    heads: dict[Side, Head] = {}
    for side in ("image", "text"):
        head = build_head(HeadConfig.of(card["heads"][side]))
        own = {
            n.removeprefix(f"{side}."): t for n, t in tensors.items() if n.startswith(f"{side}.")
        }
        head.load_state_dict(own)
        heads[side] = head
    return Alignment(card["method"], heads, card["details"])
