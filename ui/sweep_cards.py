"""Pieces of the page made of sweeps: the list, the opened one's head, its matrix, how to repeat it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from backend.schemas import (
    DatasetInfo,
    Modality,
    RunSummary,
    Status,
    SweepCell,
    SweepDetail,
    SweepRequest,
    SweepSummary,
)
from ui import words
from ui.markup import Html, tag
from ui.measured import Measured, measured
from ui.run_cards import bar

Pair = tuple[str, str]
Column = tuple[Pair, int | None]

#: the choice of the matrix that shows every number of training images side by side
EACH: Final = "each"
#: the order in which the states of a sweep's runs are told
_TOLD: Final[tuple[Status, ...]] = (
    "running", "queued", "failed", "interrupted", "cancelled",
)  # fmt: skip


def short(name: str) -> str:
    """The part of an address that tells encoders apart at a glance."""
    base, mark, options = name.partition("?")
    return base.rstrip("/").rsplit("/", 1)[-1] + (f" ({options})" if mark else "")


def pair_label(pair: Pair) -> str:
    """A pair in one line."""
    return f"{short(pair[0])} × {short(pair[1])}"


def size_label(images: int | None) -> str:
    """How many training images, ``all`` for None."""
    return "all" if images is None else f"{images:,}"


def size_id(images: int | None) -> str:
    """The same as the value of a choice."""
    return "all" if images is None else str(images)


def grid(request: SweepRequest) -> str:
    """``2 pairs × 6 methods × 5 numbers of images``, what is one left out."""
    parts = [words.count(len(request.pairs), "pair"), words.count(len(request.methods), "method")]
    if len(request.train_images) > 1:
        parts.append(f"{len(request.train_images)} numbers of images")
    if request.seeds > 1:
        parts.append(words.count(request.seeds, "seed"))
    return " × ".join(parts)


def modality_of(detail: SweepDetail) -> Modality:
    """Of its data set's items; images while it has no run."""
    return next((cell.run.modality for cell in detail.cells if cell.run is not None), "image")


def training_items(datasets: Sequence[DatasetInfo], dataset: str | None) -> int | None:
    """How many a data set has to train on; None where nobody has counted."""
    known = (info.splits.get("train") for info in datasets if info.id == dataset)
    return next((split.images for split in known if split), None)


def tally(counts: Mapping[Status, int]) -> str:
    """``12 of 35 runs done, 1 failed``."""
    total = sum(counts.values())
    said = [
        f"{counts[status]} {words.STATUS_WORDS[status].lower()}"
        for status in _TOLD
        if counts.get(status)
    ]
    return ", ".join([f"{counts.get('finished', 0)} of {words.count(total, 'run')} done", *said])


def share(counts: Mapping[Status, int]) -> float:
    """How much of a sweep has ended, well or not."""
    total = sum(counts.values())
    waiting = counts.get("queued", 0) + counts.get("running", 0)
    return (total - waiting) / total if total else 0.0


def table(sweeps: Sequence[SweepSummary], chosen: str | None) -> Html:
    """All sweeps, newest first; a row opens one."""
    names = ("Sweep", "Runs", "Grid", "Data set", "Made")
    head = tag("tr", [tag("th", name, scope="col") for name in names])
    rows = [_row(each, each.id == chosen) for each in sweeps]
    return tag(
        "div.i-table-frame",
        tag("table.i-runs.i-sweeps", tag("thead", head), tag("tbody", rows)),
        tabindex="0", role="region", aria_label="All sweeps",
    )  # fmt: skip


