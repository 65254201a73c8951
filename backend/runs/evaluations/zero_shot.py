"""Zero-shot classification of a labelled set in a run's space, through its heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from backend.errors import DatasetError, Fault, InvalidInput
from backend.reporting import Report, silent
from backend.runs.evaluations.kinds import Work
from backend.schemas import Modality, ZeroShotReport, ZeroShotRequest

if TYPE_CHECKING:
    from backend.catalog.datasets import Dataset
    from backend.catalog.labels import Labels
    from backend.runs.evaluations.opened import OpenedRun


class Classified(NamedTuple):
    """The items that are classified, with the classes of the whole set, and what is left out."""

    labels: Labels
    notes: tuple[str, ...]


def measure(work: Work, request: ZeroShotRequest) -> ZeroShotReport:
    """Encodes the set's items and all prompts, then classifies.

    Raises:
        DatasetError: the set has no such labels, or its items are not of the run's modality.
        InvalidInput: there is nothing that the heads have not learnt from.
    """
    from backend.catalog.datasets import load_dataset
    from backend.catalog.prompts import prompts
    from backend.evaluation.zero_shot import evaluate

    opened, reading = work.open(), work.stage("Read the labelled set")
    dataset = load_dataset(request.dataset, work.settings, reading)
    labels, notes = classified(opened, dataset, request, reading)
    templates = templates_of(request)
    ids, image = opened.embed_items(labels.records, work.stage("Encode items"))
    said = prompts([request.spoken.get(name, name) for name in labels.classes], templates)
    text = opened.embed_texts(said, work.stage("Encode prompts"))
    own = {record.id: label for record, label in zip(labels.records, labels.of, strict=True)}
    found = evaluate(
        image,
        np.asarray([own[name] for name in ids], np.int64),
        text.reshape(len(labels.classes), len(templates), -1),
        labels.classes,
        templates,
        opened.detail.request.seed,
        work.stage("Classify"),
    )
    lost = len(labels.records) - len(ids)
    more = (f"{lost:,} items cannot be read and are left out.",) if lost else ()
    return found.model_copy(update={"notes": (*notes, *more)})


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


def labelled(dataset: Dataset, request: ZeroShotRequest, modality: Modality) -> Labels:
    """All items of a set with their classes; what can be told without reading a file.

    Raises:
        DatasetError: no such labels, or items of another kind than the run's.
        InvalidInput: names were given to classes that there are none of.
    """
    from backend.catalog.labels import SEVERAL, labels

    if dataset.modality != modality:
        raise DatasetError(
            f"The items of {dataset.name} are of another kind ({dataset.modality}) than the run's "
            f"({modality}). Choose a labelled set of the same kind."
        )
    found = labels(
        dataset.records, request.attribute or None, {SEVERAL} if dataset.built_in else ()
    )
    unknown = [name for name in request.spoken if name not in found.classes]
    if unknown:
        raise InvalidInput(
            "Names were given to classes that the set does not have.",
            [Fault(name[:60], "is no class of this set") for name in unknown[:20]],
        )
    return found


def classified(
    opened: OpenedRun, dataset: Dataset, request: ZeroShotRequest, report: Report = silent
) -> Classified:
    """The items to classify. The classes are those of the whole set, whichever split is taken.

    What the heads have learnt or been chosen by is left out, by the content of its files: the same
    pictures may be in another set, under other names and in another split.

    Args:
        dataset: the labelled set; where its files are hashed, the run's training items are found in it.

    Raises:
        DatasetError: no such labels, or items of another kind than the run's.
        InvalidInput: nothing is left.
    """
    every = labelled(dataset, request, opened.detail.summary.modality)
    own = opened.inputs.dataset(report)
    learnt = {record.key for record in own.records if record.key and record.split != "test"}
    wanted = [request.split == "all" or record.split == "test" for record in every.records]
    seen = [record.key in learnt for record in every.records]
    kept = [row for row, (yes, no) in enumerate(zip(wanted, seen, strict=True)) if yes and not no]
    if not kept:
        raise InvalidInput(
            f"The run's heads have learnt from every one of these items of {dataset.name}, or there is "
            "none. Choose its test split, or another set."
        )
    notes = []
    left = sum(yes and no for yes, no in zip(wanted, seen, strict=True))
    if left:
        notes.append(
            f"{left:,} items are among those that the heads were trained or chosen on, and are left out."
        )
    if every.left_out:
        notes.append(
            f"{every.left_out:,} items of the set have no {every.attribute} to be told by."
        )
    records = tuple(every.records[row] for row in kept)
    return Classified(every._replace(records=records, of=every.of[kept]), tuple(notes))
