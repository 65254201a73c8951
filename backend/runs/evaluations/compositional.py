"""Compositional understanding: a published benchmark, or the built-in world's own hard negatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backend.errors import InvalidInput
from backend.reporting import Report, silent
from backend.runs.evaluations.kinds import Work
from backend.runs.pairing import in_rows
from backend.schemas import CompositionalReport, CompositionalRequest

if TYPE_CHECKING:
    from backend.catalog.compositional import Benchmark
    from backend.runs.evaluations.opened import OpenedRun


def measure(work: Work, request: CompositionalRequest) -> CompositionalReport:
    """Encodes the benchmark's pictures and captions, then scores it.

    Raises:
        DatasetError: its files cannot be used; every fault is listed.
        InvalidInput: the run's items are no images.
    """
    opened = work.open()
    if opened.detail.summary.modality != "image":
        raise InvalidInput("These benchmarks are of images; choose a run whose items are images.")
    benchmark = read(opened, request, work.stage("Read the benchmark"))
    return score(
        opened, benchmark, request.seed, work.stage("Encode images"), work.stage("Encode captions")
    )


def read(opened: OpenedRun, request: CompositionalRequest, report: Report = silent) -> Benchmark:
    """The benchmark that is asked for; a built-in set's name stands for its own triplets."""
    from backend.catalog.compositional import read_benchmark, read_scenes
    from backend.catalog.datasets import load_dataset
    from backend.scenes.world import WORLDS

    if request.benchmark in WORLDS:
        found = load_dataset(request.benchmark, opened.settings, report)
        return read_scenes(request.benchmark, found.records, report)
    return read_benchmark(request.benchmark, request.images, request.kind, report)


def score(
    opened: OpenedRun,
    benchmark: Benchmark,
    seed: int,
    images: Report = silent,
    captions: Report = silent,
) -> CompositionalReport:
    """Scores a benchmark in a run's space.

    Args:
        images, captions: told how far the encoding is.
    """
    from backend.alignment.rows import FeatureRows
    from backend.evaluation.compositional_report import evaluate

    ids, image = opened.embed_items(benchmark.records, images)
    benchmark = benchmark.only(frozenset(ids))
    place = {name: row for row, name in enumerate(ids)}
    found = opened.features("text", benchmark.captions, captions)
    if found.faults:
        raise InvalidInput("Some captions cannot be encoded; change them.", found.faults)
    text = in_rows(found)
    # one vector a caption, where the text encoder gives that
    frozen = text.take(np.arange(len(text))) if isinstance(text, FeatureRows) else None
    return evaluate(
        benchmark,
        image[[place[name] for name in benchmark.images]],
        opened.into_space("text", text),
        frozen,
        seed,
    )
