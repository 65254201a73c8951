"""Pieces of the page Drift made of games: what was asked, scores beside each other, who drifts less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.schemas.comparing import PairedDifference
from backend.schemas.drift_scores import (
    Attraction,
    DriftComparison,
    Estimate,
    GenEvalShare,
)
from backend.schemas.games import BackboneScores, GameRequest, OperatorChoice, OperatorKind
from ui import words
from ui.drift_cards import swatch
from ui.drift_figures import DIRECTIONS, Shown
from ui.markup import Html, join, tag

#: what each operator is called in a list to choose from
OPERATORS: Final[dict[OperatorKind, str]] = {
    "retrieval": "nearest of the gallery",
    "renderer": "renderer of the built-in world, exact",
    "decoder": "decoder of the space to words",
    "janus": "Janus",
    "diffusers": "diffusers model",
    "captioner": "captioning model",
    "endpoint": "endpoint (OpenAI-compatible or Hugging Face)",
}


def line(request: GameRequest, name: str) -> str:
    """What was asked for, in a line.

    Args:
        name: of the run.
    """
    if request.folder:
        return f"Chains made elsewhere: {request.folder.rstrip('/').rsplit('/', 1)[-1]}"
    seeds = words.count(len(request.seeds) or 2 * request.pairs, "seed")
    parts = [name, f"{seeds} × {words.count(request.generations, 'generation')}"]
    made_by = operators(request)
    return " · ".join([*parts, *([made_by] if made_by else [])])


def operators(request: GameRequest) -> str:
    """Both operators in words; nothing where both are the usual, the nearest of the gallery."""
    told = []
    for arrow, choice in (
        ("text → image", request.text_to_image),
        ("image → text", request.image_to_text),
    ):
        said = _operator(choice)
        if said:
            told.append(f"{arrow}: {said}")
    if not request.revisit:
        told.append("never the same item twice")
    if request.seeds_excluded:
        told.append("never a seed")
    return ", ".join(told)


def _operator(choice: OperatorChoice) -> str:
    said = OPERATORS[choice.kind] if choice.kind != "retrieval" else ""
    if choice.model or choice.source:
        said += f" {choice.model or choice.source.rstrip('/').rsplit('/', 1)[-1]}"
    if choice.temperature:
        said += f"{' ' if said else ''}at temperature {choice.temperature:g}"
    return said


# --- scores -------------------------------------------------------------------------------------


def backbones(shown: Sequence[Shown]) -> list[str]:
    """Names of what the games are measured by, those that all have first."""
    named = [[scores.backbone for scores in game.report.backbones] for game in shown]
    every = dict.fromkeys(name for names in named for name in names)
    return sorted(every, key=lambda name: not all(name in names for names in named))


def scores(shown: Sequence[Shown], backbone: str) -> Html:
    """All measures of some games as a table, a column a game.

    Args:
        backbone: by which similarity is measured.
    """
    found = [_of(game, backbone) for game in shown]
    rows: list[Html | None] = [
        _row("Mean similarity to the start", "the paper's MCD: higher means less drift",
             [_estimate(one.scores.mean_cumulative_drift.similarity if one else None) for one in found]),
    ]  # fmt: skip
    for direction, title in DIRECTIONS.items():
        told = [
            one.scores.mean_cumulative_drift.directions.get(direction) if one else None
            for one in found
        ]
        if any(told):
            rows.append(_row(title, "", [_estimate(each) for each in told], inner=True))
    rows += [*_rates(found), *_wholes(shown)]
    head = tag(
        "tr", tag("th", ""),
        [tag("th", swatch(game.colour), tag("span", game.name), scope="col") for game in shown],
    )  # fmt: skip
    table = tag("table.i-compare.i-drift-scores", tag("thead", head), tag("tbody", rows))
    return tag(
        "section.i-card",
        tag("h3", "Scores so far" if any(game.report.partial for game in shown) else "Scores"),
        tag("div.i-table-frame", table, tabindex="0", role="region", aria_label="Scores"),
        _notes(shown, found),
    )


def _of(game: Shown, backbone: str) -> BackboneScores | None:
    return next((each for each in game.report.backbones if each.backbone == backbone), None)


def _rates(found: Sequence[BackboneScores | None]) -> list[Html]:
    """Drift rate and half-life, where a decay could be fitted."""
    fits = [one.rate.averaged if one and one.rate else None for one in found]
    if not any(fits):
        return []
    rates = []
    for fit in fits:
        if fit is None:
            rates.append(tag("td", "–"))
            continue
        told = [f"R² {fit.r2:.2f}"] if fit.r2 is not None else []
        if fit.b_interval:
            told.insert(0, f"{fit.b_interval[0]:.3f} to {fit.b_interval[1]:.3f}")
        if fit.at_bounds:
            told.append(f"{words.listed(fit.at_bounds)} at its bound")
        rates.append(tag("td", tag("b", f"{fit.b:.3f}"), tag("small.i-soft", " · ".join(told))))
    halves = [
        tag("td", "–" if fit is None or fit.half_life is None else f"{fit.half_life:.1f} generations")
        for fit in fits
    ]  # fmt: skip
    return [
        _row("Drift rate b", "of the mean curve, a exp(−b g) + c: higher means faster", rates),
        _row("Half-life", "until half of what can be lost is lost", halves, inner=True),
    ]


def _wholes(shown: Sequence[Shown]) -> list[Html]:
    """What does not depend on the backbone: GenEval, attractors, how many chains there are."""
    rows = []
    reports = [game.report for game in shown]
    if any(report.geneval for report in reports):
        cells = [
            _share(report.geneval.overall) if report.geneval else tag("td", "–")
            for report in reports
        ]
        rows.append(_row("Multi-generation GenEval", "higher means less is lost", cells))
    if any(report.attraction for report in reports):
        cells = [_attraction(report.attraction) for report in reports]
        rows.append(_row("Attractors", "that the seeds end in, and steps until then", cells))
    counts = []
    for report in reports:
        broken = f", {report.broken:,} broken off" if report.broken else ""
        counts.append(tag("td", f"{report.chains:,}{broken}"))
    return [*rows, _row("Chains", "", counts)]


def _attraction(found: Attraction | None) -> Html:
    if found is None:
        return tag("td", "–")
    told = f"half of the seeds in {found.half_of_seeds:,}, {found.mean_steps:.1f} steps"
    return tag("td", tag("b", f"{found.attractor_count:,}"), tag("small.i-soft", told))


def _row(name: str, said: str, cells: Sequence[Html], inner: bool = False) -> Html:
    title = tag("th", name, tag("small.i-soft", said) if said else None, scope="row",
                class_="inner" if inner else "")  # fmt: skip
    return tag("tr", title, cells)


def _estimate(found: Estimate | None) -> Html:
    if found is None:
        return tag("td", "–")
    return tag("td", tag("b", f"{found.value:.3f}"), _interval(found.interval))


def _share(found: GenEvalShare) -> Html:
    if found.share is None:
        return tag("td", "–")
    low_high = found.interval and tuple(100 * bound for bound in found.interval)
    told = f"{low_high[0]:.1f} to {low_high[1]:.1f}" if low_high else ""
    return tag("td", tag("b", words.percent(found.share)), tag("small.i-soft", told))


def _interval(bounds: tuple[float, float] | None) -> Html | None:
    return tag("small.i-soft", f"{bounds[0]:.3f} to {bounds[1]:.3f}") if bounds else None


def _notes(shown: Sequence[Shown], found: Sequence[BackboneScores | None]) -> Html:
    """What the numbers rest on, and what could not be measured."""
    told = [
        "Intervals: 95 %, bootstrap over seed items with their whole chains. "
        "Similarities are cosines to generation 0."
    ]
    for game, one in zip(shown, found, strict=True):
        if one is not None and one.no_rate:
            told.append(f"{game.name}, no drift rate: {one.no_rate}")
        told += [f"{game.name}: {note}" for note in game.report.notes]
    return tag("ul.i-notes", [tag("li", each) for each in dict.fromkeys(told)])


# --- two games ----------------------------------------------------------------------------------


def compared(first: Shown, others: Sequence[tuple[Shown, DriftComparison | str]]) -> Html:
    """Who drifts less than the first, on the same seeds.

    Args:
        others: each with its comparison, or why there is none.
    """
    said = {
        "mean_cumulative_drift": "Mean similarity",
        **{f"{key}/mean_cumulative_drift": title for key, title in DIRECTIONS.items()},
    }
    there = [(game, found) for game, found in others if isinstance(found, DriftComparison)]
    rows = [
        tag("tr", tag("th", title, scope="row"),
            [_difference(found.differences.get(name)) for _, found in there])
        for name, title in said.items()
        if any(name in found.differences for _, found in there)
    ]  # fmt: skip
    tasks = dict.fromkeys(task for _, found in there for task in found.geneval)
    rows += [
        tag("tr", tag("th", f"GenEval, {task.replace('_', ' ')}", scope="row"),
            [_difference(found.geneval.get(task)) for _, found in there])
        for task in tasks
    ]  # fmt: skip
    head = tag(
        "tr", tag("th", ""),
        [tag("th", swatch(game.colour), tag("span", game.name), scope="col") for game, _ in there],
    )  # fmt: skip
    table = tag("table.i-compare.i-drift-scores", tag("thead", head), tag("tbody", rows))
    frame = tag("div.i-table-frame", table, tabindex="0", role="region", aria_label="Differences")
    counts = {found.items for _, found in there}
    line = (
        f"Difference of mean similarity from {first.name}, seed item by seed item, with 95 % interval and "
        f"two-sided p: paired bootstrap over {words.listed([f'{count:,}' for count in sorted(counts)])} "
        "items. Positive: drifts less."
    )
    faults = [
        tag("p.i-soft", f"{game.name}: {found}") for game, found in others if isinstance(found, str)
    ]
    return tag(
        "section.i-card",
        tag("h3", f"Drifts less than {first.name}?"),
        join([frame, tag("p.i-soft", line)]) if rows else None,
        faults,
    )


def _difference(found: PairedDifference | None) -> Html:
    if found is None:
        return tag("td", "–")
    low, high = found.interval
    p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}"
    return tag(
        "td", tag("b", f"{found.difference:+.3f}"),
        tag("small.i-soft", f"{low:+.3f} to {high:+.3f}, {p}"),
        class_="best" if low > 0 else "",
    )  # fmt: skip
