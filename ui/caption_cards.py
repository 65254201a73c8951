"""Captions that likely do not belong to their image: how many, how sure, and what tells it."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from backend.schemas import Item, Modality, SuspectedCaption, Suspicions
from ui import faces, words
from ui.cards import button
from ui.markup import Html, tag

_SUSPECTED: Final = {
    "caption": "Likely the caption",
    "image": "Likely the {}",
    "pair": "The caption or the {}",
}


def suspicions(found: Suspicions, modality: Modality, table: bytes) -> Html:
    """How many there are and by whose judgement, the worst of them, and all of them as a file.

    Args:
        modality: of the run's items.
        table: CSV of the suspected captions.
    """
    report = found.report
    line = tag("p", tag("b", f"{report.suspected:,} of {words.count(report.captions, 'caption')}"),
               f" suspected: {_rule(found, modality)}")  # fmt: skip
    judged = tag("p.i-soft", _judged(found))
    if not report.suspected:
        return tag("div.i-suspicions", line, judged)
    things = f"{words.ITEM_WORDS[modality]}s"
    about = tag(
        "p.i-soft",
        "A suspicion, no proof: captions that are short, or fit many, stand far down, too. Worst first: by "
        f"the pair's score in standard deviations of the caption's scores over all {things}.",
    )
    rows = tag("ol.i-mistakes", [_row(each, modality, found) for each in found.shown])
    left = min(report.suspected, len(report.rows)) - len(found.shown)
    more = button("Show more", "more", str(2 * len(found.shown))) if left > 0 else None
    return tag("div.i-suspicions", line, judged, about, _download(found, table), rows, more)


def _rule(found: Suspicions, modality: Modality) -> str:
    """What makes a caption suspected, and how many a random order would."""
    report = found.report
    share = words.percent(report.threshold, 0)
    things = f"other {words.ITEM_WORDS[modality]}s"
    best = "" if report.runs == 1 else ", even in the run that does best for it"
    chance = (1 - report.threshold) ** report.runs
    return (
        f"more than {share} of the {report.images - 1:,} {things} fit the caption better than its own"
        f"{best}. In random orders {words.percent(chance, 0)} of the captions would be."
    )


def _judged(found: Suspicions) -> str:
    names = words.listed(found.judges)
    if found.alike == 1:
        return (
            f"Judged by {names} alone: no other finished run was tested on the same items. "
            "Each further run makes this surer."
        )
    if len(found.judges) < found.alike:
        of = f"{len(found.judges)} of {found.alike} runs that were tested on the same items"
        return f"Judged by {names}: {of}."
    every = "both" if found.alike == 2 else f"all {found.alike}"
    return f"Judged by {every} runs that were tested on the same items: {names}."


def _row(each: SuspectedCaption, modality: Modality, found: Suspicions) -> Html:
    row, thing = each.found, words.ITEM_WORDS[modality]
    place = f"Rank {row.rank:,.0f} of {found.report.images:,}"
    place += " in the best run" if found.report.runs > 1 else ""
    return tag(
        "li.i-suspect",
        _cell(each.image, faces.picture(each.image)),
        _cell(each.caption, tag("span", faces.described(each.caption))),
        tag(
            "div.i-suspect-why",
            tag("b", _SUSPECTED[row.suspicion].format(thing)),
            tag("span", place),
            tag("span.i-soft", _siblings(each, thing)),
        ),
    )  # fmt: skip


def _siblings(each: SuspectedCaption, thing: str) -> str:
    """What the other captions of the image tell."""
    row = each.found
    if row.siblings_quantile is None:
        return f"Its {thing} has no other caption to tell which of the two is wrong."
    one = row.siblings == 1
    others = "other caption" if one else f"{row.siblings} other captions"
    fits = "does not fit it either" if row.suspicion == "image" else "fits it"
    if not one:
        fits = fits.replace("does", "do").replace("fits", "fit")
    better = f"{words.percent(row.siblings_quantile)} of the other {thing}s fit better"
    return f"Its {thing}'s {others} {fits}: {better}{'' if one else ' (median)'}."


def _cell(item: Item, face: Html) -> Html:
    return tag(
        "button.i-mistake-cell", face, type="button", data_act="pick", data_arg=item.id,
        title=faces.described(item), class_=item.side,
    )  # fmt: skip


def _download(found: Suspicions, table: bytes) -> Html:
    report = found.report
    all_of = len(report.rows) == report.suspected
    said = "All of them:" if all_of else f"The {len(report.rows):,} worst:"
    link = tag(
        "a.i-button", "CSV", download="suspected-captions.csv",
        href=f"data:text/csv;base64,{b64encode(table).decode()}",
    )  # fmt: skip
    return tag("div.i-row.i-below", tag("span.i-soft", said), link)
