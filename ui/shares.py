"""A share beside what it has to be held against: its interval and what chance gives."""

from __future__ import annotations

from ui import words
from ui.markup import Html, tag

Interval = tuple[float, float]


def figure(
    label: str,
    value: float,
    interval: Interval | None = None,
    chance: float | None = None,
    note: str = "",
) -> Html:
    """One large number with what belongs to it.

    Args:
        label: what it is of.
        value: as a fraction.
        interval: 95 %.
        chance: what guessing gives.
        note: a further line.
    """
    lines = []
    if interval is not None:
        lines.append(f"{between(interval)} (95 %)")
    if chance is not None:
        lines.append(f"chance {words.percent(chance)}")
    if note:
        lines.append(note)
    return tag(
        "div.i-figure", tag("span.i-figure-label", label), tag("b", words.percent(value)),
        [tag("small.i-soft", line) for line in lines],
    )  # fmt: skip


def figures(*each: Html | None) -> Html:
    """Some of them in a row."""
    return tag("div.i-figures", [one for one in each if one is not None])


def between(interval: Interval) -> str:
    """``41.2 to 44.0 %``."""
    low, high = interval
    return f"{100 * low:.1f} to {words.percent(high)}"


def share_bar(
    value: float, chance: float | None = None, label: str = "", marked: str = "chance"
) -> Html:
    """A bar as long as a share, with a mark where chance is, or what else ``marked`` says."""
    mark = None if chance is None else tag("em", style=f"left:{100 * chance:.1f}%", title=marked)
    said = label or words.percent(value)
    return tag(
        "span.i-share", tag("i", style=f"width:{100 * min(1, max(0, value)):.1f}%"), mark,
        role="img", aria_label=said, title=said,
    )  # fmt: skip


def against_chance(interval: Interval, chance: float) -> str | None:
    """Where a share is not clearly above chance, in words."""
    low, high = interval
    if low > chance:
        return None
    return "below chance" if high < chance else "may be chance"
