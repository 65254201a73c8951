"""Pieces of the page made of items: search results, neighbours, the steps of a cycle."""

from __future__ import annotations

from collections.abc import Sequence

from backend.schemas import Cycle, CycleStep, Hit, Item, Neighbours, SearchResult, Side
from ui import faces, words
from ui.faces import side_chip
from ui.markup import Html, tag


def empty(title: str, text: str, *more: Html) -> Html:
    """What stands where there is nothing yet; ``text`` says what to do next."""
    return tag("div.i-empty", tag("h3", title), tag("p", text), *more)


def notice(text: str, tone: str = "soft") -> Html:
    """A sentence set apart; ``tone`` is soft, warn or bad."""
    lines = text.split("\n")
    items = [tag("li", line.removeprefix("- ")) for line in lines[1:]]
    role = "alert" if tone == "bad" else "note"
    return tag(
        f"div.i-notice.{tone}", tag("p", lines[0]), tag("ul", items) if items else None, role=role
    )


def button(text: str, act: str, arg: str = "", kind: str = "", **attributes: str) -> Html:
    """A button of a panel; a click raises the event ``act``."""
    return tag(
        "button", text, class_=f"i-button {kind}", type="button", data_act=act, data_arg=arg,
        **attributes,
    )  # fmt: skip


def hit_card(hit: Hit) -> Html:
    """One answer of a search. A click searches from it."""
    meta = tag(
        "span.i-hit-meta",
        tag("span.i-rank", f"{hit.rank}", title="rank"),
        tag("span.i-score", f"{hit.score:.3f}", title="cosine similarity in the shared space"),
        tag("span.i-truth", "✓ its pair", title="belongs together with what was searched for")
        if hit.ground_truth
        else None,
    )
    return _card(hit.item, meta, hit.ground_truth, hit.rank)


def _card(
    item: Item, meta: Html | None = None, truth: bool = False, rank: int | None = None
) -> Html:
    """An item with what is said of it; its player stands beside what is clicked."""
    named = words.thing(item.side, item.modality)
    face = tag(
        "button.i-hit-face", faces.face(item), meta, type="button", data_act="pick",
        data_arg=item.id, aria_label=f"Search from this {named}: {faces.described(item)}",
    )  # fmt: skip
    more = None
    if len(item.captions) > 1:
        rest = [tag("li", text) for text in item.captions[1:]]
        more = tag("details", tag("summary", words.count(len(rest), "more caption")),
                   tag("ul", rest))  # fmt: skip
    caption = tag("p", item.captions[0]) if item.captions else None
    body = tag("div.i-hit-body", caption, more) if item.side == "image" else None
    return tag(
        "article.i-hit", face, faces.player(item), body,
        class_=f"{item.side} of-{item.modality}{' truth' if truth else ''}",
        data_rank=rank, data_id=item.id,
    )  # fmt: skip


def gallery(result: SearchResult, target: Side) -> Html:
    """All answers of a search, best first, with what was searched and how long it took."""
    modality = faces.modality_of([hit.item for hit in result.hits])
    parts = [
        f"{words.count(result.gallery, words.thing(target, modality))} searched",
        words.search_time(result.seconds),
    ]
    if result.truth_rank is not None:
        parts.append(f"its own pair is at rank {result.truth_rank:,}")
    line = tag("p.i-result-line", " · ".join(parts), role="status")
    return tag(
        "section", line,
        tag("div", [hit_card(hit) for hit in result.hits],
            class_=f"i-gallery {target} of-{modality}"),
    )  # fmt: skip


def sample(items: Sequence[Item], side: Side) -> Html:
    """Some of the gallery, before anything was searched."""
    modality = faces.modality_of(items)
    line = tag(
        "p.i-result-line",
        f"Some of the held-out {words.thing(side, modality)}s. Choose one to search from it.",
    )
    cards = [_card(item) for item in items]
    return tag("section", line, tag("div", cards, class_=f"i-gallery {side} of-{modality}"))


def query_chip(label: str, item: Item | None = None, thumbnail: str | None = None) -> Html:
    """What was searched for."""
    face = faces.small(item) if item else None
    if thumbnail:
        face = tag("img.i-picture.small", src=thumbnail, alt="the picture searched with")
    return tag(
        "div.i-query", tag("span.i-query-word", "Results for"), face, tag("strong", label),
        side_chip(item.side, item.modality) if item else None,
        faces.player(item) if item and item.side == "image" else None,
        button("Clear", "clear", kind="quiet"),
    )  # fmt: skip


