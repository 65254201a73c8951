"""Runs and their scores as a table to take away: CSV, Parquet, LaTeX."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from backend.errors import InvalidInput
from backend.schemas import RetrievalScores, RunSummary

if TYPE_CHECKING:
    import pandas as pd

KINDS: Final = ("csv", "parquet", "tex")
_WAYS: Final = ("text_to_image", "image_to_text")
_KS: Final = (1, 5, 10)


def table(runs: Sequence[RunSummary], kind: str) -> bytes:
    """One row a run, as a file's content.

    CSV and Parquet hold recalls as fractions, with 95 % intervals (a column says over what), chance levels
    and counts; ranks are the first seed's. LaTeX (booktabs) holds recalls in per cent for a paper.

    Args:
        runs: in the order of the rows; those without test scores have empty cells, and no row in LaTeX.
        kind: one of :data:`KINDS`.

    Raises:
        InvalidInput: another kind.
    """
    return as_file(kind, lambda: [_row(run) for run in runs], lambda: _latex(runs))


def as_file(
    kind: str, rows: Callable[[], Sequence[Mapping[str, Any]]], latex: Callable[[], str]
) -> bytes:
    """A table as a file's content.

    Args:
        kind: one of :data:`KINDS`.
        rows: makes the rows of CSV and Parquet, by column.
        latex: makes the same for a paper.

    Raises:
        InvalidInput: another kind.
    """
    import pandas as pd

    if kind not in KINDS:
        raise InvalidInput(f"A table of kind {kind!r} cannot be made; allowed: {', '.join(KINDS)}")
    if kind == "tex":
        return latex().encode()
    frame = pd.DataFrame(rows())
    if kind == "csv":
        return str(frame.to_csv(index=False)).encode()
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()


def _row(run: RunSummary) -> dict[str, Any]:
    test = run.test
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
        "seeds": _seeds(run),
        "recalls_and_intervals_over": None if test is None else _over(run),
        "test_images": test.images if test else None,
        "test_captions": test.captions if test else None,
    }
    for way in _WAYS:
        scores: RetrievalScores | None = getattr(test, way, None)
        for k in _KS:
            name = f"{way}/recall_at_{k}"
            found = test.recall(way, k) if test else None
            low, high = found.shares if found else (None, None)
            row |= {name: found and found.value, f"{name}/low": low, f"{name}/high": high}
            row[f"{way}/chance_at_{k}"] = getattr(scores, f"chance_at_{k}", None)
        first = f"{way}/first_seed"
        row[f"{first}/median_rank"] = getattr(scores, "median_rank", None)
        row[f"{first}/mean_reciprocal_rank"] = getattr(scores, "mean_reciprocal_rank", None)
        interval = getattr(scores, "interval_of_reciprocal_rank", None) or (None, None)
        for end, bound in zip(("low", "high"), interval, strict=True):
            row[f"{first}/mean_reciprocal_rank/{end}"] = bound
    return row


def _seeds(run: RunSummary) -> int | None:
    """How many were measured, which may be fewer than were asked for."""
    if run.test is None:
        return None
    return 1 if run.test.across_seeds is None else len(run.test.across_seeds.seeds)


def _over(run: RunSummary) -> str:
    """What the recalls' intervals are over; where it is seeds, the recalls are means over them."""
    return "images" if _seeds(run) == 1 else "seeds"


def _latex(runs: Sequence[RunSummary]) -> str:
    import pandas as pd

    tested = [(run, run.test) for run in runs if run.test is not None]
    several = len({run.dataset for run, _ in tested}) > 1
    rows = []
    for run, test in tested:
        row = {"run": run.name} | ({"data set": _short(run.dataset)} if several else {})
        row |= {"method": run.method, "seeds": str(_seeds(run))}
        for way, short in zip(_WAYS, ("T2I", "I2T"), strict=True):
            for k in _KS:
                value, (low, high), _ = test.recall(way, k)
                row[f"{short} R@{k}"] = f"{100 * value:.1f} ± {50 * (high - low):.1f}"
        rows.append(row)
    frame: pd.DataFrame = pd.DataFrame(rows)
    caption = (
        f"{_tested(runs)} Per cent ± half of the 95 % interval: of the mean over seeds where there are "
        "several, else over test images."
    )
    text: str = frame.to_latex(
        index=False,
        escape=True,
        column_format="l" * (len(frame.columns) - 6) + "r" * 6,
        caption=escaped(caption),
    )
    return text.replace("±", "$\\pm$")


def _short(dataset: str) -> str:
    return dataset.rpartition("/")[2]


def _tested(runs: Sequence[RunSummary]) -> str:
    sets = {(run.dataset, run.test.images, run.test.captions) for run in runs if run.test}
    return " ".join(
        f"Test split of {_short(dataset)}: {images:,} images, {captions:,} captions."
        for dataset, images, captions in sorted(sets)
    )


def escaped(text: str) -> str:
    """A person's words for LaTeX; pandas escapes cells alone."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(
        special.get(letter) or (f"\\{letter}" if letter in "&%$#_{}" else letter) for letter in text
    )
