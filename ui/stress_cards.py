"""Pieces of the page Drift made of stress: how small a change sends a chain elsewhere, in two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from backend.schemas import (
    PairedDifference,
    StressComparison,
    StressCurve,
    StressReport,
    StressRequest,
    WordStress,
)
from ui import words
from ui.differing import marked
from ui.drift_cards import swatch
from ui.markup import Html, join, tag

_SPACES: Final = {"embedding": "embedding", "pixels": "pixels"}
_SIDES: Final = {"image": "images", "text": "captions"}
_ATTACKS: Final = {
    "random": "random noise",
    "pgd": "gradient descent",
    "exact": "exact: no smaller change there is",
}
_UNITS: Final = {
    "embedding": "epsilon: length of the change; a vector has length 1",
    "pixels": "epsilon: largest change of a value, in steps of 1/255",
}
_SWAPS: Final = {"synonym": "Synonyms", "meaning": "Another meaning"}
_EXAMPLES: Final = 6
_TICKS: Final = 7

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Stressed:
    """A stress test beside others: its id, name, colour, and what it came to."""

    id: str
    name: str
    colour: str
    report: StressReport


def line(request: StressRequest, name: str) -> str:
    """What was asked for, in a line."""
    seeds = words.count(len(request.seeds) or 2 * request.pairs, "seed")
    parts = [name, seeds, words.count(request.directions, "direction")]
    if request.pixel_seeds:
        parts.append(f"pixels of {words.count(request.pixel_seeds, 'image')}")
    return " · ".join(parts)


def keys(shown: Sequence[Stressed]) -> list[Key]:
    """What curves there are, each by its space, side and attack."""
    every = [_key(curve) for test in shown for curve in test.report.curves]
    order = (list(_SPACES), list(_SIDES), list(_ATTACKS))
    return sorted(
        dict.fromkeys(every),
        key=lambda key: tuple(names.index(name) for names, name in zip(order, key, strict=True)),
    )


def _key(curve: StressCurve) -> Key:
    return curve.space, curve.side, curve.attack


def title(key: Key) -> str:
    """A curve in words."""
    space, side, attack = key
    return f"{_SIDES[side].capitalize()}, {_SPACES[space]}: {_ATTACKS[attack]}"


def curves(shown: Sequence[Stressed]) -> dict[str, Any]:
    """Share of seeds that are captured elsewhere, by epsilon: a line a run, with its interval."""
    plots = []
    for key in keys(shown):
        lines = []
        for test in shown:
            for curve in test.report.curves:
                if _key(curve) == key:
                    lines.append(_line(test, curve))
        places = sorted({x for each in lines for x in each["x"]})
        plots.append(
            {
                "key": "/".join([*(test.id for test in shown), *key]), "title": title(key),
                "series": lines, "percent": True, "empty": "Nothing was changed.", "x": "epsilon",
                "pick": True, "log": True, "ticks": ticks(places), "note": _UNITS[key[0]],
            }
        )  # fmt: skip
    return {"plots": [plot for plot in plots if plot["ticks"]]}


def _line(test: Stressed, curve: StressCurve) -> dict[str, Any]:
    points = [point for point in curve.points if point.epsilon > 0]  # 0 has no place on a log axis
    found: dict[str, Any] = {
        "name": test.name, "colour": test.colour, "dash": "",
        "x": [point.epsilon for point in points], "y": [point.share for point in points],
    }  # fmt: skip
    if points and all(point.interval for point in points):
        found["low"] = [point.interval[0] for point in points if point.interval]
        found["high"] = [point.interval[1] for point in points if point.interval]
    return found


def ticks(places: Sequence[float]) -> list[list[float | str]]:
    """Some of the epsilons, as they are named on the axis: first and last, and a few between."""
    stride = -(-len(places) // _TICKS) or 1
    return [
        [place, f"{place:.3g}" if at % stride == 0 or at == len(places) - 1 else ""]
        for at, place in enumerate(places)
    ]


def table(shown: Sequence[Stressed], compared: StressComparison | None) -> Html:
    """Of each attack the epsilon by which half are sent elsewhere, and how two runs differ."""
    rows = []
    differences: dict[Key, PairedDifference] = {
        (each.space, each.side, each.attack): each.mean_share
        for each in (compared.curves if compared else ())
    }
    for key in keys(shown):
        cells = [_half(test, key) for test in shown]
        if compared:
            cells.append(_difference(differences.get(key)))
        rows.append(tag("tr", tag("th", title(key), scope="row"), cells))
    head = [tag("th", swatch(test.colour), tag("span", test.name), scope="col") for test in shown]
    if compared:
        head.append(tag("th", "Second − first", scope="col"))
    made = tag(
        "table.i-compare.i-drift-scores",
        tag("thead", tag("tr", tag("th", ""), head)),
        tag("tbody", rows),
    )
    note = (
        "Epsilon by which half of the seeds are captured by another attractor, and the mean share over all "
        "epsilons: lower shares are more robust. Intervals: 95 %, bootstrap over images with their seeds."
    )
    notes = [*(compared.notes if compared else ())]
    notes += [f"{test.name}: {each}" for test in shown for each in test.report.notes]
    return tag(
        "section.i-card",
        tag("h3", "How small a change sends a chain elsewhere"),
        tag("div.i-table-frame", made, tabindex="0", role="region", aria_label="Stress"),
        tag("ul.i-notes", [tag("li", each) for each in (note, *notes)]),
    )


def _half(test: Stressed, key: Key) -> Html:
    curve = next((each for each in test.report.curves if _key(each) == key), None)
    if curve is None:
        return tag("td", "–")
    half = "never half" if curve.median is None else f"{curve.median:.3g}"
    low_high = curve.mean_share.interval
    told = f"{words.percent(curve.mean_share.value)} in the mean"
    if low_high:
        told += f", {100 * low_high[0]:.1f} to {100 * low_high[1]:.1f}"
    return tag("td", tag("b", half), tag("small.i-soft", told))


def _difference(found: PairedDifference | None) -> Html:
    if found is None:
        return tag("td", "–")
    low, high = (100 * bound for bound in found.interval)
    p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}"
    return tag(
        "td", tag("b", f"{100 * found.difference:+.1f}"),
        tag("small.i-soft", f"points of share, {low:+.1f} to {high:+.1f}, {p}"),
        class_="best" if high < 0 else "",
    )  # fmt: skip


def swapped(shown: Sequence[Stressed]) -> Html | str:
    """What one word for another does, with examples."""
    parts = [_words(test, each) for test in shown for each in test.report.words if each.captions]
    return tag("section.i-card", tag("h3", "One word for another"), parts) if parts else ""


def _words(test: Stressed, found: WordStress) -> Html:
    share = found.elsewhere
    told = f"{words.count(found.swaps, 'swap')} in {words.count(found.captions, 'caption')}"
    if share is not None:
        within = share.interval
        told += f": {words.percent(share.value)} of a caption's swaps send it elsewhere"
        told += f" (95 % {100 * within[0]:.1f} to {100 * within[1]:.1f})" if within else ""
    examples = [
        tag(
            "li",
            marked(each.changed, each.caption),
            tag("small.i-soft", f" moved {each.moved:.3f}"),
        )
        for each in found.smallest[:_EXAMPLES]
    ]
    return tag(
        "div.i-swapped",
        tag(
            "p",
            swatch(test.colour),
            tag("b", f"{test.name}, {_SWAPS[found.kind].lower()}. "),
            f"{told}.",
        ),
        join([tag("p.i-soft", "The smallest that do:"), tag("ul", examples)]) if examples else None,
    )
