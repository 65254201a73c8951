"""Duels: two answers without names, who gave which once it is judged, and how every run did in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.schemas import Duel, DuelScore
from ui import faces, words
from ui.markup import Html, tag

#: from so few counted duels no interval is told
_FEWEST = 5
#: verdict -> what the button says, its key as it is shown
VERDICTS = {
    "left": ("Left is better", "←"),
    "tie": ("Equally good", "↑"),
    "neither": ("Both are bad", "↓"),
    "right": ("Right is better", "→"),
}


def duel(found: Duel, names: Mapping[str, str], scores: Sequence[DuelScore] = ()) -> Html:
    """Two answers to one query; who gave which is told once it was judged.

    Args:
        names: of the runs, by id.
        scores: after the verdict.
    """
    sides = [_side(found, at, names) for at in (0, 1)]
    return tag(
        "section.i-duel",
        tag("p.i-duel-query", tag("span.i-query-word", "Which answers this better?"),
            tag("strong", found.query)),
        tag("div.i-duel-sides", sides),
        _buttons() if found.verdict is None else _told(found, names, scores),
        data_duel=found.id, data_judged="1" if found.verdict else None,
    )  # fmt: skip


def _side(found: Duel, at: int, names: Mapping[str, str]) -> Html:
    hits = (found.left, found.right)[at]
    won = found.verdict == ("left", "right")[at]
    title = ("Left", "Right")[at]
    if found.runs is not None:
        title = names.get(found.runs[at], found.runs[at])
    return tag(
        "div.i-duel-side",
        tag("h3", title, tag("span.i-tag", "preferred") if won else None),
        tag("div", [tag("div.i-duel-hit", faces.face(hit.item), title=faces.described(hit.item))
                    for hit in hits],
            class_=f"i-beside-hits {hits[0].item.side if hits else 'image'}"),
        class_="won" if won else "",
    )  # fmt: skip


def _buttons() -> Html:
    made = [
        tag(
            "button.i-button", tag("kbd", key), f" {said}", type="button", data_act="judge",
            data_arg=verdict, aria_keyshortcuts=_KEYS[verdict],
        )
        for verdict, (said, key) in VERDICTS.items()
    ]  # fmt: skip
    return tag("div.i-duel-verdicts", made, role="group", aria_label="Verdict")


_KEYS = {"left": "ArrowLeft", "tie": "ArrowUp", "neither": "ArrowDown", "right": "ArrowRight"}


def _told(found: Duel, names: Mapping[str, str], scores: Sequence[DuelScore]) -> Html:
    """What was said, of whom, and the way on."""
    runs = found.runs or ("", "")
    left, right = (names.get(run, run) for run in runs)
    said = {
        "left": f"You preferred {left} to {right}.",
        "right": f"You preferred {right} to {left}.",
        "tie": f"A tie between {left} and {right}.",
        "neither": f"Neither {left} nor {right} did well; ratings stay as they are.",
    }[found.verdict or "tie"]
    of = {score.run: score for score in scores}
    ratings = [f"{names.get(run, run)} {of[run].rating:.0f}" for run in runs if run in of]
    return tag(
        "div.i-duel-told", tag("p", tag("b", said), " ", " · ".join(ratings)),
        tag("button.i-button.primary", tag("kbd", "N"), " Next query", type="button",
            data_act="next", aria_keyshortcuts="n"),
        role="status",
    )  # fmt: skip


def scores(found: Sequence[DuelScore], shown: Sequence[str] = ()) -> Html:
    """How every run did in all duels.

    Args:
        shown: runs that are marked: those that are chosen on the page.
    """
    if not found:
        return tag("p.i-soft", "No duel was judged yet.")
    head = ("Run", "Rating", "95 %", "Won", "Lost", "Tied", "Both bad", "Last")
    rows = [
        tag(
            "tr", tag("th", score.run_name, scope="row"), tag("td", tag("b", f"{score.rating:.0f}")),
            tag("td", _interval(score)),
            [tag("td", f"{each:,}") for each in (score.won, score.lost, score.tied, score.neither)],
            tag("td", words.moment(score.last)), class_="chosen" if score.run in shown else "",
        )
        for score in found
    ]  # fmt: skip
    table = tag(
        "table.i-duel-scores", tag("thead", tag("tr", [tag("th", name, scope="col") for name in head])),
        tag("tbody", rows),
    )  # fmt: skip
    about = (
        "Bradley and Terry's strengths on Elo's scale: 400 points are odds of ten to one, 1500 is the mean "
        "of all runs here. A tie is half a win for both; where both were bad, nothing is counted."
    )
    return tag(
        "section", tag("h3", "All duels"), tag("div.i-table-frame", table), tag("p.i-soft", about)
    )


def of_run(found: Sequence[DuelScore], run: str) -> Html | None:
    """How one run did, in a line of its details; nothing where it was in no duel."""
    score = next((each for each in found if each.run == run), None)
    if score is None:
        return None
    counts = (
        f"won {score.won:,}, lost {score.lost:,}, tied {score.tied:,}, both bad {score.neither:,}"
    )
    return tag(
        "p.i-soft.i-below", "Blind duels: rating ", tag("b", f"{score.rating:.0f}"),
        f" (95 % {_interval(score)}); {counts}.",
    )  # fmt: skip


def _interval(score: DuelScore) -> str:
    if score.won + score.lost + score.tied < _FEWEST:
        return "too few"
    low, high = score.interval
    return f"{low:.0f} to {high:.0f}"
