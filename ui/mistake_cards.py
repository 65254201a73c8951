"""A run's worst answers: what was asked, what came first, what should have."""

from __future__ import annotations

from collections.abc import Sequence

from backend.schemas import Item, Mistake
from ui import faces, words
from ui.markup import Html, tag


def mistakes(found: Sequence[Mistake]) -> Html:
    """One row a query, the worst first. A click on anything searches from it."""
    if not found:
        return tag("p.i-soft", "Every query of the test split finds its own pair first.")
    modality = found[0].query.modality
    asked = words.thing(found[0].query.side, modality)
    answer = words.thing(found[0].found.side, modality)
    line = tag(
        "p.i-soft",
        f"The {asked}s of the test split whose own {answer} stands furthest down, each "
        f"{words.ITEM_WORDS[modality]} once. Some are mistakes of the run, some of the data.",
    )
    return tag("div", line, tag("ol.i-mistakes", [_row(each, asked) for each in found]))


def _row(wrong: Mistake, asked: str) -> Html:
    first = f"found first · {wrong.found_score:.3f}"
    should = f"its own, at rank {wrong.rank:,} · {wrong.truth_score:.3f}"
    return tag(
        "li.i-mistake", _cell(asked, wrong.query), _cell(first, wrong.found),
        _cell(should, wrong.truth),
    )  # fmt: skip


def _cell(label: str, item: Item) -> Html:
    picture = faces.picture(item) if item.side == "image" else None
    said = tag("span", faces.described(item)) if item.side == "text" else None
    return tag(
        "button.i-mistake-cell", tag("small.i-soft", label), picture, said, type="button",
        data_act="pick", data_arg=item.id, title=faces.described(item),
        class_=item.side,
    )  # fmt: skip
