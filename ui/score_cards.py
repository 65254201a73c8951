"""Pieces of the page made of scores: a run's tables of numbers, runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.schemas import Modality, RetrievalReport, RetrievalScores, RunDetail
from ui import words
from ui.geometry_cards import geometry
from ui.markup import Html, tag
from ui.measured import measured
from ui.run_cards import flat, shared_modality


def retrieval(report: RetrievalReport, modality: Modality = "image") -> Html:
    """Both directions with chance and intervals."""
    thing = words.ITEM_WORDS[modality]
    head = tag("tr", [tag("th", name, scope="col") for name in
                      ("", "R@1", "R@5", "R@10", "Median rank")])  # fmt: skip
    rows = [
        _scores_row(words.direction(name, modality), report, name)
        for name in ("text_to_image", "image_to_text")
    ]
    line = (
        f"{words.METRIC_WORDS.get(report.split, report.split).capitalize()} split: "
        f"{words.count(report.images, thing)}, {words.count(report.captions, 'caption')}. "
        f"Per cent, with 95 % intervals over {thing}s."
    )
    if report.across_seeds is not None and len(report.across_seeds.seeds) > 1:
        seeds = report.across_seeds.seeds
        line += (
            f" Large: the mean of {len(seeds)} seeds ({seeds[0]} to {seeds[-1]}) with the 95 % "
            f"interval of that mean. Below: seed {seeds[0]}, whose heads Explore and Map show."
        )
    return tag(
        "div", tag("table.i-scores", tag("thead", head), tag("tbody", rows)), tag("p.i-soft", line)
    )


def _scores_row(name: str, report: RetrievalReport, direction: str) -> Html:
    scores: RetrievalScores = getattr(report, direction)
    cells = []
    for k in (1, 5, 10):
        chance = getattr(scores, f"chance_at_{k}")
        first = f"{100 * getattr(scores, f'recall_at_{k}'):.1f}"
        own = words.interval(scores, k)
        mean = measured(report, direction, k)
        if mean.each:
            low, high = f"{100 * mean.low:.1f}", f"{100 * mean.high:.1f}"
            shown = [
                tag("b", f"{100 * mean.value:.1f}", title=mean.tip(), tabindex="0"),
                tag("small", f"{low} to {high}"),
                tag("small.i-soft", f"first seed {first}", title=f"95 % interval {own}"),
            ]
        else:
            shown = [tag("b", first), tag("small", own)]
        cells.append(tag("td", shown, tag("small.i-soft", f"chance {100 * chance:.2f}")))
    place = tag("td", tag("b", f"{scores.median_rank:g}"), _reciprocal(scores))
    return tag("tr", tag("th", name, scope="row"), cells, place)


def _reciprocal(scores: RetrievalScores) -> list[Html]:
    """Mean reciprocal rank, which runs of before it was kept do not have."""
    mean, interval = scores.mean_reciprocal_rank, scores.interval_of_reciprocal_rank
    if mean is None or interval is None:
        return []
    shown = f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
    title = "Mean reciprocal rank: the mean of 1 / rank, times 100"
    return [tag("small", f"MRR {100 * mean:.1f}", title=title), tag("small.i-soft", shown)]


def detail_scores(run: RunDetail) -> Html:
    """The tables of numbers, or what there will be."""
    reports = [run.retrieval[split] for split in ("test", "val") if split in run.retrieval]
    if not reports:
        text = {
            "queued": "The numbers come when the run is done.",
            "running": "The numbers come when the run is done.",
        }.get(run.summary.status, "This run has no numbers: it did not get to its evaluation.")
        return tag("section.i-card", tag("h3", "Retrieval"), tag("p.i-soft", text))
    modality = run.summary.modality
    notes = tag("ul.i-notes", [tag("li", note) for note in run.notes]) if run.notes else None
    rest = [
        tag(
            "details",
            tag("summary", "On validation, where choices were made"),
            retrieval(report, modality),
        )
        for report in reports[1:]
    ]
    tables = tag(
        "section.i-card", tag("h3", "Retrieval"), retrieval(reports[0], modality), rest, notes
    )
    return tag("div", tables, geometry(reports[0], modality))


#: parts of a run's configuration that are written once the run knows them
_OUTCOMES: Final = {
    *("fit", "fit_by_seed", "fitted_seeds", "seeds_alike", "selection"),
    *("dataset_fingerprint", "images", "captions"),
    *(
        f"{side}_{name}"
        for side in ("image", "text")
        for name in ("revision", "fingerprint", "dimension", "features")
    ),
}
_LONGEST_OPTION: Final = 80


def _option(value: str) -> Html:
    """An option's value, cut where it would bury the others."""
    if len(value) <= _LONGEST_OPTION:
        return tag("td", value)
    return tag("td", value[:_LONGEST_OPTION] + "…", title=value)


def differing(runs: Sequence[RunDetail]) -> list[str]:
    """What was asked for and is not the same in all runs; what came of it is not an option."""
    options = [flat(run.configuration) for run in runs]
    names = sorted(name for name in {name for each in options for name in each} - {"name"}
                   if name.partition(".")[0] not in _OUTCOMES)  # fmt: skip
    return [name for name in names if len({each.get(name) for each in options}) > 1]


def comparison(runs: Sequence[RunDetail]) -> Html:
    """Runs side by side: only what differs, then the numbers; the best of each row is marked."""
    head = tag("tr", tag("th", ""), [tag("th", run.summary.name, scope="col") for run in runs])
    options = [flat(run.configuration) for run in runs]
    rows = [
        tag("tr", tag("th", name, scope="row"), [_option(each.get(name, "–")) for each in options])
        for name in differing(runs)
    ]
    if not rows:
        same = "These runs have the same configuration."
        rows = [tag("tr", tag("td", same, colspan=len(runs) + 1))]
    scores = [row for direction in ("text_to_image", "image_to_text")
              for row in _compared_rows(runs, direction)]  # fmt: skip
    group = tag("tr.i-group", tag("th", "What differs", colspan=len(runs) + 1, scope="rowgroup"))
    result = tag(
        "tr.i-group", tag("th", _result_words(runs), colspan=len(runs) + 1, scope="rowgroup")
    )
    return tag(
        "div.i-table-frame", tag("table.i-compare", tag("thead", head),
                                 tag("tbody", group, rows, result, scores)),
        tabindex="0", role="region", aria_label="Comparison",
    )  # fmt: skip


def _result_words(runs: Sequence[RunDetail]) -> str:
    """What the compared numbers are: means where a run has several seeds."""
    several = [run.summary.name for run in runs if run.summary.seeds > 1]
    return "Test split, %" + (f"; mean over seeds of {words.listed(several)}" if several else "")


def _compared_rows(runs: Sequence[RunDetail], direction: str) -> list[Html]:
    rows = []
    shown = words.direction(direction, shared_modality([run.summary for run in runs]))
    for k in (1, 5, 10):
        reports = [run.retrieval.get("test") for run in runs]
        found = [measured(report, direction, k) if report else None for report in reports]
        best = max((one.value for one in found if one), default=None)
        cells = [
            tag("td", "–")
            if one is None
            else tag("td", tag("b", f"{100 * one.value:.1f}"),
                     tag("small.i-soft", f" {100 * one.low:.1f} to {100 * one.high:.1f}"),
                     class_="best" if one.value == best else "", title=one.tip())
            for one in found
        ]  # fmt: skip
        rows.append(tag("tr", tag("th", f"R@{k} {shown}", scope="row"), cells))
    return rows