def neighbours(near: Neighbours) -> Html:
    """An item and what lies next to it in the shared space, in both modalities."""
    item = near.item
    thing = words.thing("image", item.modality)
    lines = [tag("p", text) for text in item.captions]
    facts = [
        tag("span.i-fact", tag("b", name), f" {value}") for name, value in item.attributes.items()
    ]
    head = tag(
        "div.i-near-head",
        faces.picture(item, "" if item.thumbnail else "beside"),
        tag("div.i-near-text", side_chip(item.side, item.modality), lines,
            faces.player(item), tag("div.i-facts", facts)),
    )  # fmt: skip
    actions = tag(
        "div.i-row",
        button("Search from it", "search", item.id),
        button("Start a cycle from it", "seed", item.id),
        button("Clear", "clear", kind="quiet"),
    )
    return tag(
        "section.i-near", head, actions,
        tag("h4", side_chip("image", item.modality), f"nearest {thing}s"),
        _near_items(near.images),
        tag("h4", side_chip("text", item.modality), "nearest captions"),
        tag("ol.i-near-texts", [_near_text(hit) for hit in near.texts]),
        data_item=item.id,
    )  # fmt: skip


def _near_items(hits: Sequence[Hit]) -> Html:
    """Items that have a picture side by side, others one below the other."""
    if any(hit.item.thumbnail is None for hit in hits):
        return tag("ol.i-near-texts", [_near_text(hit) for hit in hits])
    return tag("div.i-near-images", [_near_image(hit) for hit in hits])


def _near_image(hit: Hit) -> Html:
    mark = tag("span.i-truth", "✓") if hit.ground_truth else None
    return tag(
        "button.i-near-image", faces.picture(hit.item), tag("span.i-score", f"{hit.score:.3f}"),
        mark, type="button", data_act="pick", data_arg=hit.item.id, title=faces.described(hit.item),
    )  # fmt: skip


def _near_text(hit: Hit) -> Html:
    mark = tag("span.i-truth", "✓ its pair") if hit.ground_truth else None
    inner = tag(
        "button.i-near-text-row", tag("span.i-score", f"{hit.score:.3f}"),
        faces.words_of(hit.item, "row")
        if hit.item.side == "image"
        else tag("span", faces.described(hit.item)), mark,
        type="button", data_act="pick", data_arg=hit.item.id,
    )  # fmt: skip
    return tag("li", inner)


def film_strip(cycle: Cycle) -> Html:
    """The generations of a cycle one after the other; where it closes is marked and told."""
    if cycle.closes_at is None:
        steps = words.count(len(cycle.steps) - 1, "generation")
        verdict = f"No item came back within {steps}."
    else:
        length = words.count(cycle.period or 0, "generation")
        verdict = (
            f"Closes at generation {cycle.closes_at}: from here on a loop of {length} repeats."
        )
    frames = [_frame(step, cycle) for step in cycle.steps]
    return tag(
        "section.i-cycle", tag("h3", cycle.run_name), tag("p.i-soft", verdict),
        tag("ol.i-strip", frames, tabindex="0", aria_label=f"generations of {cycle.run_name}"),
        data_cycle=cycle.id,
    )  # fmt: skip


def _frame(step: CycleStep, cycle: Cycle) -> Html:
    item = step.item
    name = "start" if step.generation == 0 else str(step.generation)
    closes = step.generation == cycle.closes_at
    looped = cycle.closes_at is not None and step.generation > cycle.closes_at
    face = (
        faces.picture(item)
        if item.side == "image"
        else tag("p.i-frame-text", faces.described(item))
    )
    share = max(0.0, min(1.0, step.similarity_to_start))
    return tag(
        "li.i-frame",
        tag("span.i-frame-top", tag("b", name), side_chip(item.side, item.modality)),
        face,
        faces.player(item) if item.side == "image" else None,
        tag("span.i-meter", tag("i", style=f"width:{100 * share:.0f}%"), aria_hidden="true"),
        tag("span.i-score", f"{step.similarity_to_start:.3f}", title="cosine to the start"),
        tag("span.i-closes", "↺ closes here") if closes else None,
        class_=f"{item.side}{' looped' if looped else ''}{' closes' if closes else ''}",
    )


def choices(items: Sequence[Item], chosen: str | None) -> Html:
    """Items to choose one from, e.g. the seed of a cycle."""
    cards = [
        tag(
            "button.i-choice",
            faces.picture(item) if item.side == "image" else None,
            # a spectrogram alone tells little
            tag("span", faces.described(item))
            if item.side == "text" or item.modality == "audio"
            else None,
            type="button", data_act="pick", data_arg=item.id,
            aria_pressed="true" if item.id == chosen else "false",
            aria_label=faces.described(item), title=faces.described(item),
        )
        for item in items
    ]  # fmt: skip
    return tag("div.i-choices", cards)