def _row(sweep: SweepSummary, chosen: bool) -> Html:
    name = tag(
        "button.i-link", sweep.name, type="button", data_act="open", data_arg=sweep.id,
        aria_current="true" if chosen else None,
    )  # fmt: skip
    return tag(
        "tr",
        tag("td.i-name", name),
        tag("td", tally(sweep.counts), bar(share(sweep.counts), "ended") if sweep.live else None),
        tag("td", grid(sweep.request)),
        tag("td", tag("span", short(sweep.request.dataset), title=sweep.request.dataset)),
        tag("td.i-soft", words.moment(sweep.created_at),
            title=f"{sweep.created_at:%Y-%m-%d %H:%M} UTC"),
        class_="chosen" if chosen else "", data_act="open", data_arg=sweep.id,
    )  # fmt: skip


def head(sweep: SweepSummary) -> Html:
    """Name, how far it is, and what it is made of."""
    done = share(sweep.counts)
    made = f"{short(sweep.request.dataset)} · {grid(sweep.request)}"
    return tag(
        "div.i-detail-head",
        tag("div.i-detail-name", tag("h2", sweep.name)),
        tag("p.i-soft", made),
        tag("p.i-sweep-tally", tally(sweep.counts), role="status"),
        bar(done, tally(sweep.counts)) if sweep.live else None,
        data_sweep=sweep.id,
    )


# --- the matrix ---------------------------------------------------------------------------------


def columns(request: SweepRequest, size: str) -> list[Column]:
    """What stands side by side: each pair at one number of images, or at every one."""
    sizes = [each for each in request.train_images if size in (EACH, size_id(each))]
    return [(pair, each) for pair in request.pairs for each in sizes or request.train_images[-1:]]


def matrix(detail: SweepDetail, size: str, direction: str, names: Mapping[str, str]) -> Html:
    """Methods down, encoder pairs across; every cell is a run and opens it.

    Args:
        detail: the sweep.
        size: one of :func:`size_id`, or :data:`EACH`.
        direction: ``text_to_image`` or ``image_to_text``.
        names: what the methods are called, by id.
    """
    request = detail.summary.request
    across = columns(request, size)
    cells = {(cell.pair, cell.train_images, cell.method): cell for cell in detail.cells}
    found = {
        key: measured(cell.run.test, direction)
        for key, cell in cells.items()
        if cell.run is not None and cell.run.status == "finished" and cell.run.test is not None
    }
    shown = [found[(*column, m)].value for column in across for m in request.methods
             if (*column, m) in found]  # fmt: skip
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    rows = []
    for method in request.methods:
        row = []
        for column in across:
            scored = found.get((*column, method))
            rivals = [found[(*column, m)].value for m in request.methods if (*column, m) in found]
            best = scored is not None and len(rivals) > 1 and scored.value == max(rivals)
            heat = (scored.value - low) / (high - low) if scored and high > low else 0.0
            row.append(_cell(cells.get((*column, method)), scored, best, heat))
        rows.append(tag("tr", tag("th", names.get(method, method), scope="row"), row))
    return tag(
        "div.i-table-frame",
        tag("table.i-matrix", tag("thead", _matrix_head(across, size)), tag("tbody", rows)),
        tabindex="0", role="region", aria_label="R@1 by method and encoder pair",
    )  # fmt: skip


def _matrix_head(across: Sequence[Column], size: str) -> list[Html]:
    pairs = list(dict.fromkeys(pair for pair, _ in across))
    each = len(across) // len(pairs)
    top = [
        tag("th.i-pair", tag("span", short(pair[0])), tag("span", short(pair[1])),
            scope="colgroup" if each > 1 else "col", colspan=each, title=" × ".join(pair))
        for pair in pairs
    ]  # fmt: skip
    corner = tag("th.i-corner", "Method", scope="col", rowspan=2 if size == EACH else None)
    if size != EACH:
        return [tag("tr", corner, top)]
    below = [
        tag("th.i-size", size_label(images), scope="col", title="training images")
        for _, images in across
    ]
    return [tag("tr", corner, top), tag("tr", below)]


