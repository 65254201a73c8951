"""Runs against the first one chosen, query by query: how much better, and whether it may be chance."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Final

from backend.schemas import PairedComparison, PairedDifference, RunSummary
from ui import words
from ui.markup import Html, join, tag
from ui.run_cards import shared_modality

_MEASURES: Final = {
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
    "reciprocal_rank": "MRR",
}
#: kind of file -> what it is called, its type
KINDS: Final = {
    "csv": ("CSV", "text/csv"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
    "tex": ("LaTeX", "application/x-tex"),
}
_WAYS: Final = ("text_to_image", "image_to_text")


def unfinished(runs: Sequence[RunSummary]) -> Html | None:
    """The runs that have no answers yet."""
    names = [run.name for run in runs if run.status != "finished"]
    if not names:
        return None
    verb = "has" if len(names) == 1 else "have"
    return tag("p.i-soft", f"{words.listed(names)} {verb} not finished, so cannot be compared yet.")


def paired(runs: Sequence[RunSummary], found: Sequence[PairedComparison]) -> Html:
    """A table of differences in points, with interval and p.

    Args:
        runs: the finished ones, the baseline first.
        found: each further one against the baseline, in the same order.
    """
    baseline, others = runs[0], runs[1:]
    comparable = [(run, one) for run, one in zip(others, found, strict=True) if one.differences]
    apart = [run.name for run, one in zip(others, found, strict=True) if not one.differences]
    warning = (
        tag("p.i-soft", f"Tested on other items than {baseline.name}, so not compared: ",
            words.listed(apart), ".") if apart else None
    )  # fmt: skip
    if not comparable:
        return tag("div", warning)
    modality = shared_modality(runs)
    head = tag("tr", tag("th", ""), [tag("th", run.name, scope="col") for run, _ in comparable])
    rows = [
        tag("tr", tag("th", f"{short} {words.direction(way, modality)}", scope="row"),
            [_cell(one.differences[f"{way}/{measure}"]) for _, one in comparable])
        for way in _WAYS
        for measure, short in _MEASURES.items()
    ]  # fmt: skip
    one = comparable[0][1]
    line = (
        f"Difference in points from {baseline.name}, with 95 % interval and p: paired bootstrap over "
        f"{words.count(one.images, words.ITEM_WORDS[modality])} of the test split, the same for all. "
        "Heads of each run's first seed; it says nothing about other seeds."
    )
    tests = len(comparable) * len(rows)
    several = f" Of {tests} comparisons at once, some have p below 0.05 by chance."
    table = tag("table.i-compare", tag("thead", head), tag("tbody", rows))
    frame = tag("div.i-table-frame", table, tabindex="0", role="region", aria_label="Differences")
    title = tag("h3.i-part", f"Better than {baseline.name}?")
    return join([title, frame, tag("p.i-soft", line + several), warning])


def downloads(
    files: Mapping[str, bytes], said: str = "All numbers of these runs:", name: str = "runs"
) -> Html:
    """Numbers to take away, one file a kind.

    Args:
        files: their contents, by kind.
        said: what they are, before them.
        name: of the files.
    """
    links = [
        tag("a.i-button", KINDS[kind][0], download=f"{name}.{kind}",
            href=f"data:{KINDS[kind][1]};base64,{b64encode(content).decode()}")
        for kind, content in files.items()
    ]  # fmt: skip
    return tag("div.i-row.i-below", tag("span.i-soft", said), links)


def _cell(found: PairedDifference) -> Html:
    low, high = (100 * bound for bound in found.interval)
    told = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}"
    better = low > 0
    return tag(
        "td",
        tag("b", f"{100 * found.difference:+.1f}"),
        tag("small.i-soft", f" {low:+.1f} to {high:+.1f}, {told}"),
        class_="best" if better else "",
    )
