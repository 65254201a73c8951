"""What runs were measured by, as the leaderboard takes it: their test reports and their evaluations.

A measure is of one set of items, so that its numbers can be held against each other: a data set by its
fingerprint and what of it was tested, a classification or a benchmark by what was asked for and how
much of it there was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from backend.evaluation.leaderboard import LeaderboardEntry, Score, leaderboard
from backend.runs.database import Database
from backend.runs.models import Run
from backend.schemas import (
    ITEM_WORDS,
    CompositionalReport,
    CompositionalRequest,
    CompositionalTask,
    Evaluation,
    EvaluationKind,
    Leaderboard,
    LeaderboardMeasure,
    RunSummary,
    ZeroShotReport,
    ZeroShotRequest,
)

#: evaluations that tell how good a run is
KINDS: Final[tuple[EvaluationKind, ...]] = ("zero-shot", "compositional")
_WAYS: Final = ("text_to_image", "image_to_text")
#: where each kind of measure stands; those of a kind as they are met
_PLACE: Final = {name: place for place, name in enumerate((*_WAYS, *KINDS))}
#: of a benchmark, without what its tasks are made of (Winoground's text and image)
_TASKS: Final[tuple[CompositionalTask, ...]] = ("accuracy", "itt", "tot", "group")


class Measured(NamedTuple):
    """One number of a run.

    Attributes:
        key: the same for runs that can be compared by it.
        about: what it is of.
        score: what the run reached.
    """

    key: tuple[Any, ...]
    about: LeaderboardMeasure
    score: Score


def fingerprints(database: Database) -> dict[str, str]:
    """Of the data set that each run read, where it is known."""
    wanted = sa.select(Run.id, Run.configuration["dataset_fingerprint"].as_string())
    with database.read() as session:
        return {run: found for run, found in session.execute(wanted) if found is not None}


def of_run(run: RunSummary, fingerprint: str | None) -> list[Measured]:
    """R@1 both ways on the test split; seeds are the settings where there are several."""
    test = run.test
    if run.status != "finished" or test is None:
        return []
    seeds = test.across_seeds.seeds if test.across_seeds else ()
    found = []
    for way in _WAYS:
        told = test.recall(way, 1)
        about = LeaderboardMeasure(
            dataset=run.dataset,
            part="test split",
            metric=f"{way}/recall_at_1",
            count=test.images,
            chance=getattr(test, way).chance_at_1,
        )
        settings = {str(seed): value for seed, value in zip(seeds, told.each, strict=bool(seeds))}
        key = (way, fingerprint or run.dataset, test.images, test.captions)
        found.append(Measured(key, about, Score(told.value, told.shares, settings)))
    return found


def of_evaluation(made: Evaluation) -> list[Measured]:
    """What a finished evaluation adds; nothing of kinds that say nothing of how good a run is."""
    if made.kind == "zero-shot":
        return [_classified(made)]
    return _composed(made) if made.kind == "compositional" else []


def _classified(made: Evaluation) -> Measured:
    """Top-1 with all templates together; each template alone is a setting."""
    asked = ZeroShotRequest.model_validate(made.request)
    report = ZeroShotReport.model_validate(made.result)
    by = f" by {asked.attribute}" if asked.attribute not in ("", "class", "label") else ""
    items = "test split" if asked.split == "test" else "all items"
    templates = "own templates" if asked.templates else asked.template_set
    about = LeaderboardMeasure(
        dataset=asked.dataset,
        part=f"{items}{by}, {templates}",
        metric="zero-shot/top_1",
        count=report.images,
        chance=report.chance_at_1,
    )
    score = Score(
        report.top_1,
        report.interval_of_top_1,
        {each.template: each.top_1 for each in report.by_template},
        "prompt",
    )
    key = ("zero-shot", asked.model_dump_json(), report.images, report.classes)
    return Measured(key, about, score)


def _composed(made: Evaluation) -> list[Measured]:
    asked = CompositionalRequest.model_validate(made.request)
    report = CompositionalReport.model_validate(made.result)
    found = []
    for task in _TASKS:
        share = report.overall.get(task)
        if share is None:
            continue
        about = LeaderboardMeasure(
            dataset=asked.benchmark,
            part=report.benchmark if report.benchmark != "scenes" else "hard negatives",
            metric=f"compositional/{task}",
            count=share.count,
            chance=share.chance,
        )
        key = ("compositional", task, asked.benchmark, report.benchmark, share.count, report.images)
        found.append(Measured(key, about, Score(share.value, share.interval)))
    return found


def ranked(runs: Sequence[RunSummary], measured: Mapping[str, Iterable[Measured]]) -> Leaderboard:
    """The leaderboard of some runs.

    Args:
        runs: those that are ranked.
        measured: by run, the newest first: of equal measures the first counts.
    """
    names: dict[tuple[Any, ...], str] = {}
    about: dict[str, LeaderboardMeasure] = {}
    entries = []
    for run in runs:
        scores: dict[str, Score] = {}
        for key, told, score in measured.get(run.id, ()):
            if key not in names:
                told = told.model_copy(update={"modality": run.modality})
                names[key] = _name(told, about)
                about[names[key]] = told
            scores.setdefault(names[key], score)
        if scores:
            entries.append(LeaderboardEntry(run.id, run.name, scores))
    board = leaderboard(entries)
    order = sorted(board.measures, key=lambda name: _PLACE[about[name].metric.partition("/")[0]])
    return board.model_copy(update={"measures": tuple(order), "about": about})


def _name(told: LeaderboardMeasure, taken: Mapping[str, object]) -> str:
    """A measure in words; a number behind it where others are called the same."""
    base = told.dataset.rstrip("/").rsplit("/", 1)[-1]
    item = ITEM_WORDS[told.modality][0]
    kind, _, last = told.metric.partition("/")
    said = {
        "text_to_image": f"text to {item} R@1",
        "image_to_text": f"{item} to text R@1",
        "zero-shot": "zero-shot top-1",
    }
    name = f"{base} {told.part}: {said.get(kind) or _task(last)}"
    number, full = 1, name
    while full in taken:
        number += 1
        full = f"{name} ({number})"
    return full


def _task(name: str) -> str:
    return name.upper() if name in ("itt", "tot") else name