def _cell(cell: SweepCell | None, scored: Measured | None, best: bool, heat: float) -> Html:
    if cell is None or cell.run is None:
        return tag("td.i-cell", tag("span.i-soft", "–", title="this run was deleted"))
    run = cell.run
    name = f"{cell.method}, {pair_label(cell.pair)}, {size_label(cell.train_images)}"
    if scored is not None:
        inner: Sequence[Html] = (
            tag("b", f"{100 * scored.value:.1f}"),
            tag("small", f"±{100 * scored.half:.1f}"),
        )
        told = f"R@1 {words.percent(scored.value)}, {scored.tip()}"
    else:
        inner, told = _state(run)
    return tag(
        "td.i-cell",
        tag(
            "button", inner, type="button", data_act="open", data_arg=run.id,
            class_=f"i-cell-button {run.status}{' best' if best else ''}",
            style=f"--heat:{100 * heat:.0f}%" if scored is not None else None,
            title=f"{name}: {told}", aria_label=f"{name}: {told}",
        ),
    )  # fmt: skip


def _state(run: RunSummary) -> tuple[Sequence[Html], str]:
    """What stands in a cell that has no number yet, and the same in full."""
    if run.status == "queued":
        place = f"{run.queue_position}" if run.queue_position else ""
        return (tag("small", f"queued {place}"),), f"number {place or '?'} in the queue"
    if run.status == "running":
        done = words.progress_share(run.progress) if run.progress else None
        stage = run.progress.stage if run.progress else "starting"
        said = f"{100 * done:.0f} %" if done is not None else "…"
        return (tag("small", said), bar(done, stage)), f"{stage}, {said}"
    word = words.STATUS_WORDS[run.status].lower()
    return (tag("small", word),), f"{word}. {run.error}" if run.error else word


# --- words and files ----------------------------------------------------------------------------


def legend(detail: SweepDetail, direction: str) -> Html:
    """What the numbers are, and what their intervals are over."""
    some = [cell.run.test for cell in detail.cells if cell.run is not None and cell.run.test]
    if not some:
        return tag("p.i-soft", "Numbers appear here as the runs finish.")
    several = {measured(test, direction).each != () for test in some}
    meant = {
        True: "± half the 95 % interval of the mean over seeds (Student's t)",
        False: "± half the 95 % bootstrap interval over test items, as there is one seed",
    }
    intervals = "; ".join(meant[each] for each in sorted(several, reverse=True))
    chance = words.percent(measured(some[0], direction).chance, 2)
    return tag(
        "p.i-soft", f"R@1 on the test split in per cent, {intervals}. Chance is {chance}. "
        "Choose a cell to open its run.",
    )  # fmt: skip


def facts(detail: SweepDetail) -> Html:
    """The command that repeats it, and its numbers as a file."""
    command = tag(
        "div.i-command", tag("code", detail.command),
        tag("button.i-button.quiet", "Copy", type="button", data_copy=detail.command),
    )  # fmt: skip
    link = tag(
        "a.i-button", "Numbers as CSV", href=f"data:text/csv;charset=utf-8,{quote(_csv(detail))}",
        download=f"{detail.summary.id}.csv",
    )  # fmt: skip
    return tag(
        "section.i-card", tag("h3", "Repeat it"), tag("p.i-soft", "The same sweep from a terminal:"),
        command, tag("div.i-row.i-below", link),
    )  # fmt: skip


def _csv(detail: SweepDetail) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["run", "item_encoder", "text_encoder", "method", "train_images", "status",
                   "direction", "recall_at_1", "low", "high", "chance", "seeds"])  # fmt: skip
    for cell in detail.cells:
        if cell.run is None:
            continue
        made = [cell.run.id, *cell.pair, cell.method, size_id(cell.train_images), cell.run.status]
        if cell.run.test is None:
            rows.writerow(made)
            continue
        for direction in ("text_to_image", "image_to_text"):
            one = measured(cell.run.test, direction)
            rows.writerow([*made, direction, one.value, one.low, one.high, one.chance,
                           len(one.each) or 1])  # fmt: skip
    return out.getvalue()
