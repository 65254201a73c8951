"""The modality-gap slider's numbers: the offset of the validation split, taken away from the test split."""

from __future__ import annotations

import numpy as np

from backend.reporting import Report
from backend.runs.evaluations.kinds import Work
from backend.runs.evaluations.opened import OpenedRun
from backend.runs.pairing import Captions
from backend.schemas import GapReport, GapRequest

#: images of the test split that are searched at most
IMAGES = 2000


def measure(work: Work, request: GapRequest) -> GapReport:
    """The test split with 0 to 100 % of the offset taken away."""
    opened = work.open()
    reading = work.stage("Read both splits")
    return curve(opened, request, reading, work.stage("Take the offset away"))


def curve(opened: OpenedRun, request: GapRequest, reading: Report, moving: Report) -> GapReport:
    """The same of a run that is open already. Of a large split some images are drawn with all their
    captions: each share is one more retrieval of all of them."""
    from backend.evaluation.gap import gap_curve, offset

    between = offset(*opened.embedded("val", reading)[:2])
    image, text, owners = opened.embedded("test", reading)
    some = np.sort(np.random.default_rng(request.seed).permutation(len(image))[:IMAGES])
    theirs = np.flatnonzero(np.isin(owners, some))
    captions = Captions.of(opened.inputs.rows(reading).split("test")).texts
    said = np.unique([captions[row] for row in theirs], return_inverse=True)[1]
    found = gap_curve(
        image[some],
        text[theirs],
        np.searchsorted(some, owners[theirs]),
        between,
        seed=request.seed,
        report=moving,
        said=said,
    )
    return found.model_copy(update={"split_images": len(image)})
