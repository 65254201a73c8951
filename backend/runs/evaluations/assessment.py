"""Encoders by themselves, before anything is aligned: what their features know, and the alignment probe."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from backend.errors import InvalidInput
from backend.runs.evaluations.kinds import Work
from backend.runs.inputs import Inputs
from backend.runs.plan import plan
from backend.schemas import AlignmentScore, AssessmentReport, AssessmentRequest, RunRequest

if TYPE_CHECKING:
    from backend.catalog.datasets import Dataset
    from backend.catalog.labels import Labels
    from backend.evaluation.assessment import Division
    from backend.features.extraction import Features

#: SAIL's linear heads, the same for every encoder
PROBE = "sail-probe"


def measure(work: Work, request: AssessmentRequest) -> AssessmentReport:
    """Assesses every encoder on the same items, then tries each in the same alignment probe.

    Raises:
        InvalidInput: an encoder gives no one vector an item, or only one half of the probe is named.
        DatasetError: the set has no such labels.
    """
    from backend.catalog.datasets import load_dataset
    from backend.evaluation.assessment import assess, correlations

    if bool(request.pairs) != bool(request.text_encoder):
        raise InvalidInput(
            "The alignment probe needs a data set of pairs and a text encoder: name both, or neither."
        )
    dataset = load_dataset(request.labelled, work.settings, work.stage("Read the labelled set"))
    labels = _labels(dataset, request)
    features = [_features(work, dataset, labels, name) for name in request.encoders]
    # the same items for all
    common = set(features[0].ids).intersection(*(each.ids for each in features))
    kept = [row for row, record in enumerate(labels.records) if record.id in common]
    parts, notes = _division(dataset, labels, kept, request.seed)
    told = []
    for name, each in zip(request.encoders, features, strict=True):
        place = each.rows()
        rows = [place[labels.records[row].id] for row in kept]
        found = assess(
            np.asarray(each.vectors)[rows],
            labels.of[kept],
            parts,
            name,
            request.seed,
            work.stage(f"Assess {name}"),
        )
        told.append(found.model_copy(update={"alignment": _probe(work, request, name)}))
    if labels.left_out:
        notes.append(f"{labels.left_out:,} items have no {labels.attribute} and are left out.")
    if len(kept) < len(labels.records):
        notes.append(
            f"{len(labels.records) - len(kept):,} items cannot be encoded by all and are left out."
        )
    return AssessmentReport(
        encoders=tuple(told), correlations=correlations(told, request.seed), notes=tuple(notes)
    )


def _labels(dataset: Dataset, request: AssessmentRequest) -> Labels:
    from backend.catalog.labels import SEVERAL, labels

    return labels(dataset.records, request.attribute, {SEVERAL} if dataset.built_in else ())


def _features(work: Work, dataset: Dataset, labels: Labels, name: str) -> Features:
    """Frozen features of the labelled items, from the store or encoded now."""
    from backend.catalog.encoders import find_encoder
    from backend.features.extraction import extract_items
    from backend.features.loading import load_encoder
    from backend.features.store import FeatureStore

    report, settings = work.stage(f"Encode with {name}"), work.settings
    spec = find_encoder(name, dataset.modality, settings)
    encoder = load_encoder(
        spec, settings.device, report=report, max_pixels=settings.max_image_pixels
    )
    if any(output.ragged for output in encoder.outputs):
        raise InvalidInput(
            f"{name} keeps every token of an item, and an assessment needs one vector. Leave out "
            "pooling=tokens."
        )
    return extract_items(encoder, labels.records, FeatureStore(settings.features_dir), report)


def _division(
    dataset: Dataset, labels: Labels, kept: list[int], seed: int
) -> tuple[Division, list[str]]:
    """What is learnt from and what is told: the set's own splits, or halves of every class.

    Splits that were made here, by a hash of the ids, leave a tenth to be told: halves say more.
    """
    from backend.catalog.datasets.splits import split_of
    from backend.evaluation.assessment import Division, division

    records = [labels.records[row] for row in kept]
    told = np.array([record.split == "test" for record in records])
    in_test = np.bincount(labels.of[kept][told], minlength=len(labels.classes))
    in_train = np.bincount(labels.of[kept][~told], minlength=len(labels.classes))
    own = any(record.split != split_of(record.id) for record in records)
    if own and in_test.min() > 0 and in_train.min() > 1:
        return Division(np.flatnonzero(~told), np.flatnonzero(told)), [
            f"The set's own split: learnt from {int((~told).sum()):,} items of train and val, told "
            f"{int(told.sum()):,} of test."
        ]
    parts = division(labels.of[kept], seed)
    notes = ["Half of every class was drawn to learn from, the other half is told."]
    if parts.left_out_classes:
        notes.append(
            f"{parts.left_out_classes:,} classes have too few items and are left out, with "
            f"{parts.left_out_items:,} items."
        )
    return parts, notes


def _probe(work: Work, request: AssessmentRequest, name: str) -> AlignmentScore | None:
    """R@1 of linear heads between this encoder and the text encoder, on held-out pairs."""
    from backend.alignment.methods import Context, fit
    from backend.evaluation.assessment import alignment_score
    from backend.evaluation.retrieval import evaluate
    from backend.features.encoders import resolve_device

    if request.pairs is None or request.text_encoder is None:
        return None
    asked = RunRequest(
        dataset=request.pairs,
        image_encoder=name,
        text_encoder=request.text_encoder,
        method=PROBE,
        seed=request.seed,
    )
    configuration, _ = plan(asked)
    inputs = Inputs(work.settings, asked, configuration)
    report = work.stage(f"Probe {name}")
    train, val = inputs.pairs("train", report, request.seed), inputs.pairs("val", report)
    with tempfile.TemporaryDirectory(prefix="isthmus-probe-") as folder:
        context = Context(
            options=configuration["options"],
            seed=request.seed,
            device=resolve_device(work.settings.device),
            folder=Path(folder),
            report=report,
            on_metrics=lambda step, values: None,
        )
        heads = fit(PROBE, train, val, context)
    test = inputs.pairs("test", report)
    found = evaluate(
        heads.transform("image", test.image),
        heads.transform("text", test.text),
        test.image_of_text,
        "test",
        request.seed,
    )
    return alignment_score(found, len(train.image))
