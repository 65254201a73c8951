"""Losses on rows of a batch. None holds a batch x batch matrix, but where its docstring says so.

One noun a module: contrastive (InfoNCE), pairwise (sigmoid), matching (similarity distributions),
structure (neighbourhoods), redundancy (Barlow Twins), transport (KLOT). The tiles they are worked out in
are in tiles.py, who belongs to whom in owners.py, and the way to autograd in gradients.py.
"""

from __future__ import annotations

import math
from typing import Final

from backend.alignment.losses.contrastive import info_nce
from backend.alignment.losses.matching import similarity_distribution
from backend.alignment.losses.pairwise import sigmoid
from backend.alignment.losses.redundancy import barlow
from backend.alignment.losses.structure import structure
from backend.alignment.losses.transport import klot

#: the logit scale is exp(theta), theta clamped to 0..MAX_LOG_SCALE after each step (CLIP)
MAX_LOG_SCALE: Final = math.log(100.0)

__all__ = [
    "MAX_LOG_SCALE",
    "barlow",
    "info_nce",
    "klot",
    "sigmoid",
    "similarity_distribution",
    "structure",
]
