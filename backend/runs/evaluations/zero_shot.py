"""Zero-shot classification of a labelled set in a run's space, through its heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backend.errors import DatasetError, InvalidInput
from backend.reporting import Report, silent
from backend.runs.evaluations.kinds import Work
from backend.schemas import ZeroShotReport, ZeroShotRequest

if TYPE_CHECKING:
    from backend.catalog.labels import Labels
    from backend.runs.evaluations.opened import OpenedRun


def measure(work: Work, request: ZeroShotRequest) -> ZeroShotReport:
    """Encodes the set's items and all prompts, then classifies.

    Raises:
        DatasetError: the set has no such labels, or its items are not of the run's modality.
    """
    from backend.catalog.prompts import prompts
    from backend.evaluation.zero_shot import evaluate

    opened = work.open()
    labels = labelled(opened, request, work.stage("Read the labelled set"))
    templates = templates_of(request)
    ids, image = opened.embed_items(labels.records, work.stage("Encode items"))
    said = prompts([request.spoken.get(name, name) for name in labels.classes], templates)
    text = opened.embed_texts(said, work.stage("Encode prompts"))
    own = {record.id: label for record, label in zip(labels.records, labels.of, strict=True)}
    return evaluate(
        image,
        np.asarray([own[name] for name in ids], np.int64),
        text.reshape(len(labels.classes), len(templates), -1),
        labels.classes,
        templates,
        opened.detail.request.seed,
        work.stage("Classify"),
    )


def templates_of(request: ZeroShotRequest) -> tuple[str, ...]:
    """Those that were edited, else those of the set.

    Raises:
        InvalidInput: one cannot be used; all are listed.
        NotFound: there is no such set.
    """
    from backend.catalog.prompts import parse_templates, prompt_set

    if request.templates:
        return parse_templates("\n".join(request.templates))
    return prompt_set(request.template_set).templates


def labelled(opened: OpenedRun, request: ZeroShotRequest, report: Report = silent) -> Labels:
    """The items that are classified, with their classes.

    Of the run's own data set only the test split is taken: the heads have learnt from the rest.

    Raises:
        DatasetError: no such labels, or items of another kind than the run's.
        InvalidInput: all items of the run's own set are asked for.
    """
    from backend.catalog.datasets import load_dataset
    from backend.catalog.labels import SEVERAL, labels

    dataset = load_dataset(request.dataset, opened.settings, report)
    own = opened.inputs.dataset(report)
    if dataset.modality != own.modality:
        raise DatasetError(
            f"The items of {dataset.name} are of another kind ({dataset.modality}) than the run's "
            f"({own.modality}). Choose a labelled set of the same kind."
        )
    if request.split == "all" and dataset.fingerprint == own.fingerprint:
        raise InvalidInput(
            "The run's heads have learnt from the training items of this very set. Classify its test "
            "split alone."
        )
    records = dataset.split("test") if request.split == "test" else dataset.records
    return labels(records, request.attribute or None, {SEVERAL} if dataset.built_in else ())
