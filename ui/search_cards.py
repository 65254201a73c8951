"""Pieces of Explore: what is asked as chips, and the answers as cards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from backend.schemas import (
    Answers,
    Hit,
    IndexNote,
    Item,
    Modality,
    QueryPart,
    ReadOut,
    SearchResult,
    Side,
)
from ui import faces, words
from ui.cards import button, empty
from ui.faces import side_chip
from ui.markup import Html, tag

#: what an index is called
_INDEX_WORDS = {"flat": "flat", "hnsw": "HNSW", "ivf-pq": "IVF-PQ", "milvus": "Milvus"}

#: why two modalities are not ranked together
APART = (
    "Each is ranked for itself: what is of one modality lies closer together, so scores of the two "
    "cannot be compared."
)


# --- answers -------------------------------------------------------------------------------------


def hit_card(hit: Hit, first: bool = False) -> Html:
    """One answer of a search. A click searches from it, two small buttons take it into the query.

    Args:
        first: whether the keyboard comes to it first; arrows lead on from there.
    """
    meta = tag(
        "span.i-hit-meta",
        tag("span.i-rank", f"{hit.rank}", title="rank"),
        tag("span.i-score", f"{hit.score:.3f}", title="cosine similarity in the shared space"),
        tag("span.i-truth", "✓ its pair", title="belongs together with what was searched for")
        if hit.ground_truth
        else None,
    )
    return _card(hit.item, meta, hit.ground_truth, hit.rank, first)


def _card(
    item: Item,
    meta: Html | None = None,
    truth: bool = False,
    rank: int | None = None,
    first: bool = False,
) -> Html:
    """An item with what is said of it; its player stands beside what is clicked."""
    named, said = words.thing(item.side, item.modality), faces.described(item)
    place = "" if rank is None else f" at rank {rank}{', its pair' if truth else ''}"
    face = tag(
        "button.i-hit-face", faces.face(item), meta, type="button", data_act="pick",
        data_arg=item.id, aria_label=f"Search from this {named}{place}: {said}",
        tabindex="0" if first else "-1",
    )  # fmt: skip
    mixing = tag("div.i-hit-mix", _mix("plus", "+", item, named), _mix("minus", "−", item, named))
    more = None
    if len(item.captions) > 1:
        rest = [tag("li", text) for text in item.captions[1:]]
        more = tag("details", tag("summary", words.count(len(rest), "more caption")),
                   tag("ul", rest))  # fmt: skip
    caption = tag("p", item.captions[0]) if item.captions else None
    body = tag("div.i-hit-body", caption, more) if item.side == "image" else None
    return tag(
        "article.i-hit", face, mixing, faces.player(item), body,
        class_=f"{item.side} of-{item.modality}{' truth' if truth else ''}",
        data_rank=rank, data_id=item.id,
    )  # fmt: skip


def _mix(act: str, sign: str, item: Item, named: str) -> Html:
    does = "Add it to" if act == "plus" else "Subtract it from"
    return tag(
        "button", sign, type="button", data_act=act, data_arg=item.id, tabindex="-1",
        title=f"{does} the query ({sign})",
        aria_label=f"{does} the query, this {named}: {faces.described(item)}",
    )  # fmt: skip


def answered(result: SearchResult, deeper: Sequence[int]) -> Html:
    """All answers of a search: a list a modality, each best first.

    Args:
        deeper: how many answers could be asked for next.
    """
    both = len(result.answers) > 1
    lists = [
        _answers(part, result.seconds, first=at == 0, named=both)
        for at, part in enumerate(result.answers)
    ]
    return tag(
        "section.i-answered",
        tag("p.i-result-why", APART) if both else None,
        tag("div", lists, class_="i-both" if both else None),
        _more(deeper),
    )


def _answers(answers: Answers, seconds: float, first: bool, named: bool) -> Html:
    modality = faces.modality_of([hit.item for hit in answers.hits])
    thing = words.thing(answers.side, modality)
    line = tag(
        "div.i-result-top",
        tag("h3", side_chip(answers.side, modality)) if named else None,
        tag("p.i-result-line", " · ".join(_facts(answers, thing, seconds)), role="status"),
        button("Show on map", "map", kind="quiet") if first and answers.hits else None,
    )  # fmt: skip
    if not answers.hits:
        return tag("section", line, nothing(answers, thing))
    return tag(
        "section", line,
        tag("div", [hit_card(hit, first and hit.rank == 1) for hit in answers.hits],
            class_=f"i-gallery {answers.side} of-{modality}"),
    )  # fmt: skip


def _facts(answers: Answers, thing: str, seconds: float) -> list[str]:
    parts = [
        f"{_of(answers.searched, answers.gallery, thing)} searched",
        index_words(answers.index),
    ]
    parts.append(words.search_time(seconds))
    if answers.truth_rank is not None:
        parts.append(f"its own pair is at rank {answers.truth_rank:,}")
    if answers.duplicates:
        parts.append(f"{words.count(answers.duplicates, 'near-duplicate')} hidden")
    return parts


def _of(some: int, all_: int, thing: str) -> str:
    """``5,000 images``, or ``312 of 5,000 images``."""
    whole = words.count(all_, thing)
    return whole if some == all_ else f"{some:,} of {whole}"


def index_words(note: IndexNote) -> str:
    """``exact``, or what searched and how much of the exact answer it finds."""
    if note.exact:
        return "exact"
    name = _INDEX_WORDS[note.kind]
    if note.recall_at_10 is None:
        return f"{name}, approximate"
    return (
        f"{name}, finds {words.percent(note.recall_at_10)} of the exact ten nearest "
        f"({words.count(note.queries, 'query', 'queries')})"
    )


def nothing(answers: Answers, thing: str) -> Html:
    """Where no answer is left."""
    if answers.searched == 0 and answers.gallery:
        return empty("Nothing found", f"The filters leave no {thing}. Remove one of them above.")
    return empty("Nothing found", f"There is no {thing} to be found in this run's gallery.")


def _more(deeper: Sequence[int]) -> Html | None:
    if not deeper:
        return None
    chips = [button(str(k), "deeper", str(k), "small", aria_label=f"Show {k}") for k in deeper]
    return tag("div.i-row.centre", tag("span.i-soft", "Show"), chips, id="i-more")


def sample(items: Sequence[Item], side: Side, first: bool = True) -> Html:
    """Some of the gallery, before anything was searched."""
    modality = faces.modality_of(items)
    line = tag(
        "p.i-result-line",
        f"Some of the held-out {words.thing(side, modality)}s. Choose one to search from it.",
    )
    cards = [_card(item, first=first and at == 0) for at, item in enumerate(items)]
    return tag("section", line, tag("div", cards, class_=f"i-gallery {side} of-{modality}"))


def said(read: ReadOut, name: str) -> Html:
    """A point of the space in words, by the run's decoder.

    Args:
        name: of what was searched for; by now it may be something else.
    """
    others = [tag("li", other) for other in read.others]
    how = (
        "The point was put among the captions first, since images lie elsewhere. "
        if read.projected
        else ""
    )
    return tag(
        "section.i-readout",
        tag("p", tag("span.i-soft", f"At {name}: "),
            tag("strong", f"“{read.words}”" if read.words else "nothing is said")),
        tag("details", tag("summary", words.count(len(others), "other wording")), tag("ul", others))
        if others else None,
        tag("p.i-about", f"{how}Said by a decoder that learned from this run's training captions alone."),
        role="status",
    )  # fmt: skip


# --- what is asked -------------------------------------------------------------------------------


def examples(texts: Sequence[str]) -> Html:
    """Words to begin with."""
    chips = [button(text, "example", text, "chip") for text in texts]
    return tag("div.i-row", tag("span.i-soft", "Try"), chips, id="i-examples")


def part_chip(
    at: int, part: QueryPart, label: str, face: Html | None, steps: int | None, croppable: bool
) -> Html:
    """One part of the query, to be weighed, turned round, cropped and removed.

    Args:
        at: its place in the query.
        label: it in words.
        face: its picture.
        steps: where its weight's slider stands; None where there is nothing to weigh it against.
        croppable: whether a region of it can be chosen.
    """
    towards = part.weight > 0
    turn = "Search away from it" if towards else "Search for it"
    return tag(
        "span.i-piece",
        button("+" if towards else "−", "turn", str(at), "i-piece-sign",
               title=turn, aria_label=f"{turn}: {label}"),
        face,
        tag("strong", label, title=label),
        tag("small", "a region") if part.crop else None,
        _weight(at, label, steps) if steps is not None else None,
        button("Crop", "crop-open", str(at), "quiet", title="Search by a region of it",
               aria_label=f"Crop: {label}") if croppable else None,
        button("×", "remove", str(at), "i-piece-remove", aria_label=f"Remove: {label}",
               title="Remove"),
        class_="plus" if towards else "minus",
    )  # fmt: skip


def small_picture(source: str, alt: str, crop: tuple[float, float, float, float] | None) -> Html:
    """A picture in a chip; of a region, only that, in browsers that know how."""
    style = None
    if crop:
        left, top, right, bottom = crop
        inset = (top, 1 - right, 1 - bottom, left)
        style = f"object-view-box:inset({' '.join(f'{100 * edge:.2f}%' for edge in inset)})"
    return tag("img.i-picture.small", src=source, alt=alt, style=style)


def _weight(at: int, label: str, steps: int) -> Html:
    return tag(
        "label.i-piece-weight",
        tag("input", type="range", min="-8", max="8", step="1", value=str(steps), data_weigh=str(at),
            aria_label=f"How much it counts: {label}", title="How much it counts"),
        tag("output", weight_words(steps)),
    )  # fmt: skip


def weight_words(steps: int) -> str:
    """A weight beside its slider, as ``assets/results.js`` writes it, too: ``× 1.41``."""
    return f"× {2 ** (steps / 4):.2f}"


def query(chips: Sequence[Html], alone: bool) -> Html:
    """What is searched for.

    Args:
        alone: whether the words of the bar can be searched for without the rest.
    """
    return tag(
        "div.i-query", tag("span.i-query-word", "Results for"), chips,
        button("The words alone", "alone", kind="quiet",
               title="Search for the words in the bar without the rest") if alone else None,
        button("Clear", "clear", kind="quiet"),
        id="i-chip", role="group", aria_label="What is searched for",
    )  # fmt: skip


def filters(
    where: Mapping[str, Collection[str]], within: int, left: str, waiting: bool
) -> Html | None:
    """What the answers are kept to, each to be taken away.

    Args:
        where: attribute -> allowed values.
        within: points of the selection that is searched; 0: there is none.
        left: how many items that leaves, in words.
        waiting: nothing is asked yet.
    """
    chips = [
        _filter(f"{name} is {_either(sorted(values))}", "unfilter", name)
        for name, values in where.items()
    ]
    if within:
        points = words.count(within, "point")
        chips.append(_filter(f"Within the map's selection · {points}", "everywhere"))
    if not chips:
        return None
    told = "They apply to what you search for." if waiting else left
    return tag(
        "div.i-filters", tag("span.i-query-word", "Only"), chips, tag("span.i-soft", told),
        role="group", aria_label="Filters",
    )  # fmt: skip


def _either(values: Sequence[str]) -> str:
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} or {values[-1]}"


def _filter(text: str, act: str, arg: str = "") -> Html:
    close = tag(
        "button", "×", type="button", data_act=act, data_arg=arg, aria_label=f"Remove: {text}",
        title="Remove",
    )  # fmt: skip
    return tag("span.i-chip", tag("span", text), close)


def left_words(result: SearchResult, modality: Modality) -> str:
    """``312 of 5,000 images are left``."""
    some = [
        _of(part.searched, part.gallery, words.thing(part.side, modality))
        for part in result.answers
    ]
    return f"{words.listed(some)} left"


def offer(points: int) -> Html:
    """The map's selection, to be searched within."""
    text = f"Search within the map's selection · {words.count(points, 'point')}"
    return button(text, "within", kind="chip i-offer")


