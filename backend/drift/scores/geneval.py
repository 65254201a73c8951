"""Multi-generation GenEval (MGG): does the picture of generation g still show what generation 0 asked for?

A picture is right if, of every included class, there are as many objects as asked for, the most
confident ones of the colour and in the position named, and no excluded class reaches its number
(GenEval, Ghosh et al. 2023). Mollah et al. 2025 score the odd generations of text-first chains so,
with OWLv2 in place of Mask2Former; numbers of the two detectors are not comparable.

Departures from their released code, which ``RELEASED`` follows:

    prompts     all are scored; as shipped the loop ends after four
    boxes       non-maximum suppression, by class; without it one object is counted several times
    colour      by a classifier of the ten colours, as in GenEval; they asked the detector for "red apple"
    position    offsets relative to their length, as in GenEval; theirs are pixels
    which ones  the most confident objects stand so to all they are compared with; theirs, all boxes to any
    exclusion   every excluded class is looked for; theirs sees those that are included, too
    missing     a prompt without its picture is told; theirs is passed over
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.drift.scores.boxes import Box, relations, suppress
from backend.drift.scores.prompts import COLOURS, Prompt, Wanted
from backend.errors import Fault, InvalidInput
from backend.evaluation.enrichment import wilson, with_width
from backend.evaluation.resampling import difference, interval, resampled_means
from backend.reporting import Report, silent
from backend.schemas.comparing import PairedDifference
from backend.schemas.drift_scores import GenEvalGeneration, GenEvalShare, MultiGenerationGenEval

Values = NDArray[np.float64]

#: (class, boxes of it) -> (n, 10) scores of :data:`COLOURS`; bound to the picture they are in
ColourScores = Callable[[str, Sequence[Box]], NDArray[np.floating]]


@dataclass(frozen=True)
class Detection:
    """An object that a detector found.

    Attributes:
        colours: scores of the ten colours where they are known already.
    """

    name: str
    score: float
    box: Box
    colours: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Found:
    """What a detector found in a picture.

    Attributes:
        asked: the classes it looked for; one it did not look for is not absent.
        colours: tells colours where the detections do not.
    """

    asked: frozenset[str]
    detections: tuple[Detection, ...]
    colours: ColourScores | None = None


@dataclass(frozen=True)
class Rules:
    """How a picture is judged.

    Attributes:
        threshold: a score must be above it.
        counting_threshold: the same of the task "counting", where GenEval asks for more; None: the same.
        overlap: see :func:`backend.drift.scores.boxes.suppress`.
        released: as the drift paper's code does; see this module's docstring.
    """

    threshold: float = 0.1
    counting_threshold: float | None = None
    overlap: float | None = 0.5
    released: bool = False


RELEASED: Final = Rules(overlap=None, released=True)


@dataclass(frozen=True)
class Verdict:
    """Whether a picture is right, and everything that is wrong with it."""

    correct: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """Verdicts on all pictures.

    Attributes:
        prompts: n of them in words, or by their ids where they have none.
        tags: the n tasks that they belong to.
        generations: (g,) ascending.
        correct: (n, g) 1 or 0; not a number where the picture is missing.
    """

    prompts: tuple[str, ...]
    tags: tuple[str, ...]
    generations: tuple[int, ...]
    correct: Values


def verdict(prompt: Prompt, found: Found, rules: Rules | None = None) -> Verdict:
    """Judges one picture.

    Raises:
        InvalidInput: the detector was not asked for a class of the prompt, or nothing tells the colour
            that one asks for.
    """
    rules = rules or Rules()
    unasked = [name for name in prompt.classes if name not in found.asked]
    if unasked and not rules.released:
        raise InvalidInput(
            f"The detector did not look for {', '.join(unasked)} in the picture of prompt {prompt.id}, so "
            "it cannot be judged. Detect all classes of its prompt."
        )
    objects = _objects(prompt, found, rules)
    reasons: list[str] = []
    groups: list[list[Detection]] = []  # of each included class, empty where something is wrong
    for wanted in prompt.include:
        there = objects.get(wanted.name, [])
        chosen = there if rules.released else there[: wanted.count]
        wrong = _wrong(wanted, chosen, groups, found, rules)
        reasons += wrong
        # the released code keeps boxes that stand wrongly as what others stand to
        kept = len(chosen) >= wanted.count if rules.released else not wrong
        groups.append(chosen if kept else [])
    included = {wanted.name for wanted in prompt.include}
    for each in prompt.exclude:
        seen = len(objects.get(each.name, []))
        if seen >= each.count and (each.name in included or not rules.released):
            reasons.append(f"{seen} x {each.name}, fewer than {each.count} expected")
    return Verdict(not reasons, tuple(reasons))


def judge(
    prompts: Sequence[Prompt],
    generations: Iterable[tuple[int, Mapping[str, Found]]],
    rules: Rules | None = None,
    report: Report = silent,
) -> Judged:
    """Judges all pictures of all generations, one generation after the other.

    Args:
        prompts: with ids of their own.
        generations: what was found in each generation's pictures, by the prompt's id.
        report: told the generations done; may raise ``Cancelled``.

    Raises:
        InvalidInput: pictures belong to no prompt, or see :func:`verdict`.
    """
    known = {prompt.id for prompt in prompts}
    numbers: list[int] = []
    columns: list[list[float]] = []
    faults: list[Fault] = []
    for number, found in generations:
        strangers = sorted(set(found) - known)
        if strangers:
            told = f"has pictures of no prompt, such as {strangers[0]!r}"
            faults.append(Fault(f"generation {number}", told))
        numbers.append(number)
        columns.append(
            [
                float(verdict(prompt, found[prompt.id], rules).correct)
                if prompt.id in found
                else np.nan
                for prompt in prompts
            ]
        )
        report(len(columns), 0, "generations")
    if faults:
        raise InvalidInput("These pictures do not belong to these prompts.", faults)
    if not prompts or not columns:
        raise InvalidInput("There is nothing to judge. Give prompts and at least one generation.")
    return Judged(
        tuple(prompt.text or prompt.id for prompt in prompts),
        tuple(prompt.tag for prompt in prompts),
        tuple(numbers),
        np.array(columns).T,
    )


def multi_generation_geneval(judged: Judged, seed: int = 0) -> MultiGenerationGenEval:
    """Shares of pictures that are right: over all generations, of each, and by task.

    Args:
        seed: of the bootstrap over prompts, since a prompt's pictures depend on each other.
    """
    tags = list(dict.fromkeys(judged.tags))
    of_tag = np.array([tags.index(tag) for tag in judged.tags])
    rows = {tag: np.flatnonzero(of_tag == place) for place, tag in enumerate(tags)}
    tasks = {tag: _pooled(judged.correct[own], seed) for tag, own in rows.items()}
    shares = [each.share for each in tasks.values() if each.share is not None]
    return MultiGenerationGenEval(
        overall=_pooled(judged.correct, seed),
        mean_of_tasks=float(np.mean(shares)) if shares else None,
        tasks=tasks,
        generations=tuple(
            GenEvalGeneration(
                generation=number,
                overall=_share(judged.correct[:, column]),
                tasks={tag: _share(judged.correct[own, column]) for tag, own in rows.items()},
            )
            for column, number in enumerate(judged.generations)
        ),
    )


def compare_geneval(before: Judged, after: Judged, seed: int = 0) -> dict[str, PairedDifference]:
    """How much larger the second's shares are, on the prompts and generations of both.

    Only pictures that both have are counted; prompts are resampled, and joined by their words.

    Returns:
        "overall" and each task; empty where there is no such picture.
    """
    rows = [{prompt: row for row, prompt in enumerate(each.prompts)} for each in (before, after)]
    prompts = [prompt for prompt in rows[0] if prompt in rows[1]]
    generations = [each for each in before.generations if each in after.generations]
    one, other = (
        each.correct[np.ix_([own[prompt] for prompt in prompts],
                            [each.generations.index(number) for number in generations])]
        for each, own in zip((before, after), rows, strict=True)
    )  # fmt: skip
    gained = other - one
    tags = np.array([before.tags[rows[0][prompt]] for prompt in prompts])
    parts = {
        "overall": gained,
        **{tag: gained[tags == tag] for tag in dict.fromkeys(tags.tolist())},
    }
    found: dict[str, PairedDifference] = {}
    for name, table in parts.items():
        there = np.isfinite(table)
        own = there.any(axis=1)
        if not own.any():
            continue
        sums = np.where(there, table, 0.0).sum(axis=1)[own, None]
        counts = there.sum(axis=1)[own, None]
        means = resampled_means(sums, counts, seed)[:, 0]
        found[name] = difference(float(sums.sum() / counts.sum()), means)
    return found


def _objects(prompt: Prompt, found: Found, rules: Rules) -> dict[str, list[Detection]]:
    """Objects by class, the most confident first."""
    threshold = rules.threshold
    if prompt.tag == "counting" and rules.counting_threshold is not None:
        threshold = rules.counting_threshold
    by_class: dict[str, list[Detection]] = {}
    for each in found.detections:
        if each.score > threshold:
            by_class.setdefault(each.name, []).append(each)
    objects: dict[str, list[Detection]] = {}
    for name, own in by_class.items():
        kept = suppress([each.box for each in own], [each.score for each in own], rules.overlap)
        objects[name] = [own[row] for row in kept]
    return objects


def _wrong(
    wanted: Wanted,
    chosen: list[Detection],
    groups: Sequence[list[Detection]],
    found: Found,
    rules: Rules,
) -> list[str]:
    """What is wrong with the objects of an included class."""
    name = wanted.name
    if len(chosen) < wanted.count:
        return [f"{len(chosen)} x {name}, {wanted.count} expected"]
    if wanted.colour is not None and not rules.released:
        colours = _colours(name, chosen, found)
        if colours.count(wanted.colour) < wanted.count:
            return [f"{name} is {' and '.join(colours)}, {wanted.colour} expected"]
    if wanted.position is not None:
        relation, target = wanted.position
        others = groups[target]
        if not others:
            return [f"nothing that {name} could be {relation}"]
        enough = any if rules.released else all
        stands = all(
            enough(relation in relations(each.box, other.box, rules.released) for other in others)
            for each in chosen
        )
        if not stands:
            return [f"{name} is not {relation} what it should be"]
    return []


def _colours(name: str, chosen: Sequence[Detection], found: Found) -> list[str]:
    """The likeliest colour of each object."""
    rows = [each.colours for each in chosen if each.colours is not None]
    if len(rows) == len(chosen):
        scores = np.asarray(rows, np.float64)
    elif found.colours is not None:
        scores = np.asarray(found.colours(name, [each.box for each in chosen]), np.float64)
    else:
        raise InvalidInput(
            f"Nothing tells the colour of {name}. Give a colour classifier, or detections with scores of "
            "colours."
        )
    if scores.shape != (len(chosen), len(COLOURS)):
        raise InvalidInput(
            f"The colour classifier gave scores of shape {scores.shape} for {len(chosen)} objects and "
            f"{len(COLOURS)} colours. Give one score an object and colour."
        )
    return [COLOURS[place] for place in scores.argmax(axis=1)]


def _pooled(correct: Values, seed: int) -> GenEvalShare:
    """Share over all generations (n, g), with an interval over prompts."""
    told = _share(correct.reshape(-1))
    if told.share is None:
        return told
    there = np.isfinite(correct)
    own = there.any(axis=1)
    sums = np.where(there, correct, 0.0).sum(axis=1)[own, None]
    means = resampled_means(sums, there.sum(axis=1)[own, None], seed)[:, 0]
    bounds = with_width(interval(means), told.share, int(own.sum()))
    return told.model_copy(update={"interval": bounds})


def _share(correct: Values) -> GenEvalShare:
    """Share of pictures (n,) of different prompts."""
    there = correct[np.isfinite(correct)]
    total, right = len(there), int(there.sum())
    return GenEvalShare(
        correct=right,
        total=total,
        missing=len(correct) - total,
        share=right / total if total else None,
        interval=wilson(right / total, total) if total else None,
    )
