"""Two runs beside each other: their answers with what moved, and whose neighbours changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.schemas import (
    Answers,
    ChangedPoints,
    EvaluationSummary,
    Frames,
    Hit,
    Item,
    Modality,
    Side,
)
from ui import cards, faces, words
from ui.faces import side_chip
from ui.markup import Html, tag

#: the marks of the two runs, the same everywhere on the page
MARKS = ("A", "B")


def mark(at: int) -> Html:
    """A or B."""
    return tag("b.i-run-mark", MARKS[at], class_=MARKS[at].lower())


# --- answers ------------------------------------------------------------------------------------


def column(
    at: int, name: str, answers: Answers, other: Mapping[str, int] | None, shown: int, deep: int
) -> Html:
    """One run's answers.

    Args:
        at: 0 for A, 1 for B.
        name: of the run.
        answers: best first, more of them than are shown.
        other: rank of each of the other run's answers by item; None where items differ.
        shown: how many are shown.
        deep: how far down the other run's ranks are known.
    """
    hits = answers.hits[:shown]
    modality = faces.modality_of([hit.item for hit in hits])
    return tag(
        "section.i-beside",
        tag("h3", mark(at), tag("span", name)),
        tag("p.i-result-line", _line(answers, other, len(hits))),
        tag("div", [_answer(hit, other, deep) for hit in hits],
            class_=f"i-beside-hits {answers.side} of-{modality}"),
        data_run=MARKS[at],
    )  # fmt: skip


def _line(answers: Answers, other: Mapping[str, int] | None, shown: int) -> str:
    parts = []
    if other is not None and shown:
        same = sum(other.get(hit.item.id, shown + 1) <= shown for hit in answers.hits[:shown])
        parts.append(f"{same} of {shown} are among the other's first {shown}")
    if answers.truth_rank is not None:
        parts.append(f"its own pair is at rank {answers.truth_rank:,}")
    return " · ".join(parts) or "\N{NO-BREAK SPACE}"


def _answer(hit: Hit, other: Mapping[str, int] | None, deep: int) -> Html:
    item = hit.item
    meta = tag(
        "span.i-hit-meta",
        tag("span.i-rank", str(hit.rank), title="rank"),
        tag("span.i-score", f"{hit.score:.3f}", title="cosine similarity in the shared space"),
        None if other is None else moved(hit.rank, other.get(item.id), deep),
        tag("span.i-truth", "✓", title="belongs together with what was searched for")
        if hit.ground_truth
        else None,
    )
    named = words.thing(item.side, item.modality)
    return tag(
        "button.i-beside-hit", faces.face(item), meta, type="button", data_act="pick",
        data_arg=item.id, data_twin=item.id, title=faces.described(item),
        aria_label=f"Search both from this {named}: {faces.described(item)}",
        class_="truth" if hit.ground_truth else "",
    )  # fmt: skip


def moved(rank: int, other: int | None, deep: int) -> Html:
    """How a rank differs from the other run's: ``▲ 3`` is three places higher here."""
    if other is None:
        return tag("span.i-moved.only", "new", title=f"not among the other's first {deep}")
    if other == rank:
        return tag("span.i-moved.same", "=", title="the same rank in both runs")
    way, sign = ("up", "▲") if rank < other else ("down", "▼")
    return tag(
        "span.i-moved", f"{sign} {abs(rank - other)}", title=f"rank {other:,} in the other run",
        class_=way,
    )  # fmt: skip


def legend(deep: int, alike: bool) -> Html:
    """What the marks of the answers mean; why there are none where the items differ."""
    if not alike:
        return cards.notice(
            "These runs were tested on different items, so ranks cannot be held against each other."
        )
    return tag(
        "p.i-soft.i-beside-legend",
        tag("span.i-moved.up", "▲ 3"), " three places higher than in the other run, ",
        tag("span.i-moved.down", "▼ 3"), " lower, ",
        tag("span.i-moved.only", "new"), f" not among the other's first {deep}. "
        "A click searches both from that item.",
    )  # fmt: skip


# --- neighbours ---------------------------------------------------------------------------------


def changed(found: ChangedPoints, modality: Modality, chosen: str = "") -> Html:
    """How much is kept, and the points of which least is, with both runs' nearest."""
    whose = "the other modality" if found.among == "other" else "each modality"
    drawn = ""
    if found.judged < found.items:
        drawn = f", measured at {found.judged:,} of {found.items:,} points"
    line = tag(
        "p.i-soft",
        tag("b", words.percent(found.kept)),
        f" of a point's {found.neighbours} nearest of {whose} are the same in both runs{drawn}; "
        f"orders by chance would keep {words.percent(found.chance)}.",
    )
    rows = [
        tag("li", _changed(each.item, each.kept, (each.first, each.second), found.neighbours,
                           each.item.id == chosen))
        for each in found.points
    ]  # fmt: skip
    thing = words.thing("image", modality)
    hint = f"The {thing}s and captions whose neighbours changed most. Choose one to see it on both maps."
    return tag("section.i-changed", line, tag("p.i-soft", hint), tag("ol", rows))


