"""A benchmark of composition on the page: shares by task and by kind of change, the worst examples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from backend.schemas import (
    CompositionalExample,
    CompositionalKind,
    CompositionalReport,
    CompositionalRequest,
    CompositionalShare,
    CompositionalTask,
    EvaluationSummary,
)
from ui import words
from ui.differing import marked, nearest, own_words
from ui.markup import Html, tag
from ui.shares import against_chance, between, figure, figures, share_bar
from ui.sweep_cards import short

#: what each task is called, and when an example is right
TASKS: Final[dict[CompositionalTask, tuple[str, str]]] = {
    "accuracy": (
        "Accuracy",
        "the true caption scores higher with the picture than the false one.",
    ),
    "itt": (
        "Image-text (ITT)",
        "both true captions score higher with the picture than the false one.",
    ),
    "tot": (
        "Text only (TOT)",
        "the two true captions, which say the same in other words, are nearer to each other than "
        "either is to the false one. No picture is looked at. Below chance, the words that the false "
        "one shares with the first count for more than what is said.",
    ),
    "tot_before": (
        "Text only, before the head",
        "the same in the frozen text encoder: what the run's head has changed lies between the two.",
    ),
    "text": ("Text", "each of two pictures scores higher with its own caption than the other's."),
    "image": ("Image", "each of two captions scores higher with its own picture than the other's."),
    "group": ("Group", "text and image are both right."),
}
_CALLED: Final[dict[CompositionalKind, str]] = {
    "sugarcrepe": "SugarCrepe",
    "sugarcrepe++": "SugarCrepe++",
    "winoground": "Winoground",
    "scenes": "Hard negatives of drawn scenes",
}
#: examples that are shown at once
_FIRST: Final = 6


def line(evaluation: EvaluationSummary) -> str:
    """What was asked for, in a line."""
    asked = CompositionalRequest.model_validate(evaluation.request)
    return short(asked.benchmark) + (f", pictures of {short(asked.images)}" if asked.images else "")


def card(
    evaluation: EvaluationSummary, report: CompositionalReport, pictures: Mapping[str, Path]
) -> Html:
    """Shares over all examples and what they mean, then each kind's, then the worst examples.

    Args:
        pictures: thumbnails by the pictures' ids, where there are any.
    """
    counts = (
        f"{_CALLED[report.benchmark]}: {words.count(report.examples, 'example')} of "
        f"{words.count(report.images, 'picture')}. Intervals are over pictures; chance is what "
        "scores in a random order would reach."
    )
    told = [tag("li", tag("b", name), f": {when}") for name, when in _tasks(report).values()]
    return tag(
        "section.i-card",
        tag("h3", line(evaluation)),
        figures(*(_figure(TASKS[task][0], share) for task, share in report.overall.items())),
        tag("p.i-soft", counts),
        tag("details.i-told", tag("summary", "When an example is right"), tag("ul", told)),
        tag("ul.i-notes", [tag("li", note) for note in report.notes]) if report.notes else None,
        _kinds(report), _worst(report, pictures),
    )  # fmt: skip


def _tasks(report: CompositionalReport) -> dict[CompositionalTask, tuple[str, str]]:
    return {task: TASKS[task] for task in report.overall}


def _figure(name: str, share: CompositionalShare) -> Html:
    right = f"{round(share.value * share.count):,} of {share.count:,} right"
    if share.tied:
        right += f"; {words.percent(share.expected)} with equal scores in a random order"
    return figure(name, share.value, _interval(share), share.chance, right)


def _interval(share: CompositionalShare) -> tuple[float, float] | None:
    """None where all or none are right: drawn again, they always are, which says nothing."""
    low, high = share.interval
    return share.interval if high > low else None


def _kinds(report: CompositionalReport) -> Html:
    """A row for each subset, a column for each task."""
    titles = [tag("th", name, scope="col", title=when) for name, when in _tasks(report).values()]
    rows = [
        _row(each.name.replace("_", " "), words.count(each.examples, "example"), each.scores)
        for each in report.subsets
    ]
    if len(rows) > 1:
        rows.append(_row("all", words.count(report.examples, "example"), report.overall))
        rows.append(_row("mean", "each kind counts the same", report.mean_of_subsets))
    return tag(
        "section.i-part",
        tag("h4", "By what is changed"),
        tag(
            "table.i-scores.i-shares.i-kinds",
            tag("thead", tag("tr", tag("th", "Kind", scope="col"), titles)),
            tag("tbody", rows),
        ),
    )


def _row(name: str, note: str, scores: Mapping[CompositionalTask, CompositionalShare]) -> Html:
    return tag(
        "tr", tag("th", name, tag("small.i-soft", note), scope="row"),
        [_cell(share) for share in scores.values()],
    )  # fmt: skip


def _cell(share: CompositionalShare) -> Html:
    found = _interval(share)
    return tag(
        "td", tag("b", words.percent(share.value)),
        tag("small", between(found) if found else "all right" if share.value else "none right"),
        share_bar(share.value, share.chance),
        tag("small.i-soft", against_chance(share.interval, share.chance)),
    )  # fmt: skip


# --- examples -----------------------------------------------------------------------------------


def _worst(report: CompositionalReport, pictures: Mapping[str, Path]) -> Html:
    title = tag("h4", "The worst examples")
    if not report.worst:
        return tag("section.i-part", title, tag("p.i-soft", "Every example is right."))
    what = (
        "the lower of the scores of caption and own picture less the higher of those that should be "
        "lower"
        if report.benchmark == "winoground"
        else "the lowest score of a true caption with the picture less that of the false one"
    )
    note = f"Wrong ones, each picture once. The margin is {what}, as cosines."
    rows = [_example(each, pictures) for each in report.worst]
    more = None
    if len(rows) > _FIRST:
        rest = tag("ol.i-examples", rows[_FIRST:], start=_FIRST + 1)
        more = tag("details", tag("summary", f"{len(rows) - _FIRST} more"), rest)
    shown = tag("ol.i-examples", rows[:_FIRST])
    return tag("section.i-part", title, tag("p.i-soft", note), shown, more)


def _example(example: CompositionalExample, pictures: Mapping[str, Path]) -> Html:
    margin = f"{example.margin:+.3f}".replace("-", "−")
    meta = tag("p.i-soft", f"{example.subset.replace('_', ' ')} · margin {margin}")
    if example.false is None:
        pairs = [
            tag("div.i-example", _picture(name, pictures), tag("p", own_words(caption, other)))
            for name, caption, other in zip(
                example.image_ids, example.true, reversed(example.true), strict=True
            )
        ]
        return tag("li", tag("div.i-example-pair", pairs), meta)
    said = marked(example.false, nearest(example.false, example.true))
    captions = [tag("p", tag("span.i-verdict.good", "true"), text) for text in example.true]
    body = tag("div", captions, tag("p", tag("span.i-verdict.bad", "false"), said), meta)
    return tag("li.i-example", _picture(example.image_ids[0], pictures), body)


def _picture(name: str, pictures: Mapping[str, Path]) -> Html:
    """The picture, or its file's name."""
    if name in pictures:
        return tag("img.i-picture", src=words.file_url(pictures[name]), alt=name, title=name,
                   loading="lazy", decoding="async")  # fmt: skip
    return tag("span.i-said.id", tag("small", "not shown"), name)
