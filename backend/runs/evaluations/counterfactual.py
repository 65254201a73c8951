"""Counterfactual captions: what a run notices when one word of a test caption is another."""

from __future__ import annotations

import numpy as np

from backend.runs.evaluations.kinds import Work
from backend.runs.pairing import Captions
from backend.schemas import CounterfactualReport, CounterfactualRequest


def measure(work: Work, request: CounterfactualRequest) -> CounterfactualReport:
    """Swaps words in the captions of the test split, encodes the changed ones, and compares.

    Raises:
        InvalidInput: a pair of words cannot be used, or no caption has any of them.
    """
    from backend.evaluation.counterfactual import paraphrase_distance, shifts
    from backend.evaluation.swapping import DEFAULT_PAIRS, parse_pairs, swaps

    opened = work.open()
    pairs = parse_pairs(request.pairs) if request.pairs.strip() else DEFAULT_PAIRS
    reading = work.stage("Read the test split")
    captions = Captions.of(opened.inputs.rows(reading).split("test")).texts
    image, text, image_of_text = opened.embedded("test", reading)
    changed = swaps(captions, pairs)
    rows = np.asarray([swap.row for swap in changed], np.int64)
    after = opened.embed_texts([swap.changed for swap in changed], work.stage("Encode captions"))
    return shifts(
        changed,
        image,
        text[rows],
        after,
        image_of_text[rows],
        paraphrase_distance(text, image_of_text),
        opened.detail.request.seed,
    )
