"""Many runs by many measures, as MM-BigBench ranks models (Yang et al. 2023, arXiv 2310.09036).

A measure is a data set, a split and a metric, of which higher is better. Over its runs r, its settings s
(prompts or seeds; the paper's instructions) and the values v:

    mean relative gain    mean over measures of 100 (v_r - mean v) / mean v, the mean over the runs that
                          have the measure
    stability             mean over measures of the standard deviation over s; lower is steadier
    adaptability          Global Top-K Hit Ratio, of a run: the share of settings in which it is among the
                          K best runs; of a prompt for a run: the share of measures in which it is among
                          the run's K best prompts. In expectation where values are equal

The paper's code differs: each setting has a gain of its own, of which the mean is taken; the deviation is
divided by n and not n - 1; ratios are of prompts alone and divided by K, so that they sum to 1 and not K;
of equal values the later one is taken.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Final

from backend.errors import Fault, InvalidInput
from backend.schemas import HitRatio, Leaderboard, LeaderboardCell, LeaderboardRow, Varied

#: how many of the best are looked at; K counts where it is at most half of them, rounded up
KS: Final = (1, 3)


@dataclass(frozen=True)
class Score:
    """What a run reached by one measure.

    Attributes:
        value: the number that is ranked; over settings their mean.
        interval: 95 %.
        settings: by name, the values under each setting; a name means the same in every run.
        varied: what the settings are.
    """

    value: float
    interval: tuple[float, float] | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    varied: Varied = "seed"


@dataclass(frozen=True)
class LeaderboardEntry:
    """A run: its id, its name, and its scores by measure ("flickr8k test, text to image R@1")."""

    run: str
    name: str
    scores: Mapping[str, Score]


def leaderboard(entries: Sequence[LeaderboardEntry]) -> Leaderboard:
    """All rows, the highest mean relative gain first.

    Raises:
        InvalidInput: a run that comes twice, or a value that is not finite.
    """
    _check(entries)
    measures = tuple(dict.fromkeys(name for entry in entries for name in entry.scores))
    columns = {
        name: {entry.run: entry.scores[name] for entry in entries if name in entry.scores}
        for name in measures
    }
    left_out = {name: why for name, column in columns.items() if (why := _uncounted(column))}
    gains = {
        name: relative_gains({run: score.value for run, score in column.items()})
        for name, column in columns.items()
        if name not in left_out
    }
    hits = {k: _ratios([_run_shares(column, k) for column in columns.values()], k) for k in KS}
    rows = [_row(entry, columns, gains, hits) for entry in entries]
    rows.sort(key=lambda row: -math.inf if row.gain is None else row.gain, reverse=True)
    return Leaderboard(measures=measures, left_out=left_out, rows=tuple(rows))


def relative_gains(values: Mapping[str, float]) -> dict[str, float]:
    """Percent above the mean of one measure's values, of which the mean is above 0."""
    mean = fmean(values.values())
    return {run: 100 * (value - mean) / mean for run, value in values.items()}


def top_shares(values: Mapping[str, float], k: int) -> dict[str, float]:
    """Whether each is among the k highest: 0 or 1, or its chance where equal ones take the last places.

    They sum to k, or to the number of values where these are fewer.
    """
    ordered = sorted(values.values())
    shares = {}
    for name, value in values.items():
        above = len(ordered) - bisect_right(ordered, value)
        tied = bisect_right(ordered, value) - bisect_left(ordered, value)
        shares[name] = min(1.0, max(0.0, (k - above) / tied))
    return shares


def _check(entries: Sequence[LeaderboardEntry]) -> None:
    faults, seen = [], set()
    for entry in entries:
        if entry.run in seen:
            faults.append(Fault(entry.name, f"run {entry.run} is given twice"))
        seen.add(entry.run)
        for measure, score in entry.scores.items():
            if not all(map(math.isfinite, (score.value, *score.settings.values()))):
                faults.append(Fault(entry.name, f"{measure} is not finite"))
    if faults:
        raise InvalidInput("Give each run once, with finite scores.", faults)


