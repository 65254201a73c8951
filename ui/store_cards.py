"""Pieces of the page made of stored features: the table, and the question before removing some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.schemas import RunSummary, StoredFeatures
from ui import words
from ui.cards import empty, notice
from ui.markup import Html, tag

_COLUMNS = ("Encoder and output", "Size", "Items", "Dimension", "Used by", "Changed")


def table(
    stored: Sequence[StoredFeatures],
    runs: Mapping[str, RunSummary],
    checked: Sequence[str],
    changeable: bool,
) -> Html:
    """What is stored, largest first, with the total; boxes choose what to remove."""
    if not stored:
        text = "Features are encoded once, by the first run that needs them, and kept here."
        return empty("Nothing is stored yet.", text)
    total = sum(each.bytes for each in stored)
    unused = sum(each.bytes for each in stored if not each.runs)
    line = f"{words.size(total)} in {words.count(len(stored), 'output')}"
    if unused:
        line += f"; no run uses {words.size(unused)} of them"
    head = tag("tr", tag("th", "") if changeable else None,
               [tag("th", name, scope="col") for name in _COLUMNS])  # fmt: skip
    rows = [
        _row(each, runs, each.key in checked, changeable)
        for each in sorted(stored, key=lambda each: -each.bytes)
    ]
    return tag(
        "div", tag("p.i-result-line", line, role="status"),
        tag("div.i-table-frame", tag("table.i-runs.i-stored", tag("thead", head),
                                     tag("tbody", rows)),
            tabindex="0", role="region", aria_label="Stored features"),
    )  # fmt: skip


def _row(
    each: StoredFeatures, runs: Mapping[str, RunSummary], checked: bool, changeable: bool
) -> Html:
    thing = words.ITEM_WORDS[each.modality]
    box = tag(
        "button.i-box", "✓" if checked else "", type="button", role="checkbox",
        aria_checked="true" if checked else "false",
        aria_label=f"Remove {each.encoder}, {each.output}", data_act="check", data_arg=each.key,
    )  # fmt: skip
    changed = tag("td.i-soft", words.moment(each.changed_at)) if each.changed_at else tag("td", "–")
    return tag(
        "tr",
        tag("td.i-check", box) if changeable else None,
        tag("td.i-name", each.encoder, tag("small.i-soft", each.output)),
        tag("td.number", words.size(each.bytes)),
        tag("td.number", words.count(each.items, thing) if each.items else "–"),
        tag("td.number", f"{each.dimension:,}" if each.dimension else "–"),
        tag("td.i-users", users(each, runs)),
        changed,
        data_key=each.key,
    )  # fmt: skip


def users(each: StoredFeatures, runs: Mapping[str, RunSummary]) -> str:
    """The names of the runs that use it."""
    names = [runs[run].name if run in runs else run for run in each.runs]
    if not names:
        return "no run"
    return words.listed(names) if len(names) < 4 else f"{len(names)} runs"


def question(chosen: Sequence[StoredFeatures], runs: Mapping[str, RunSummary]) -> Html:
    """What removing would free, and what would have to be encoded again."""
    freed = words.size(sum(each.bytes for each in chosen))
    lines = [f"Remove {words.count(len(chosen), 'stored output')} and free {freed}?"]
    for each in chosen:
        thing = words.count(each.items, words.ITEM_WORDS[each.modality]) if each.items else "they"
        used = users(each, runs)
        again = f"{used} goes on working" if each.runs and len(each.runs) == 1 else (
            f"{used} go on working" if each.runs else "nothing is lost"
        )  # fmt: skip
        lines.append(
            f"- {each.encoder}, {each.output}: {again}; {thing} have to be encoded again when a "
            "run needs them."
        )
    return notice("\n".join(lines), "warn")
