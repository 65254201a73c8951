"""Encoders by themselves, before anything is aligned: what their features know, and the alignment probe."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from backend.errors import DatasetError, InvalidInput
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
PROBE: Final = "sail-probe"
ONE_VECTOR: Final = (
    "keeps every token of an item, and an assessment needs one vector. Leave out pooling=tokens."
)


def measure(work: Work, request: AssessmentRequest) -> AssessmentReport:
    """Assesses every encoder on the same items, then tries each in the same alignment probe.

    Raises:
        InvalidInput: an encoder gives no one vector an item, or only one half of the probe is named.
        DatasetError: the set has no such labels, or the pairs' items are of another kind.
    """
    from backend.catalog.datasets import load_dataset
    from backend.evaluation.assessment import assess, correlations

    check_probe(request)
    dataset = load_dataset(request.labelled, work.settings, work.stage("Read the labelled set"))
    found = labelled(dataset, request)
    prints = [dataset.fingerprint]
    if request.pairs is not None:
        pairs = load_dataset(request.pairs, work.settings, work.stage("Read the pairs"))
        check_pairs(dataset, pairs)
        prints.append(pairs.fingerprint)
    features = dict(
        _features(work, dataset, found, name) for name in dict.fromkeys(request.encoders)
    )
    # the same items for all
    common = set.intersection(*(set(each.ids) for each in features.values()))
    kept = [row for row, record in enumerate(found.records) if record.id in common]
    parts, notes = divided(found, kept, request.seed)
    told = []
    for name, each in features.items():
        place = each.rows()
        rows = [place[found.records[row].id] for row in kept]
        assessed = assess(
            np.asarray(each.vectors)[rows],
            found.of[kept],
            parts,
            name,
            request.seed,
            work.stage(f"Assess {name}"),
        )
        told.append(assessed.model_copy(update={"alignment": _probe(work, request, name)}))
    return AssessmentReport(
        encoders=tuple(told),
        modality=dataset.modality,
        attribute=found.attribute,
        fingerprints=tuple(prints),
        correlations=correlations(told, request.seed),
        notes=(*notes, *_left_out(found, len(kept))),
    )


def check_probe(request: AssessmentRequest) -> None:
    """Refuses half an alignment probe.

    Raises:
        InvalidInput: only the pairs or only the text encoder is named.
    """
    if bool(request.pairs) != bool(request.text_encoder):
        raise InvalidInput(
            "The alignment probe needs a data set of pairs and a text encoder: name both, or neither."
        )


def check_pairs(dataset: Dataset, pairs: Dataset) -> None:
    """Refuses pairs whose items the encoders cannot read.

    Raises:
        DatasetError: they are of another kind than the labelled set's.
    """
    if pairs.modality != dataset.modality:
        raise DatasetError(
            f"The items of {pairs.name} are of another kind ({pairs.modality}) than the labelled "
            f"set's ({dataset.modality}). Choose pairs of the same kind."
        )


def labelled(dataset: Dataset, request: AssessmentRequest) -> Labels:
    """The items with their classes.

    Raises:
        DatasetError: the set has no such labels.
    """
    from backend.catalog.labels import SEVERAL, labels

    return labels(dataset.records, request.attribute, {SEVERAL} if dataset.built_in else ())


def _features(work: Work, dataset: Dataset, found: Labels, name: str) -> tuple[str, Features]:
    """An encoder's one address, and its frozen features of the labelled items."""
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
        raise InvalidInput(f"{name} {ONE_VECTOR}")
    return spec.id, extract_items(
        encoder, found.records, FeatureStore(settings.features_dir), report
    )


def divided(found: Labels, kept: Sequence[int], seed: int) -> tuple[Division, list[str]]:
    """What is learnt from and what is told: the set's own splits, or halves of every class.

    Splits that were made here, by a hash of the ids, leave a tenth to be told: halves say more.

    Args:
        found: the items with their classes.
        kept: rows of those that every encoder can encode.
        seed: of the halves.

    Raises:
        DatasetError: too few classes have enough items.
    """
    from backend.catalog.datasets.splits import split_of
    from backend.evaluation.assessment import Division, division

    records, codes = [found.records[row] for row in kept], found.of[kept]
    told = np.array([record.split == "test" for record in records], np.bool_)
    in_test = np.bincount(codes[told], minlength=len(found.classes))
    in_train = np.bincount(codes[~told], minlength=len(found.classes))
    own = any(record.split != split_of(record.id) for record in records)
    if own and in_test.min() > 0 and in_train.min() > 1:
        return Division(np.flatnonzero(~told), np.flatnonzero(told)), [
            "Divided as the set is: learnt from train and val, tried on test."
        ]
    parts = division(codes, seed)
    notes = ["Half of every class was drawn to learn from; the other half is tried on."]
    if own and told.any():
        lacking = int(((in_test == 0) | (in_train < 2)).sum())
        notes[0] += (
            f" The set's own splits were not used, as {lacking:,} classes have no item in test or fewer "
            "than two to learn from: these are no official test figures."
        )
    if parts.left_out_classes:
        notes.append(
            f"{parts.left_out_classes:,} classes have too few items and are left out, with "
            f"{parts.left_out_items:,} items."
        )
    return parts, notes


def _left_out(found: Labels, kept: int) -> list[str]:
    """Items that were not assessed, in sentences."""
    notes = []
    if found.left_out:
        notes.append(f"{found.left_out:,} items have no one {found.attribute} and are left out.")
    if kept < len(found.records):
        notes.append(
            f"{len(found.records) - kept:,} items cannot be encoded by all and are left out."
        )
    return notes


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
