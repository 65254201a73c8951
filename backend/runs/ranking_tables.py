"""The leaderboard as a table to take away: CSV, Parquet, LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from backend.evaluation.leaderboard import KS
from backend.runs.exports import as_file, escaped
from backend.schemas import Leaderboard, LeaderboardCell, LeaderboardRow

_NONE: Final = "--"


def table(board: Leaderboard, kind: str) -> bytes:
    """One row a run, in the leaderboard's order.

    CSV and Parquet hold shares as fractions and gains in per cent; of each measure the value, its 95 %
    interval, gain, deviation and number of settings. LaTeX (booktabs) holds everything in per cent, the
    best of each measure in bold.

    Args:
        kind: csv, parquet or tex.

    Raises:
        InvalidInput: another kind.
    """
    return as_file(kind, lambda: [_row(row, board) for row in board.rows], lambda: _latex(board))


def _row(row: LeaderboardRow, board: Leaderboard) -> dict[str, Any]:
    told: dict[str, Any] = {
        "run": row.run,
        "name": row.name,
        "mean_relative_gain": row.gain,
        "gain_measures": row.gain_measures,
        "stability": row.stability,
        "stability_measures": row.stability_measures,
    }
    for k in KS:
        ratio = row.hit_ratios.get(k)
        told |= {
            f"top_{k}_hit_ratio": ratio and ratio.ratio,
            f"top_{k}_chance": ratio and ratio.chance,
        }
    for name in board.measures:
        cell = row.cells.get(name)
        low, high = (cell and cell.interval) or (None, None)
        told |= {
            name: cell and cell.value,
            f"{name}/low": low,
            f"{name}/high": high,
            f"{name}/chance": board.about[name].chance if name in board.about else None,
            f"{name}/gain": cell and cell.gain,
            f"{name}/deviation": cell and cell.deviation,
            f"{name}/settings": cell and cell.settings,
        }
    return told


def _latex(board: Leaderboard) -> str:
    import pandas as pd

    rows = []
    for row in board.rows:
        told: dict[str, str] = {
            "run": escaped(row.name),
            "gain": _NONE if row.gain is None else f"{row.gain:+.1f}",
            "stability": _NONE if row.stability is None else f"{100 * row.stability:.2f}",
        }
        for k in KS:
            ratio = row.hit_ratios.get(k)
            told[f"Top-{k}"] = _NONE if ratio is None else f"{100 * ratio.ratio:.0f}"
        cells: Mapping[str, LeaderboardCell] = row.cells
        told |= {escaped(name): _cell(cells.get(name)) for name in board.measures}
        rows.append(told)
    frame = pd.DataFrame(rows)
    caption = (
        "Mean relative gain over the mean of all runs, stability (standard deviation over seeds or "
        "prompts), and how often a run is among the best 1 or 3; then each measure. All in per cent, "
        "± half of the 95 % interval; the best of a measure in bold."
    )
    text: str = frame.to_latex(
        index=False,
        escape=False,
        column_format="l" + "r" * max(0, len(frame.columns) - 1),
        caption=escaped(caption),
    )
    return text.replace("±", "$\\pm$")


def _cell(cell: LeaderboardCell | None) -> str:
    if cell is None:
        return _NONE
    said = f"{100 * cell.value:.1f}"
    if cell.best:
        said = rf"\textbf{{{said}}}"
    if cell.interval is None:
        return said
    return f"{said} ± {50 * (cell.interval[1] - cell.interval[0]):.1f}"
