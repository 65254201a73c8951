"""Swapped words on the page: which swaps a run notices, the least noticed first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.schemas import (
    CounterfactualReport,
    CounterfactualRequest,
    CounterfactualShift,
    EvaluationSummary,
    Modality,
)
from ui import words
from ui.markup import Html, tag
from ui.shares import Interval, against_chance, between, figure, figures, share_bar

_CHANCE: Final = 0.5
#: pairs that a line names
_NAMED: Final = 3


def line(evaluation: EvaluationSummary) -> str:
    """What was asked for, in a line."""
    asked = CounterfactualRequest.model_validate(evaluation.request)
    pairs = [
        " / ".join(side.split(",")[0].strip() for side in each.split("/"))
        for each in asked.pairs.splitlines()
        if each.strip()
    ]
    if not pairs:
        return "The usual words"
    more = f" and {len(pairs) - _NAMED:,} more" if len(pairs) > _NAMED else ""
    return ", ".join(pairs[:_NAMED]) + more


def card(
    evaluation: EvaluationSummary, report: CounterfactualReport, modality: Modality = "image"
) -> Html:
    """All swaps together, then pair by pair.

    Args:
        modality: of the run's items.
    """
    total, thing = report.total, words.ITEM_WORDS[modality]
    counts = (
        f"{words.count(total.count, 'changed caption')} of {words.count(total.images, thing)} of the "
        f"test split; a caption with words of several pairs counts once for each. Intervals are over "
        f"{thing}s."
    )
    return tag(
        "section.i-card", tag("h3", line(evaluation)),
        _figures(report, thing), tag("p.i-soft", counts), _pairs(report, thing),
    )  # fmt: skip


def _figures(report: CounterfactualReport, thing: str) -> Html:
    total = report.total
    noticed = figure(
        "Noticed", total.noticed.value, total.noticed.interval, _CHANCE,
        f"the true caption is nearer to its {thing}",
    )  # fmt: skip
    lost = _number(
        "Cosine lost", _signed(total.change, 4), _range(total.change_interval, 4, "(95 %)"),
        f"with its {thing}, true less changed; 0: the same",
    )  # fmt: skip
    found = _number(
        f"R@1, text → {thing}",
        f"{100 * total.recall_before:.1f} → {words.percent(total.recall_after)}",
        f"{_signed(100 * total.recall_change, 1)} points",
        _range(total.recall_interval, 1, "(95 %)", 100),
        f"{report.gallery:,} searched, chance {words.percent(report.chance_at_1, 2)}",
    )
    return figures(noticed, lost, _moved(report, thing), found)


def _moved(report: CounterfactualReport, thing: str) -> Html:
    """How far captions move, beside how far two captions of one item lie apart."""
    total, how = report.total, "as 1 − cosine"
    if total.moved_relative is None or report.paraphrase is None:
        none = f"no {thing} has two captions to compare with"
        return _number("Moved", f"{total.moved:.3f}", how, none)
    return _number(
        "Moved, next to a paraphrase", words.percent(total.moved_relative, 0),
        f"{total.moved:.3f} {how}; two captions of one {thing} lie {report.paraphrase:.3f} apart",
    )  # fmt: skip


def _number(label: str, value: str, *notes: str | None) -> Html:
    whole = value.replace(" ", "\u00a0")
    return tag(
        "div.i-figure", tag("span.i-figure-label", label), tag("b", whole),
        [tag("small.i-soft", note) for note in notes if note],
    )  # fmt: skip


def _signed(value: float, places: int) -> str:
    """``+0.013``, ``−0.002``; nothing has no sign."""
    shown = f"{value:+.{places}f}"
    return shown.replace("-", "−") if float(shown) else shown[1:]


def _range(interval: Interval | None, places: int, note: str = "", times: float = 1) -> str | None:
    """``+0.01 to +0.03``; None where few items give no interval, or none of them changes."""
    if interval is None or interval[0] == interval[1]:
        return None
    low, high = (_signed(times * end, places) for end in interval)
    return f"{low} to {high} {note}".strip()


# --- pair by pair -------------------------------------------------------------------------------


def _pairs(report: CounterfactualReport, thing: str) -> list[Html]:
    """Those that can be told first; a caption that has both words may still be true when they change
    places, and what few items say is little."""
    order = sorted(report.pairs, key=lambda each: each.noticed.value)
    enough = [each for each in order if each.change_interval is not None]
    apart = [each for each in enough if not each.both]
    both = [each for each in enough if each.both]
    few = [each for each in order if each.change_interval is None]
    first = tag(
        "section.i-part", tag("h4", "Word by word, the least noticed first"),
        tag("p.i-soft", _verdict(apart, thing)), _table(apart, thing) if apart else None,
    )  # fmt: skip
    rest = (
        (f"Captions that have both words: {words.count(len(both), 'pair')}", both,
         "The words change places. “A man and a woman” is still true then, “a man in red beside a "
         "woman in blue” is not: what is not noticed here need not be a fault."),
        (f"Too few {thing}s: {words.count(len(few), 'swap')}", few,
         f"Fewer than ten {thing}s have such a caption, which says little. They count in the "
         "numbers of all."),
    )  # fmt: skip
    more = [
        tag("details.i-part", tag("summary", title), tag("p.i-soft", note), _table(shifts, thing))
        for title, shifts, note in rest
        if shifts
    ]
    return [first, *more]


def _verdict(shifts: Sequence[CounterfactualShift], thing: str) -> str:
    """The words that a search cannot rely on."""
    if not shifts:
        return f"No word is swapped in the captions of ten {thing}s or more."
    deaf = [_called(each) for each in shifts if against_chance(each.noticed.interval, _CHANCE)]
    if not deaf:
        return "Each of them is noticed more often than by chance."
    return (
        f"Not clearly above chance: {words.listed(deaf)}. Of what differs in these words alone, a "
        "search may find one as well as the other."
    )


def _called(shift: CounterfactualShift) -> str:
    return f"{shift.before} {'↔' if shift.both else '→'} {shift.after}"


def _table(shifts: Sequence[CounterfactualShift], thing: str) -> Html:
    names = ("Swap", "Noticed", "Cosine lost", f"R@1, text → {thing}")
    head = tag("tr", [tag("th", name, scope="col") for name in names])
    rows = [_row(each, thing) for each in shifts]
    return tag("table.i-scores.i-shares.i-kinds", tag("thead", head), tag("tbody", rows))


def _row(shift: CounterfactualShift, thing: str) -> Html:
    noticed = shift.noticed
    captions = words.count(shift.count, "caption")
    before, after = f"{100 * shift.recall_before:.0f}", words.percent(shift.recall_after, 0)
    return tag(
        "tr",
        tag("th", _called(shift),
            tag("small.i-soft", f"{captions}, {words.count(shift.images, thing)}"), scope="row"),
        tag("td", tag("b", words.percent(noticed.value)), tag("small", between(noticed.interval)),
            share_bar(noticed.value, _CHANCE),
            tag("small.i-soft", against_chance(noticed.interval, _CHANCE))),
        tag("td", tag("b", _signed(shift.change, 3)),
            tag("small", _range(shift.change_interval, 3))),
        tag("td", tag("b", f"{before} → {after}"),
            tag("small", f"{_signed(100 * shift.recall_change, 1)} points"),
            tag("small.i-soft", _range(shift.recall_interval, 1, "", 100))),
    )  # fmt: skip
