"""The modality gap on the page: what closing it changes, and every share's numbers for the slider."""

from __future__ import annotations

from typing import Any, Final

from backend.schemas import GapPoint, GapReport, GapScore, Modality
from ui import words
from ui.markup import Html, tag
from ui.shares import between

#: what is asked for: there is nothing to choose
LINE: Final = "The validation split's offset, taken from the test split"
#: p above it is no more than chance would do
_LEVEL: Final = 0.05
_ABOUT: Final = (
    "The offset runs from the mean caption to the mean {thing} and is measured on the validation split: "
    "measured on the test split that is searched here, it would have seen the answers. Half of a share "
    "is taken from the {thing}s, half given to the captions, and all are brought to length one again. "
    "Among both: a caption searches all {thing}s and the captions of the others at once; how many of the "
    "first places {thing}s take is held against an order that is blind to what is which."
)


def card(report: GapReport, modality: Modality = "image") -> Html:
    """What closing the gap all the way changes, measure by measure, and whether chance would do it."""
    first, last = report.points[0], report.points[-1]
    rows = [
        tag("li", tag("b", name), f": {_verdict(first.scores[key], last.scores[key])}")
        for key, name in _measures(report, modality).items()
    ]
    return tag(
        "section.i-card",
        tag("h3", "What closing the gap changes"),
        tag("p", _left(first, last)),
        tag("ul.i-notes.i-found", rows),
    )


def slider(key: str, report: GapReport, modality: Modality = "image") -> dict[str, Any]:
    """All that the browser needs to answer at once, for every share.

    Args:
        key: of what is shown.
        report: the numbers.
        modality: of the items.
    """
    thing = words.ITEM_WORDS[modality]
    measures = _measures(report, modality)
    first = report.points[0]
    return {
        "key": key,
        "label": "Share of the offset that is taken away",
        "shares": [point.share for point in report.points],
        "said": [words.percent(point.share, 0) for point in report.points],
        "spoken": [_spoken(point, measures) for point in report.points],
        "figures": [
            [_gap(point, first), *(_figure(report, point, each, name) for each, name in measures.items())]
            for point in report.points
        ],
        "plots": _plots(report, measures),
        "note": f"{_ABOUT.format(thing=thing)} {_counts(report, thing)}",
    }  # fmt: skip


def _measures(report: GapReport, modality: Modality) -> dict[str, str]:
    """The scores that are shown, by what they are called."""
    thing = words.ITEM_WORDS[modality]
    return {
        **{
            f"{way}/recall_at_1": f"R@1 {words.direction(way, modality)}"
            for way in ("text_to_image", "image_to_text")
        },
        "mixed/recall_at_1": "R@1 among both",
        "mixed/image_share": f"{thing.capitalize()}s in first {report.places}",
    }


def _left(first: GapPoint, last: GapPoint) -> str:
    """What is left of the gap, and why so much where it is much."""
    said = (
        f"The gap of {first.gap:.3f} becomes one of {last.gap:.3f} with {words.percent(last.share, 0)} of "
        "the offset taken away."
    )
    if last.gap > 0.5 * first.gap:
        said += (
            " It hardly closes: the offset that was measured on the validation split is not the test "
            "split's. So it is where a gap is hardly wider than two splits differ by chance."
        )
    return said


def _verdict(before: GapScore, after: GapScore) -> str:
    """From where to where, by how much, and whether that is more than chance."""
    gained = after.gained
    moved = f"{words.percent(before.value)} to {words.percent(after.value)}"
    if gained.difference == 0 and gained.interval == (0.0, 0.0):
        return f"{words.percent(after.value)} as before, for every query."
    end = "no change beyond chance."
    if gained.p < _LEVEL:
        end = f"a {'rise' if gained.difference > 0 else 'fall'} beyond chance."
    return f"{moved}, {_points(after)}; {end}"


def _points(score: GapScore) -> str:
    """``+0.3 points (−0.1 to +0.7, p = 0.012)``."""
    low, high = score.gained.interval
    return (
        f"{_signed(score.gained.difference)} points ({_signed(low)} to {_signed(high)}, "
        f"p {_p(score.gained.p)})"
    )


def _gap(point: GapPoint, first: GapPoint) -> dict[str, Any]:
    return {
        "label": "Gap that is left",
        "value": f"{point.gap:.3f}",
        "lines": [f"of {first.gap:.3f} at the start", f"cosine of a pair {point.pair_cosine:.3f}"],
    }


def _figure(report: GapReport, point: GapPoint, key: str, name: str) -> dict[str, Any]:
    """One score at one share; as many lines at every share, so that nothing jumps."""
    score = point.scores[key]
    low, high = score.gained.interval
    blind = "blind order" if key == "mixed/image_share" else "chance"
    chance = report.chance[key]
    change = ["the space as it is", "\N{NO-BREAK SPACE}"]
    if point.share:
        change = [f"{_signed(score.gained.difference)} points, p {_p(score.gained.p)}",
                  f"{_signed(low)} to {_signed(high)} (95 %)"]  # fmt: skip
    return {
        "label": name,
        "value": words.percent(score.value),
        "lines": [
            f"{between(score.interval)} (95 %)",
            f"{blind} {words.percent(chance, 1 if chance >= 0.00095 else 2)}",
            *change,
        ],
    }


def _spoken(point: GapPoint, measures: dict[str, str]) -> str:
    """The slider's value for those who hear it."""
    told = [f"{name} {words.percent(point.scores[key].value)}" for key, name in measures.items()]
    return f"{words.percent(point.share, 0)} taken away: gap {point.gap:.3f}, {', '.join(told)}"


def _plots(report: GapReport, measures: dict[str, str]) -> list[dict[str, Any]]:
    """Recalls in one chart, the gap, which is a length, in another."""
    colours = {
        "text_to_image/recall_at_1": ("image", ""),
        "image_to_text/recall_at_1": ("caption", ""),
        "mixed/recall_at_1": ("accent", "dash"),
    }
    recalls = [
        {
            "name": measures[key],
            "colour": colour,
            "dash": dash,
            "y": [point.scores[key].value for point in report.points],
            "low": [point.scores[key].interval[0] for point in report.points],
            "high": [point.scores[key].interval[1] for point in report.points],
        }
        for key, (colour, dash) in colours.items()
    ]
    left = {"name": "gap", "colour": "text", "dash": "", "y": [p.gap for p in report.points]}
    return [
        {"title": "R@1, with 95 % interval", "percent": True, "lines": recalls},
        {"title": "Gap that is left", "percent": False, "lines": [left]},
    ]


def _counts(report: GapReport, thing: str) -> str:
    drawn = (
        "all of them" if report.mixed_queries == report.captions else f"{report.mixed_queries:,}"
    )
    tests = (len(report.points) - 1) * len(_measures(report, "image"))
    images = words.count(report.images, thing)
    if report.split_images and report.split_images > report.images:
        images = f"{report.images:,} of {words.count(report.split_images, thing)}"
    return (
        f"Test split: {images} and {words.count(report.captions, 'caption')}, "
        f"of which {drawn} searched among both. Intervals and p are of paired bootstrap draws of {thing}s "
        f"with their captions, each of one share and one measure by itself: of {tests} such differences "
        "some have p below 0.05 by chance. The heads are those of the run's first seed."
    )  # fmt: skip


def _signed(share: float) -> str:
    """In points."""
    shown = f"{100 * share:+.1f}".replace("-", "−")
    return "0.0" if shown[1:] == "0.0" else shown


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
