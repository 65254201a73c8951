"""Error slices on the page: the words and regions whose queries fail more often than the others."""

from __future__ import annotations

from collections.abc import Sequence

from backend.schemas import Item, Modality, ShownSlice, SliceReport, Slices
from ui import faces, words
from ui.cards import button
from ui.markup import Html, tag
from ui.shares import between, figure, figures, share_bar


def slices(found: Slices, modality: Modality) -> Html:
    """The rate of all queries, then the slices by word and attribute, then those by region."""
    report = found.report
    asked = words.thing(report.asked_by, modality)
    answer = words.thing("image" if report.asked_by == "text" else "text", modality)
    failures = f"{report.failures:,} of {words.count(report.queries, asked)}"
    head = figures(
        figure(f"Fail: own {answer} not among the first {report.k}", report.rate, report.interval,
               report.chance, failures)
    )  # fmt: skip
    tables = [
        _family(
            f"Words of the captions and attributes of the {words.ITEM_WORDS[modality]}s",
            f"{report.words_tested:,} tested", len(report.words), found.words, report, modality,
        ),
        _family(
            f"Regions of the space: clusters of the {asked}s",
            f"{report.regions_tested:,} tested, named by the words that set them apart",
            len(report.regions), found.regions, report, modality,
        ),
    ]  # fmt: skip
    return tag("div.i-slices", head, tag("p.i-soft", _method(report, modality)), tables)


def _family(
    title: str,
    tested: str,
    total: int,
    shown: Sequence[ShownSlice],
    report: SliceReport,
    modality: Modality,
) -> Html:
    """Slices that were tested together; ``total`` stand out."""
    told = "none of them fails clearly more often than the others"
    if total:
        told = "1 stands out" if total == 1 else f"{total:,} stand out"
        told += f", the first {len(shown):,} are shown" if len(shown) < total else ""
    more = None
    if len(shown) < total:
        more = tag("div.i-row.i-below", button("Show more", "more", str(2 * len(shown))))
    return tag(
        "section.i-part", tag("h4", title), tag("p.i-soft", f"{tested}; {told}."),
        _table(shown, report, modality) if shown else None, more,
    )  # fmt: skip


def _method(report: SliceReport, modality: Modality) -> str:
    thing = words.ITEM_WORDS[modality]
    told = (
        "Listed is what fails more often than the other queries at a false discovery rate of 5 % "
        "(Fisher's exact test, q after Benjamini and Hochberg), the most extra failures first: those "
        "beyond the others' rate. What stands out is no cause: words go together."
    )
    if report.intraclass > 0:
        told += (
            f" Captions of one {thing} fail together (correlation {report.intraclass:.2f}), which "
            "intervals and q allow for."
        )
    return told


def _table(shown: Sequence[ShownSlice], report: SliceReport, modality: Modality) -> Html:
    asked, thing = words.thing(report.asked_by, modality), words.ITEM_WORDS[modality]
    counted = [f"{asked.capitalize()}s"] + ([f"{thing.capitalize()}s"] if asked != thing else [])
    names = ["", "Fail", "", *counted, "Extra", "q"]
    head = tag("tr", [tag("th", name, scope="col", class_="i-slice-bar" if place == 2 else "")
                      for place, name in enumerate(names)])  # fmt: skip
    rows = [
        row for each in shown for row in _rows(each, report, len(names), asked != thing)
    ]  # fmt: skip
    return tag("table.i-scores.i-shares.i-stacked", tag("thead", head), tag("tbody", rows))


def _rows(
    each: ShownSlice, report: SliceReport, columns: int, of_images: bool
) -> tuple[Html, Html]:
    """One slice, and below it some of its queries that fail."""
    one = each.slice
    apart = ", ".join(one.words) if one.kind != "region" else ""
    overall = f"all: {words.percent(report.rate)}"
    numbers = tag(
        "tr.i-slice",
        tag("th", one.name, tag("small.i-soft", f"with {apart}") if apart else None, scope="row"),
        tag("td", words.percent(one.rate), tag("small.i-soft", between(one.interval))),
        tag("td.i-slice-bar", share_bar(one.rate, report.rate, marked=overall)),
        tag("td", f"{one.queries:,}"),
        tag("td", f"{one.images:,}") if of_images else None,
        tag("td", f"+{one.excess:,.0f}"),
        tag("td", "< 0.001" if one.q < 0.001 else f"{one.q:.3f}"),
    )
    examples = tag(
        "tr.i-slice-shown",
        tag("td", tag("div.i-slice-examples", [_example(item) for item in each.examples]),
            colspan=columns),
    )  # fmt: skip
    return numbers, examples


def _example(item: Item) -> Html:
    said = tag("span", faces.described(item)) if item.side == "text" else None
    face = faces.small(item) if item.side == "text" else faces.picture(item, "small")
    return tag(
        "button.i-slice-example", face, said, type="button", data_act="pick", data_arg=item.id,
        title=f"Search from it: {faces.described(item)}", class_=item.side,
    )  # fmt: skip
