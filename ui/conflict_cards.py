"""Modality conflict on the page: which side wins over the test split, and for one pair tried at once."""

from __future__ import annotations

from backend.schemas import (
    ConflictReport,
    Modality,
    Proportion,
    Quartiles,
    WeighedAnswer,
    WeighedPair,
)
from ui import faces, words
from ui.markup import Html, tag
from ui.shares import between, figure, figures


def conflicts(report: ConflictReport, modality: Modality) -> Html:
    """Who wins at equal weights, then at which weights the answer changes."""
    thing = words.ITEM_WORDS[modality]
    about = tag(
        "p.i-soft",
        f"{words.count(report.pairs, thing)} of the test split, each asked together with a caption of "
        f"another one: (1 − w) × {thing} + w × text finds the nearest of all {report.images:,} {thing}s. "
        f"w is the weight of the text. The {thing} is among those searched and equals itself, so it has a "
        "head start.",
    )
    chance = 1 / report.images
    head = figures(
        _figure(f"The {thing} itself comes first, w = 0.5", report.image_at_half, chance),
        _figure(f"The caption's {thing} comes first, w = 0.5", report.text_at_half, chance),
        _figure(f"Other {thing}s come first on the way", report.between)
        if report.between
        else None,
    )
    return tag(
        "section.i-conflicts",
        about,
        head,
        tag("p", _verdict(report, thing)),
        _weights(report, thing),
    )


def _figure(label: str, share: Proportion, chance: float | None = None) -> Html:
    return figure(
        label, share.value, share.interval, chance, f"of {words.count(share.count, 'pair')}"
    )


def _verdict(report: ConflictReport, thing: str) -> str:
    """Who wins at equal weights, where the intervals tell it."""
    image, text = report.image_at_half, report.text_at_half
    if image.interval[0] > text.interval[1]:
        return f"At equal weights the {thing} wins more often than the text."
    if text.interval[0] > image.interval[1]:
        return f"At equal weights the text wins more often than the {thing}."
    return "At equal weights neither side clearly wins more often."


def _weights(report: ConflictReport, thing: str) -> Html:
    """Both distributions of balance points, in figures, as strips, and in words."""
    rows = [
        _distribution(f"The {thing} itself is first up to", report.leaves_image, "image"),
        _distribution(f"The caption's {thing} is first from", report.reaches_text, "text"),
    ]
    names = ("Weight of the text", "0 to 1", "Median", "Middle half", "Pairs")
    head = tag("tr", [tag("th", name, scope="col") for name in names])
    left_out = (
        f"The {thing} itself is first even for the text alone in {_share(report.stays)} of the pairs: "
        f"these are not in the first row. The caption's {thing} is first at some weight in "
        f"{_share(report.reached)}: only these are in the second; in the others even the text alone does "
        "not find it first."
    )
    return tag(
        "section.i-part", tag("h4", "Where the answer changes"),
        tag("table.i-scores.i-shares.i-stacked", tag("thead", head), tag("tbody", rows)),
        tag("p.i-soft", left_out),
    )  # fmt: skip


def _share(share: Proportion) -> str:
    return f"{words.percent(share.value)} ({between(share.interval)})"


def _distribution(label: str, found: Quartiles | None, side: str) -> Html:
    name = tag("th", label, scope="row")
    if found is None:
        return tag("tr", name, tag("td.i-soft", "in no pair", colspan=4))
    low, high = found.interval
    said = f"quartiles {found.lower:.2f} to {found.upper:.2f}, median {found.median:.2f}"
    strip = tag(
        "span.i-range",
        tag("i", style=f"left:{100 * found.lower:.1f}%;right:{100 - 100 * found.upper:.1f}%"),
        tag("em", style=f"left:{100 * found.median:.1f}%"),
        role="img", aria_label=said, title=said, class_=side,
    )  # fmt: skip
    return tag(
        "tr", name, tag("td", strip),
        tag("td", f"{found.median:.2f}", tag("small.i-soft", f"{low:.2f} to {high:.2f} (95 %)")),
        tag("td", f"{found.lower:.2f} to {found.upper:.2f}"), tag("td", f"{found.count:,}"),
    )  # fmt: skip


