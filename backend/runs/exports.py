"""Runs and their scores as a table to take away: CSV, Parquet, LaTeX."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from backend.errors import InvalidInput
from backend.schemas import RetrievalScores, RunSummary, Spread

if TYPE_CHECKING:
    import pandas as pd

KINDS: Final = ("csv", "parquet", "tex")
_WAYS: Final = ("text_to_image", "image_to_text")
_KS: Final = (1, 5, 10)


def table(runs: Sequence[RunSummary], kind: str) -> bytes:
    """One row a run, as a file's content.

    CSV and Parquet hold every number as a fraction, with its 95 % interval, chance level and counts. LaTeX
    (booktabs) holds recalls in per cent for a paper.

    Args:
        runs: in the order of the rows; those without test scores have empty cells.
        kind: one of :data:`KINDS`.

    Raises:
        InvalidInput: another kind.
    """
    import pandas as pd

    if kind not in KINDS:
        raise InvalidInput(f"A table of kind {kind!r} cannot be made; allowed: {', '.join(KINDS)}")
    if kind == "tex":
        return _latex(runs).encode()
    frame = pd.DataFrame([_row(run) for run in runs])
    if kind == "csv":
        return str(frame.to_csv(index=False)).encode()
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()


def _row(run: RunSummary) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run": run.id,
        "name": run.name,
        "status": run.status,
        "dataset": run.dataset,
        "image_encoder": run.image_encoder,
        "text_encoder": run.text_encoder,
        "method": run.method,
        "train_images": run.train_images,
        "first_seed": run.seed,
        "seeds": run.seeds,
        "test_images": run.test.images if run.test else None,
        "test_captions": run.test.captions if run.test else None,
    }
    for way in _WAYS:
        scores: RetrievalScores | None = getattr(run.test, way, None)
        for k in _KS:
            name = f"{way}/recall_at_{k}"
            value, low, high = _recall(run, way, k)
            row |= {name: value, f"{name}/low": low, f"{name}/high": high}
            row[f"{way}/chance_at_{k}"] = getattr(scores, f"chance_at_{k}", None)
        row[f"{way}/median_rank"] = getattr(scores, "median_rank", None)
        row[f"{way}/mean_reciprocal_rank"] = getattr(scores, "mean_reciprocal_rank", None)
    return row


def _recall(run: RunSummary, way: str, k: int) -> tuple[float | None, float | None, float | None]:
    """A recall and its 95 % interval: Student's t over seeds where there are several, else over images."""
    if run.test is None:
        return None, None, None
    across = run.test.across_seeds
    if across is not None:
        spread: Spread = getattr(getattr(across, way), f"recall_at_{k}")
        return spread.mean, *spread.interval
    scores = getattr(run.test, way)
    return getattr(scores, f"recall_at_{k}"), *getattr(scores, f"interval_at_{k}")


def _latex(runs: Sequence[RunSummary]) -> str:
    import pandas as pd

    rows = []
    for run in runs:
        row = {"run": run.name, "method": run.method}
        for way, short in zip(_WAYS, ("T2I", "I2T"), strict=True):
            for k in _KS:
                value, low, high = _recall(run, way, k)
                shown = "--" if value is None or low is None or high is None else (
                    f"{100 * value:.1f} ± {50 * (high - low):.1f}"
                )  # fmt: skip
                row[f"{short} R@{k}"] = shown
        rows.append(row)
    frame: pd.DataFrame = pd.DataFrame(rows)
    caption = f"{_tested(runs)} Per cent, half of the 95 % interval"
    text: str = frame.to_latex(
        index=False, escape=True, column_format="ll" + "r" * 6, caption=_escaped(caption)
    )
    return text.replace("±", "$\\pm$")


def _tested(runs: Sequence[RunSummary]) -> str:
    sets = {(run.dataset, run.test.images, run.test.captions) for run in runs if run.test}
    return " ".join(
        f"Test split of {dataset.rpartition('/')[2]}: {images:,} images, {captions:,} captions."
        for dataset, images, captions in sorted(sets)
    )


def _escaped(text: str) -> str:
    """For LaTeX; pandas escapes cells alone."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(
        special.get(letter) or (f"\\{letter}" if letter in "&%$#_{}" else letter) for letter in text
    )