def _uncounted(column: Mapping[str, Score]) -> str:
    """Why a measure counts for no gain; empty where it does."""
    if len(column) < 2:
        return "only one run was measured by it"
    if fmean(score.value for score in column.values()) <= 0:
        return "the mean of all runs is not above 0, so that nothing can be told relative to it"
    return ""


def _tells(contestants: int, k: int) -> bool:
    return contestants >= max(2, 2 * k - 1)


def _run_shares(column: Mapping[str, Score], k: int) -> dict[str, float]:
    """How often each run is among the k best of one measure; empty where these are too few.

    Over the settings that all these runs have, so that each was there every time; over the values
    themselves where they have none in common.
    """
    if not _tells(len(column), k):
        return {}
    common = set.intersection(*(set(_settings(score)) for score in column.values()))
    rounds = [
        top_shares({run: _settings(score)[key] for run, score in column.items()}, k)
        for key in sorted(common)
    ] or [top_shares({run: score.value for run, score in column.items()}, k)]
    return {run: fmean(shares[run] for shares in rounds) for run in column}


def _settings(score: Score) -> dict[tuple[str, str], float]:
    return {(score.varied, name): value for name, value in score.settings.items()}


def _prompt_shares(score: Score, k: int) -> dict[str, float]:
    if score.varied != "prompt" or not _tells(len(score.settings), k):
        return {}
    return top_shares(score.settings, k)


def _ratios(shares: Sequence[Mapping[str, float]], k: int) -> dict[str, HitRatio]:
    """Means over the measures that each of them is in."""
    found = {}
    for name in dict.fromkeys(name for each in shares for name in each):
        own = [each for each in shares if name in each]
        found[name] = HitRatio(
            ratio=fmean(each[name] for each in own),
            chance=fmean(k / len(each) for each in own),
            measures=len(own),
        )
    return found


def _row(
    entry: LeaderboardEntry,
    columns: Mapping[str, Mapping[str, Score]],
    gains: Mapping[str, Mapping[str, float]],
    hits: Mapping[int, Mapping[str, HitRatio]],
) -> LeaderboardRow:
    cells = {
        name: _cell(entry.run, columns[name], gains.get(name, {}))
        for name in columns
        if name in entry.scores
    }
    own = [cell.gain for cell in cells.values() if cell.gain is not None]
    spread = [cell.deviation for cell in cells.values() if cell.deviation is not None]
    prompts: dict[str, dict[int, HitRatio]] = {}
    for k in KS:
        shares = [_prompt_shares(score, k) for score in entry.scores.values()]
        for prompt, ratio in _ratios(shares, k).items():
            prompts.setdefault(prompt, {})[k] = ratio
    return LeaderboardRow(
        run=entry.run,
        name=entry.name,
        cells=cells,
        gain=fmean(own) if own else None,
        gain_measures=len(own),
        stability=fmean(spread) if spread else None,
        stability_measures=len(spread),
        hit_ratios={k: ratios[entry.run] for k, ratios in hits.items() if entry.run in ratios},
        prompts=prompts,
    )


def _cell(run: str, column: Mapping[str, Score], gains: Mapping[str, float]) -> LeaderboardCell:
    score = column[run]
    highest = max(other.value for other in column.values())
    # an interval over seeds says nothing to a run that has one: they are of different kinds
    lows = [
        other.interval[0] for other in column.values()
        if other.value == highest and other.interval is not None
        and _over_seeds(other) == _over_seeds(score)
    ]  # fmt: skip
    best = score.value == highest and len(column) > 1
    return LeaderboardCell(
        value=score.value,
        interval=score.interval,
        gain=gains.get(run),
        deviation=stdev(score.settings.values()) if len(score.settings) > 1 else None,
        settings=len(score.settings),
        varied=score.varied,
        best=best,
        within_best=score.value < highest and bool(lows) and score.value >= min(lows),
    )


def _over_seeds(score: Score) -> bool:
    """Whether its interval is of a mean over seeds, not over test items."""
    return score.varied == "seed" and len(score.settings) > 1