def crop(at: int, part: QueryPart, source: str, label: str) -> Html:
    """A picture with a rectangle to be dragged; ``assets/crop.js`` moves it.

    Args:
        at: the part's place in the query.
        source: where the browser gets the picture.
        label: it in words.
    """
    left, top, right, bottom = part.crop or (0.0, 0.0, 1.0, 1.0)
    look = (
        f"left:{100 * left:.2f}%;top:{100 * top:.2f}%;"
        f"width:{100 * (right - left):.2f}%;height:{100 * (bottom - top):.2f}%"
    )
    handles = [tag("i", data_corner=corner) for corner in ("nw", "ne", "sw", "se")]
    how = "Drag a rectangle. With the keyboard: arrows move it, Shift and arrows change its size."
    frame = tag(
        "div.i-crop-frame",
        tag("img", src=source, alt=label, draggable="false"),
        tag("div.i-crop-box", handles, style=look, tabindex="0", role="group",
            aria_label="Region to search by", aria_describedby="i-crop-how"),
    )  # fmt: skip
    return tag(
        "div.i-crop", frame,
        tag("div.i-crop-side", tag("p.i-soft", how, id="i-crop-how"),
            tag("div.i-row", button("Whole picture", "crop", f"{at}:0,0,1,1"),
                button("Done", "crop-close", kind="primary"))),
        data_crop=str(at),
    )  # fmt: skip