# --- one pair -------------------------------------------------------------------------------------


def heading(thing: str) -> Html:
    """What can be tried."""
    return tag(
        "section.i-part", tag("h4", "Try a pair"),
        tag("p.i-soft", f"Choose an {thing}" if thing[0] in "aeiou" else f"Choose a {thing}",
            " and type a text that says something else; the slider goes from one to the other."),
    )  # fmt: skip


def weighed(pair: WeighedPair) -> Html:
    """All answers from the item alone to the text alone, with a slider over the weights.

    The script weights.js marks the answer at the slider's weight; without it all of them stand here.
    """
    thing = words.ITEM_WORDS[pair.item.modality]
    slider = tag(
        "label.i-weight",
        tag("span.i-soft", thing),
        tag(
            "span.i-weight-track",
            tag("span.i-weight-parts", [_part(each) for each in pair.answers], aria_hidden="true"),
            tag("input", type="range", min="0", max="1", step="0.005", value="0.5",
                data_weight=True, aria_label="Weight of the text"),
        ),
        tag("span.i-soft", "text"),
    )  # fmt: skip
    told = tag("p.i-weight-told", "Answer at w = ", tag("b", "0.50", data_weight_told=True))
    strip = tag(
        "ol.i-strip", [_frame(number, each) for number, each in enumerate(pair.answers, start=1)],
        tabindex="0", aria_label="answers by weight of the text",
    )  # fmt: skip
    return tag(
        "section.i-cycle.i-weighed",
        tag("p", _balance(pair, thing), role="status"),
        slider, told, strip,
        tag("p.i-soft", f"Of {words.count(pair.gallery, thing)}; the weights are exact. A click on an "
                        "answer searches from it."),
    )  # fmt: skip


def _balance(pair: WeighedPair, thing: str) -> str:
    """The balance point in words."""
    if pair.leaves_image_at is None or pair.reaches_text_at is None:
        return f"At every weight the answer is the same: {thing} and text agree on it."
    between_them = len(pair.answers) - 2
    if between_them == 0:
        return (
            f"The balance point is w = {pair.leaves_image_at:.2f}: below it the {thing} decides, above "
            "it the text."
        )
    others = words.count(between_them, f"other {thing}")
    return (
        f"Up to w = {pair.leaves_image_at:.2f} the {thing} decides, from w = {pair.reaches_text_at:.2f} on "
        f"the text; on the way {others} {'comes' if between_them == 1 else 'come'} first."
    )


def _part(each: WeighedAnswer) -> Html:
    middle = 50 * (each.start + each.end)
    return tag(
        "i", style=f"flex-grow:{each.end - each.start:.6f};--at:{middle:.1f}%",
        data_from=f"{each.start:.6f}", data_to=f"{each.end:.6f}",
    )  # fmt: skip


def _frame(number: int, each: WeighedAnswer) -> Html:
    item = each.item
    face = tag(
        "button.i-weighed-face", faces.picture(item),
        tag("span", faces.described(item)) if item.captions else None,
        type="button", data_act="pick", data_arg=item.id,
        title=f"Search from it: {faces.described(item)}",
    )  # fmt: skip
    return tag(
        "li.i-frame", tag("span.i-frame-top", tag("b", number), _between(each)), face,
        faces.player(item), data_from=f"{each.start:.6f}", data_to=f"{each.end:.6f}",
        class_="now" if each.start <= 0.5 < each.end else "",
    )  # fmt: skip


def _between(each: WeighedAnswer) -> Html:
    """Two places, and more where the answer is one for so little that they would be alike."""
    places = 2 if each.end - each.start >= 0.01 else 4
    return tag("span.i-score", f"{each.start:.{places}f} – {each.end:.{places}f}")