def _changed(
    item: Item, kept: float, nearest: tuple[Sequence[Hit], Sequence[Hit]], k: int, chosen: bool
) -> Html:
    sides = [
        tag("span.i-changed-near", mark(at), [_small(hit) for hit in hits[:4]])
        for at, hits in enumerate(nearest)
    ]
    among = k if abs(kept * k - round(kept * k)) < 1e-6 else 2 * k
    return tag(
        "button.i-changed-row",
        tag("span.i-changed-item", _face(item),
            tag("small", f"{round(kept * among)} of {among} kept")),
        tag("span.i-changed-sides", sides),
        type="button", data_act="changed", data_arg=item.id,
        aria_pressed="true" if chosen else "false", aria_label=faces.described(item),
    )  # fmt: skip


def _face(item: Item) -> Html:
    if item.side == "image":
        return faces.picture(item, "small" if item.thumbnail else "row")
    return tag("span.i-changed-words", f"“{faces.described(item)}”")


def _small(hit: Hit) -> Html:
    """One of an item's nearest, small."""
    kind = " truth" if hit.ground_truth else ""
    said = faces.described(hit.item)
    if hit.item.side == "image" and hit.item.thumbnail is not None:
        return tag(
            "span", faces.picture(hit.item, "small"), class_=f"i-near-small{kind}", title=said
        )
    return tag("span", said, class_=f"i-near-small words{kind}", title=said)


def both_near(
    item: Item, nearest: tuple[Sequence[Hit], Sequence[Hit]], names: Sequence[str]
) -> Html:
    """A chosen item with both runs' nearest of the other modality beside each other."""
    other: Side = "text" if item.side == "image" else "image"
    columns = [
        tag("div.i-pair-column", tag("h4", mark(at), tag("span", names[at])),
            tag("ol", [tag("li", _near(hit)) for hit in hits]))
        for at, hits in enumerate(nearest)
    ]  # fmt: skip
    head = tag(
        "div.i-near-head",
        faces.picture(item, "" if item.thumbnail else "beside"),
        tag("div.i-near-text", side_chip(item.side, item.modality),
            [tag("p", text) for text in item.captions[:2]], faces.player(item)),
    )  # fmt: skip
    actions = tag(
        "div.i-row",
        cards.button("Search both from it", "search", item.id),
        cards.button("Clear", "clear", kind="quiet"),
    )
    title = tag("h4", f"nearest {words.thing(other, item.modality)}s")
    return tag("section.i-near.i-pair", head, actions, title, tag("div.i-pair-columns", columns),
               data_item=item.id)  # fmt: skip


def _near(hit: Hit) -> Html:
    """One of the nearest in a row of its own; the same item lights up in the other column."""
    truth = tag("span.i-truth", "✓ its pair") if hit.ground_truth else None
    face = (
        faces.picture(hit.item, "small")
        if hit.item.side == "image" and hit.item.thumbnail
        else None
    )
    return tag(
        "button.i-near-text-row", tag("span.i-score", f"{hit.score:.3f}"), face,
        tag("span", faces.described(hit.item)), truth, type="button",
        data_act="changed", data_arg=hit.item.id, data_twin=hit.item.id,
    )  # fmt: skip


# --- both maps ----------------------------------------------------------------------------------


def waiting(jobs: Sequence[EvaluationSummary]) -> Html:
    """How far the final layouts are, while they are not there."""
    failed = next((job.error for job in jobs if job.error), None)
    if failed:
        return cards.notice(f"Both runs are drawn by PCA: {failed}", "bad")
    live = [job for job in jobs if job.live]
    if not live:
        return cards.notice(
            "Both runs are drawn by PCA, as no UMAP of B that follows A's places has been made here."
        )
    told = [words.progress_line(job.progress) for job in live if job.progress]
    return cards.notice(
        "Both runs are drawn by PCA while B is laid out from A's places by UMAP, which takes their "
        f"place by itself. {' · '.join(filter(None, told))}"
    )


def drawn(frames: Frames, things: Sequence[str]) -> Html:
    """What is drawn on both maps, in a sentence."""
    points = f"{len(frames.points):,} points"
    if len(frames.points) < frames.total:
        points = f"{len(frames.points):,} of {frames.total:,} points"
    return tag(
        "p.i-soft",
        f"{points}: circles are {things[0]}, diamonds captions. {frames.words.rstrip('.')}. Zoom, ring "
        "and selection are shared.",
    )


def hint() -> Html:
    """What stands where both runs' nearest are going to."""
    return cards.empty(
        "Choose a point.",
        "What either run finds nearest to it appears here, with lines to it on both maps. What is pointed at "
        "on one map has a ring on the other.",
    )
