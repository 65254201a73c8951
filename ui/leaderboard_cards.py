"""The leaderboard on the page: runs by mean relative gain, with every measure and what counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from backend.schemas import (
    HitRatio,
    Leaderboard,
    LeaderboardCell,
    LeaderboardMeasure,
    LeaderboardRow,
    RunSummary,
)
from ui import words
from ui.markup import Html, tag
from ui.shares import between
from ui.sweep_cards import pair_label, short

_KS: Final = (1, 3)
_SETTINGS: Final = {"seed": "seeds", "prompt": "prompts"}
_METRICS: Final = {"zero-shot/top_1": "Zero-shot top-1", "compositional/accuracy": "Accuracy",
                   "compositional/group": "Group score", "compositional/itt": "ITT",
                   "compositional/tot": "TOT"}  # fmt: skip
_DEFINITIONS: Final = {
    "Gain": "mean relative gain, as MM-BigBench ranks models (Yang et al. 2023): by how many per cent a "
    "run lies above the mean of all runs that have a measure, averaged over its measures. Every measure "
    "counts the same, so what is measured twice, as by two sets of prompts, counts twice",
    "Stability": "standard deviation (n − 1) over seeds, or over prompt templates used one at a time, in "
    "points, averaged over the measures that have several; lower is steadier. Templates differ more than "
    "seeds do: hold only runs with the same measures against each other",
    "Top-1, Top-3": "global top-K hit ratio: how often a run is among the best K of a measure, over the "
    "seeds or templates that all its runs share, else over the values; equal runs share the places. K is "
    "at most half of the runs, rounded up",
    "ITT, TOT": "compositional understanding: a picture is nearer to both of its true captions than to "
    "the false one; the true captions are nearer to each other than to the false one",
    "▲ and ≈": "the best value of a measure; not the best, but within the best one's 95 % interval, "
    "where both intervals are over seeds or both over items. Whether two runs differ at all is told on "
    "the page Runs: tick both",
}


def table(board: Leaderboard, runs: Mapping[str, RunSummary]) -> Html:
    """Runs down, the highest gain first; a row opens its run.

    Args:
        board: the ranking.
        runs: by id, for what each is made of.
    """
    several = len({run.dataset for run in runs.values()}) > 1
    head = tag(
        "tr",
        [tag("th", name, scope="col") for name in ("Run", "Gain", "Stability")],
        [tag("th", f"Top-{k}", scope="col") for k in _KS],
        [_measure(name, board.about.get(name)) for name in board.measures],
    )
    rows = [_row(row, board, runs.get(row.run), several) for row in board.rows]
    return tag(
        "div.i-table-frame",
        tag("table.i-board", tag("thead", head), tag("tbody", rows)),
        tabindex="0", role="region", aria_label="Leaderboard",
    )  # fmt: skip


def _measure(name: str, about: LeaderboardMeasure | None) -> Html:
    if about is None:
        return tag("th.i-board-measure", name, scope="col")
    metric = _METRICS.get(about.metric) or (
        f"R@1 {words.direction(about.metric.partition('/')[0], about.modality)}"
    )
    counted = f"{about.count:,} tested, chance {words.percent(about.chance)}"
    return tag(
        "th.i-board-measure", metric,
        tag("small", f"{short(about.dataset)}, {about.part}"), tag("small.i-board-count", counted),
        scope="col", title=name,
    )  # fmt: skip


def _row(row: LeaderboardRow, board: Leaderboard, run: RunSummary | None, several: bool) -> Html:
    made = []
    if run is not None:
        made = [run.method, pair_label((run.image_encoder, run.text_encoder))]
        if several:
            made.insert(0, short(run.dataset))
    name = tag("button.i-link", row.name, type="button", data_act="open", data_arg=row.run)
    return tag(
        "tr",
        tag("th", name, tag("small.i-soft", " · ".join(made)) if made else None, scope="row"),
        _gain(row), _stability(row),
        [_hits(row.hit_ratios.get(k)) for k in _KS],
        [_cell(row.cells.get(measure)) for measure in board.measures],
        data_act="open", data_arg=row.run,
    )  # fmt: skip


def _gain(row: LeaderboardRow) -> Html:
    if row.gain is None:
        return tag("td", "–", tag("small.i-soft", "nothing to hold it against"))
    over = f"over {words.count(row.gain_measures, 'measure')}"
    return tag("td", tag("b", f"{_signed(row.gain)} %"), tag("small.i-soft", over))


def _stability(row: LeaderboardRow) -> Html:
    if row.stability is None:
        return tag("td", "–", tag("small.i-soft", "one seed, no prompts"))
    kinds = {cell.varied for cell in row.cells.values() if cell.deviation is not None}
    over = f"over {' and '.join(_SETTINGS[kind] for kind in sorted(kinds, reverse=True))}"
    return tag("td", tag("b", f"{100 * row.stability:.2f}"), tag("small.i-soft", over))


def _hits(found: HitRatio | None) -> Html:
    if found is None:
        return tag("td", "–", tag("small.i-soft", "too few runs"))
    return tag(
        "td", tag("b", words.percent(found.ratio, 0)),
        tag("small.i-soft", f"chance {words.percent(found.chance, 0)}"),
        title=f"over {words.count(found.measures, 'measure')}",
    )  # fmt: skip


def _cell(cell: LeaderboardCell | None) -> Html:
    if cell is None:
        return tag("td.i-soft", "–", title="this run was not measured by it")
    mark, kind = "", ""
    if cell.best:
        mark, kind = "▲", "best"
    elif cell.within_best:
        mark, kind = "≈", "near"
    told = []
    if cell.gain is not None:
        told.append(f"{_signed(cell.gain)} % against the mean of all runs")
    if cell.deviation is not None:
        told.append(
            f"standard deviation {100 * cell.deviation:.2f} points over {cell.settings} "
            f"{_SETTINGS[cell.varied]}"
        )
    said = {"best": "the best", "near": "within the best one's 95 % interval"}.get(kind)
    return tag(
        "td", tag("b", words.percent(cell.value)),
        tag("i", mark, title=said, aria_label=said, role="img") if mark else None,
        tag("small.i-soft", between(cell.interval)) if cell.interval else None,
        class_=kind, title="; ".join(told),
    )  # fmt: skip


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def counted(board: Leaderboard) -> Html:
    """Which measures the gain is over, in words, and what everything means."""
    count = len(board.measures) - len(board.left_out)
    said = [
        f"{words.count(len(board.rows), 'run')} by {words.count(len(board.measures), 'measure')}, of "
        f"which {count} {'counts' if count == 1 else 'count'} for the gain."
    ]
    for why in dict.fromkeys(board.left_out.values()):
        names = [name for name, reason in board.left_out.items() if reason == why]
        said.append(f"Not counted, as {why}: {words.listed(names)}.")
    if len(board.rows) > 1:
        said.append(
            "A run is held only against runs that were measured by the same; small print: 95 % intervals."
        )
    rows = [[tag("dt", name), tag("dd", text)] for name, text in _DEFINITIONS.items()]
    return tag(
        "div.i-board-words", tag("p.i-soft", " ".join(said)),
        tag("details", tag("summary", "What the columns are"), tag("dl.i-facts-list", rows)),
    )  # fmt: skip
