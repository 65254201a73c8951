"""A zero-shot classification on the page: the accuracies, the classes, what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from backend.schemas import ClassProbability, EvaluationSummary, ZeroShotReport, ZeroShotRequest
from ui import words
from ui.markup import Html, tag
from ui.shares import between, figure, figures, share_bar
from ui.sweep_cards import short

#: a confusion matrix of more classes cannot be read
_MOST_IN_MATRIX: Final = 60
#: rows of a table that are shown at once
_FIRST: Final = 12


def line(evaluation: EvaluationSummary) -> str:
    """What was asked for, in a line."""
    asked = ZeroShotRequest.model_validate(evaluation.request)
    by = f" by {asked.attribute}" if asked.attribute else ""
    prompts = "own templates" if asked.templates else asked.template_set
    items = "test split" if asked.split == "test" else "all items"
    return f"{short(asked.dataset)}{by}, {items}, {prompts}"


def card(evaluation: EvaluationSummary, report: ZeroShotReport) -> Html:
    """Accuracies, then every class with the worst first, then the templates one by one."""
    classes = words.count(len(report.classes), "class", "classes")
    templates = words.count(report.templates, "template")
    counts = f"{words.count(report.images, 'item')} of {classes}, {templates} a class"
    five = report.top_5
    head = figures(
        figure("Top-1", report.top_1, report.interval_of_top_1, report.chance_at_1,
               f"largest class {words.percent(report.largest_class)}"),
        None if five is None else
        figure("Top-5", five, report.interval_of_top_5, report.chance_at_5),
        figure("Mean per class", report.mean_per_class, report.interval_of_mean_per_class,
               report.chance_at_1),
    )  # fmt: skip
    notes = list(report.notes)
    if report.without_images:
        missing = ", ".join(report.without_images[:8])
        notes.append(
            f"{words.count(len(report.without_images), 'class', 'classes')} without an item stand as "
            f"wrong answers and count in no mean: {missing}."
        )
    if report.ties:
        notes.append(
            f"For {words.count(report.ties, 'item')} several classes score the same: they count by "
            "the chance of a random order."
        )
    return tag(
        "section.i-card",
        tag("h3", line(evaluation)), head, tag("p.i-soft", counts + "."),
        [tag("p.i-soft", note) for note in notes],
        _classes(report), _templates(report),
    )  # fmt: skip


def _classes(report: ZeroShotReport) -> Html:
    head = tag("tr", [tag("th", name, scope="col")
                      for name in ("Class", "Found", "", "Items", "Most often taken for")])  # fmt: skip
    rows = [
        tag(
            "tr",
            tag("th", each.name, scope="row"),
            tag("td", words.percent(each.accuracy), title=f"95 % interval {between(each.interval)}"),
            tag("td", share_bar(each.accuracy, report.chance_at_1)),
            tag("td", f"{each.images:,}"),
            tag("td", f"{each.mistaken_for} ({each.mistakes:,})" if each.mistaken_for else "–"),
        )
        for each in report.per_class
    ]  # fmt: skip
    return _folded("Classes, the worst first", head, rows)


def _templates(report: ZeroShotReport) -> Html | None:
    if len(report.by_template) < 2:
        return None
    best = sorted(report.by_template, key=lambda each: -each.top_1)
    head = tag("tr", [tag("th", name, scope="col") for name in ("Template alone", "Top-1", "")])
    rows = [
        tag(
            "tr", tag("th", each.template, scope="row"),
            tag("td", words.percent(each.top_1), title=f"95 % interval {between(each.interval)}"),
            tag("td", share_bar(each.top_1, report.chance_at_1)),
        )
        for each in best
    ]  # fmt: skip
    return _folded("Templates one by one, the best first", head, rows)


def _folded(title: str, head: Html, rows: Sequence[Html]) -> Html:
    """A table of which the first rows are shown, the others on request."""
    first = tag("table.i-scores.i-shares", tag("thead", head), tag("tbody", rows[:_FIRST]))
    more = None
    if len(rows) > _FIRST:
        rest = tag("table.i-scores.i-shares", tag("thead", head), tag("tbody", rows[_FIRST:]))
        more = tag("details", tag("summary", f"{len(rows) - _FIRST:,} more"), rest)
    return tag("section.i-part", tag("h4", title), first, more)


def confusion(evaluation: EvaluationSummary, report: ZeroShotReport) -> dict[str, Any]:
    """What the browser draws of the confusion matrix; nothing of very many classes."""
    classes = report.classes
    if len(classes) > _MOST_IN_MATRIX:
        return {"maps": []}
    totals = [max(1, sum(row)) for row in report.confusion]
    shares = [
        [count / total for count in row]
        for row, total in zip(report.confusion, totals, strict=True)
    ]
    tips = [
        [f"{classes[i]} taken for {classes[j]}:\n{count:,} of {totals[i]:,}"
         for j, count in enumerate(row)]
        for i, row in enumerate(report.confusion)
    ]  # fmt: skip
    return {
        "maps": [
            {
                "key": f"{evaluation.id}/confusion", "title": "What is taken for what",
                "rows": list(classes), "columns": list(classes), "values": shares, "tips": tips,
                "chosen": None, "axes": ["class of the item", "class it is taken for"],
                "words": "Each row adds up to 100 %: the share of a class's items that is taken for "
                "each class. What is right lies on the diagonal.",
            }
        ]
    }  # fmt: skip


def likely(found: Sequence[ClassProbability]) -> Html:
    """One picture's classes with their probabilities."""
    rows = [
        tag(
            "li", tag("span.i-likely-name", each.name), share_bar(each.probability),
            tag("span.i-likely-share", words.percent(each.probability)),
            tag("span.i-soft", f"cosine {each.score:.3f}"),
        )
        for each in found[:20]
    ]  # fmt: skip
    more = f" The {len(found) - 20} least likely are not shown." if len(found) > 20 else ""
    note = (
        "Softmax of 100 × cosine over these classes alone: of pictures that show none of them it says "
        f"nothing.{more}"
    )
    return tag("section", tag("ol.i-likely", rows), tag("p.i-soft", note))
