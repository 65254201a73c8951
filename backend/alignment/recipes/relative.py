"""Relative representations (Moschella et al., ICLR 2023).

An item is told by its cosines to anchors, an image by those to the anchors' images and a caption by those to
their captions; the score is the cosine of the two lists. Anchors are training pairs, one caption an image,
drawn by seed. As in the paper nothing is made sparse or sharp (ASIF does both). ``preparation`` centred
subtracts the training mean of each side before any cosine, which takes away what all items of a side
share; the paper does not.
"""

from __future__ import annotations

from backend.alignment.base import Alignment
from backend.alignment.closed_form import choose, draw_anchors
from backend.alignment.heads import Head, anchors_head
from backend.alignment.methods import Context
from backend.alignment.moments import mean_and_scale
from backend.alignment.pairs import PairedFeatures
from backend.schemas import Side


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Draws the anchors; see :func:`backend.alignment.methods.fit`."""
    image, text = draw_anchors(train, int(context.options["anchors"]), context.seed)
    image_mean = text_mean = None
    if context.options["preparation"] == "centred":
        image_mean, _ = mean_and_scale(train.image)
        text_mean, _ = mean_and_scale(train.text)

    def solve(anchors: float) -> Alignment:
        heads: dict[Side, Head] = {
            "image": anchors_head(image, image_mean, negatives="keep"),
            "text": anchors_head(text, text_mean, negatives="keep"),
        }
        return Alignment(method_id, heads, {})

    return choose("anchors", (len(image),), solve, val, context)
