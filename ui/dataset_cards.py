"""Pieces of the page made of data sets: the list, and the report of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from backend.schemas import (
    DatasetInfo,
    DatasetReport,
    Finding,
    FindingKind,
    InspectionState,
    Modality,
)
from ui import words
from ui.cards import button, notice
from ui.markup import Html, tag
from ui.run_cards import bar

#: what each kind of finding is called, one and many, and what it means
KIND_WORDS: Final[dict[FindingKind, tuple[str, str, str]]] = {
    "broken row": ("broken row", "broken rows", "cannot be used as it stands; the rest is"),
    "unreadable": ("unreadable item", "unreadable items", "does not open; the rest is used"),
    "duplicate": ("duplicate", "duplicates", "the same content as another item of its split"),
    "crosses splits": (
        "item in two splits", "items in two splits",
        "would be trained on and tested on; stays only in the one that is held out more",
    ),
    "caption crosses splits": (
        "caption in two splits", "captions in two splits",
        "the same words are said of a training item and of a held-out one",
    ),
    "note": ("note", "notes", "good to know"),
}  # fmt: skip
_SPLITS: Final = ("train", "val", "test")
_MOST_BARS: Final = 12


def listing(
    infos: Sequence[DatasetInfo], states: Mapping[str, InspectionState], opened: str
) -> Html:
    """All data sets, one below the other; a click opens one."""
    return tag("div.i-sets", [_entry(info, states.get(info.id), info.id == opened)
                              for info in infos])  # fmt: skip


def _entry(info: DatasetInfo, state: InspectionState | None, opened: bool) -> Html:
    items = sum(split.images for split in info.splits.values())
    thing = words.ITEM_WORDS[info.modality]
    amount = words.count(items, thing) if items else "not read yet"
    return tag(
        "button.i-set",
        tag("span.i-set-top", tag("b", info.name), modality_chip(info.modality)),
        tag("span.i-soft", " · ".join(part for part in (amount, info.layout) if part)),
        _mark(info, state),
        type="button", data_act="open", data_arg=info.id, aria_pressed="true" if opened else "false",
    )  # fmt: skip


def _mark(info: DatasetInfo, state: InspectionState | None) -> Html | None:
    """How much is known of it, at a glance."""
    if state is not None and state.state == "running":
        return tag("span.i-badge.running", tag("i", "◐", aria_hidden="true"), "being checked")
    if state is not None and state.report is not None:
        found = sum(state.report.counts.values())
        if not found:
            return tag("span.i-badge.finished", tag("i", "●", aria_hidden="true"), "checked: fine")
        return tag("span.i-badge.interrupted", tag("i", "▲", aria_hidden="true"),
                   f"checked: {words.count(found, 'finding')}")  # fmt: skip
    return None if info.built_in else tag("span.i-badge", "not checked in full")


def modality_chip(modality: Modality) -> Html:
    """What the items are."""
    return tag("span.i-tag", f"{words.ITEM_WORDS[modality]}s")


def head(info: DatasetInfo) -> Html:
    """Name, what it is and where it is."""
    address = tag(
        "div.i-command", tag("code", info.id),
        tag("button.i-button.quiet", "Copy", type="button", data_copy=info.id),
    )  # fmt: skip
    return tag(
        "div.i-detail-head",
        tag("div.i-detail-name", tag("h2", info.name), modality_chip(info.modality)),
        tag("p.i-soft", info.description),
        tag("p.i-soft", f"Stored as {info.layout}.") if info.layout else None,
        address if not info.built_in else None,
        data_set=info.id,
    )


def actions(info: DatasetInfo, state: InspectionState | None, changeable: bool) -> Html | None:
    """What can be done with it; Stop takes the place of the button that began."""
    if not changeable:
        return None
    if state is not None and state.state == "running":
        check = button("Stop", "stop", info.id, "stop")
    else:
        again = state is not None and state.report is not None
        check = button(
            "Check every item again" if again else "Check every item", "inspect", info.id
        )
    read = info.built_in or bool(info.splits)
    forget = button("Forget…", "forget", info.id, "quiet") if read and not info.built_in else None
    use = button("Use in a new run", "use", info.id, "primary") if read else None
    return tag("div.i-row", use, check, forget)


def progress(state: InspectionState) -> Html:
    """How far looking at every item is."""
    how = state.progress
    title = how.stage if how is not None else "Starting"
    share = words.progress_share(how) if how is not None else None
    line = words.progress_line(how) if how is not None else ""
    return tag(
        "div.i-progress", bar(share, title),
        tag("div.i-progress-line", tag("span", title), tag("span.i-soft", line)),
        data_inspection=state.state,
    )  # fmt: skip


def outcome(info: DatasetInfo, state: InspectionState | None) -> Html:
    """The report where there is one; else what is known without it, and why there is none."""
    if state is not None and state.state == "running":
        return tag("div.i-report", progress(state), splits(info))
    why = None
    if state is not None and state.state == "failed":
        why = notice(state.error or "It could not be checked.", "bad")
    elif state is not None and state.state == "cancelled":
        why = notice("Stopped. What was looked at is not looked at again next time.")
    if state is not None and state.report is not None:
        return tag("div.i-report", why, report(state.report))
    aside = None
    if info.set_aside:
        aside = tag(
            "details", tag("summary", words.count(len(info.set_aside), "part") + " set aside"),
            tag("ul.i-notes", [tag("li", text) for text in info.set_aside]),
        )  # fmt: skip
    notes = [tag("p.i-soft", note) for note in info.notes]
    return tag("div.i-report", why, splits(info), notes, aside)


def splits(info: DatasetInfo) -> Html | None:
    """Items and captions of each split, as small bars."""
    if not info.splits:
        return tag("p.i-soft", "Its counts are known once it was read.")
    most = max(split.images for split in info.splits.values()) or 1
    thing = words.ITEM_WORDS[info.modality]
    order = sorted(info.splits, key=lambda n: _SPLITS.index(n) if n in _SPLITS else len(_SPLITS))
    rows = [
        tag(
            "li", tag("span", words.METRIC_WORDS.get(name, name)),
            _share(info.splits[name].images / most),
            tag("span.i-soft", f"{words.count(info.splits[name].images, thing)}, "
                f"{words.count(info.splits[name].captions, 'caption')}"),
        )
        for name in order
    ]  # fmt: skip
    return tag("section", tag("h4", "Splits"), tag("ul.i-bars", rows))


def _share(share: float) -> Html:
    return tag("span.i-bar", tag("i", style=f"width:{100 * share:.1f}%"), aria_hidden="true")


def report(found: DatasetReport) -> Html:
    """A data set as it was looked at in full."""
    info = found.info
    items = sum(split.images for split in info.splits.values())
    captions = sum(split.captions for split in info.splits.values())
    facts = [
        (words.count(items, words.ITEM_WORDS[info.modality]), "used"),
        (words.count(captions, "caption"), f"{captions / items:.1f} each" if items else ""),
        (words.count(sum(found.counts.values()), "finding"), ""),
        (f"{len(info.set_aside):,}", "set aside"),
    ]
    numbers = [tag("div.i-number", tag("b", number), tag("span.i-soft", said))
               for number, said in facts]  # fmt: skip
    return tag(
        "div.i-report", tag("div.i-numbers", numbers), splits(info),
        _captions_per_item(found.captions_per_item, words.ITEM_WORDS[info.modality]),
        _findings(found),
        tag("p.i-soft", f"Every item was opened; that took {words.duration(found.seconds)}."),
    )  # fmt: skip


def _captions_per_item(counts: Mapping[int, int], thing: str) -> Html | None:
    if not counts:
        return None
    most = max(counts.values())
    shown = sorted(counts)[:_MOST_BARS]
    rows = [
        tag("li", tag("span", words.count(number, "caption")), _share(counts[number] / most),
            tag("span.i-soft", words.count(counts[number], thing)))
        for number in shown
    ]  # fmt: skip
    left = sum(counts[number] for number in sorted(counts)[_MOST_BARS:])
    if left:
        rows.append(tag("li", tag("span", "more"), _share(left / most),
                        tag("span.i-soft", words.count(left, thing))))  # fmt: skip
    return tag("section", tag("h4", f"Captions per {thing}"), tag("ul.i-bars", rows))


def _findings(found: DatasetReport) -> Html:
    link = None
    if found.listing is not None:
        link = tag("a.i-button", "Download all as CSV", href=words.file_url(found.listing),
                   download="findings.csv")  # fmt: skip
    if not sum(found.counts.values()):
        line = tag("p", "Nothing is broken, doubled or unreadable.")
        return tag("section", tag("h4", "Findings"), line, link)
    kinds = [kind for kind in KIND_WORDS if found.counts.get(kind)]
    parts = [
        _kind(kind, found.counts[kind], [each for each in found.findings if each.kind == kind])
        for kind in kinds
    ]
    return tag("section", tag("h4", "Findings"), tag("div.i-findings", parts), link)


def _kind(kind: FindingKind, count: int, first: Sequence[Finding]) -> Html:
    one, many, meaning = KIND_WORDS[kind]
    rows = [
        tag(
            "li", tag("b", each.where), tag("span", each.what),
            tag("span.i-badge.interrupted", "set aside")
            if each.set_aside
            else tag("span.i-badge", "used, a warning"),
        )
        for each in first
    ]  # fmt: skip
    more = tag("li.i-soft", f"and {count - len(first):,} more in the CSV file") if (
        count > len(first)
    ) else None  # fmt: skip
    name = tag("b", words.count(count, one, many))
    return tag(
        "details.i-finding", tag("summary", name, tag("span.i-soft", meaning)),
        tag("ul", rows, more), data_kind=kind,
    )  # fmt: skip
