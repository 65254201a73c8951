"""ASIF: coupled data turns unimodal models to multimodal without training (Norelli et al., NeurIPS 2023).

An image is told by its cosines to the images of the anchors, a caption by its cosines to their captions; the
largest ``non_zeros`` are kept, negative ones are 0, each is raised to ``exponent``, and the score is
the cosine of the two. Anchors are training pairs, one caption an image. Nothing is fitted, so a pair
can be added or taken away at any time; the heads are as large as the anchors.

The paper brings both sides to length one, and so does this; the released code (noranta4/ASIF) does it to the
texts alone, which gives the same best text for an image but no comparable scores from text to image. Its
chunked loop can drop the last anchors; here none is dropped. Its exponent comes from a list on validation:
so it does here when ``exponent`` is 0.
"""

from __future__ import annotations

from typing import Final

from backend.alignment.base import Alignment
from backend.alignment.closed_form import choose, draw_anchors
from backend.alignment.heads import Head, anchors_head
from backend.alignment.methods import Context
from backend.alignment.pairs import PairedFeatures
from backend.schemas import Side

#: tried when the exponent is left at 0
EXPONENTS: Final = (1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0)


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Draws the anchors; see :func:`backend.alignment.methods.fit`."""
    options = context.options
    image, text = draw_anchors(train, int(options["anchors"]), context.seed)
    kept = min(int(options["non_zeros"]), len(image))
    given = float(options["exponent"])

    def solve(exponent: float) -> Alignment:
        heads: dict[Side, Head] = {
            "image": anchors_head(image, non_zeros=kept, exponent=exponent),
            "text": anchors_head(text, non_zeros=kept, exponent=exponent),
        }
        return Alignment(method_id, heads, {"anchors": len(image), "non_zeros": kept})

    return choose("exponent", (given,) if given else EXPONENTS, solve, val, context)
