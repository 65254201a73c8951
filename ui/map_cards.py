"""Pieces of the page beside the map: a point with its neighbours, and the points that are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from backend.schemas import Hit, Item, Neighbours
from ui import faces, words
from ui.cards import button
from ui.faces import side_chip
from ui.markup import Html, tag

#: columns of the table of chosen points, before those of the attributes
COLUMNS: Final = ("id", "modality", "caption")


def point(near: Neighbours, points: Mapping[str, int]) -> Html:
    """An item, what lies next to it in the shared space in both modalities, and where its partner is.

    Args:
        points: the gallery's points of the items that are shown; those under the pointer are ringed.
    """
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
        button("Add to query", "plus", item.id),
        button("Start a cycle", "seed", item.id),
        button("Clear", "clear", kind="quiet"),
    )
    return tag(
        "section.i-near", head, actions, _partner(near),
        tag("h4", side_chip("image", item.modality), f"nearest {thing}s"),
        _near_items(near.images, points),
        tag("h4", side_chip("text", item.modality), "nearest captions"),
        tag("ol.i-near-texts", [_near_text(hit, points) for hit in near.texts]),
        data_item=item.id,
    )  # fmt: skip


def _partner(near: Neighbours) -> Html | None:
    """At which rank its true partner is found, in words."""
    if near.partner_rank is None:
        return None
    other = words.thing("text" if near.item.side == "image" else "image", near.item.modality)
    whose = f"its own {other}" if len(near.partners) == 1 else f"the best of its own {other}s"
    where = (
        f"The nearest {other} is {whose}."
        if near.partner_rank == 1
        else f"Among {other}s, {whose} is at rank {near.partner_rank:,}."
    )
    return tag("p.i-near-rank", where, class_="good" if near.partner_rank == 1 else "")


def _near_items(hits: Sequence[Hit], points: Mapping[str, int]) -> Html:
    """Items that have a picture side by side, others one below the other."""
    if any(hit.item.thumbnail is None for hit in hits):
        return tag("ol.i-near-texts", [_near_text(hit, points) for hit in hits])
    return tag("div.i-near-images", [_near_image(hit, points) for hit in hits])


def _near_image(hit: Hit, points: Mapping[str, int]) -> Html:
    mark = tag("span.i-truth", "✓", title="belongs to it") if hit.ground_truth else None
    return tag(
        "button.i-near-image", faces.picture(hit.item), tag("span.i-score", f"{hit.score:.3f}"),
        mark, type="button", data_act="pick", data_arg=hit.item.id,
        data_point=points.get(hit.item.id), title=faces.described(hit.item),
    )  # fmt: skip


def _near_text(hit: Hit, points: Mapping[str, int]) -> Html:
    mark = tag("span.i-truth", "✓ its pair") if hit.ground_truth else None
    inner = tag(
        "button.i-near-text-row", tag("span.i-score", f"{hit.score:.3f}"),
        faces.words_of(hit.item, "row")
        if hit.item.side == "image"
        else tag("span", faces.described(hit.item)), mark,
        type="button", data_act="pick", data_arg=hit.item.id,
        data_point=points.get(hit.item.id),
    )  # fmt: skip
    return tag("li", inner)


def chosen(items: Sequence[Item], points: Sequence[int], total: int, step: int) -> Html:
    """The first of the chosen points, images before captions, and what can be done with all of them.

    Args:
        items: those that are shown.
        points: of these.
        total: how many are chosen.
        step: how many more a click shows.
    """
    pictured = [(item, at) for item, at in zip(items, points, strict=True) if _is_pictured(item)]
    worded = [(item, at) for item, at in zip(items, points, strict=True) if not _is_pictured(item)]
    more = total - len(items)
    return tag(
        "section.i-chosen",
        tag("div.i-row", button("Search within them", "within", kind="primary small"),
            button("Clear", "unchoose", kind="quiet")),
        tag("div.i-near-images", [_chosen(item, at, "i-near-image") for item, at in pictured])
        if pictured else None,
        tag("div.i-near-texts", [_chosen(item, at, "i-near-text-row") for item, at in worded])
        if worded else None,
        button(f"Show {min(more, step):,} more of {total:,}", "more", kind="chip") if more > 0 else None,
    )  # fmt: skip


def _is_pictured(item: Item) -> bool:
    return item.side == "image" and item.thumbnail is not None


def _chosen(item: Item, at: int, kind: str) -> Html:
    if _is_pictured(item):
        face: Html = faces.picture(item)
    elif item.side == "image":
        face = faces.words_of(item, "row")
    else:
        face = tag("span", faces.described(item))
    return tag(
        "button", face, class_=kind, type="button", data_act="pick", data_arg=item.id,
        data_point=at, title=faces.described(item), aria_label=faces.described(item),
    )  # fmt: skip


def tabs(count: int, shows_chosen: bool) -> Html | None:
    """Between the point that was picked and the points that are chosen; nothing while none are."""
    if not count:
        return None
    return tag(
        "div.i-side-tabs",
        button("Point", "tab", "point", aria_pressed=str(not shows_chosen).lower()),
        button(f"{count:,} chosen", "tab", "chosen", aria_pressed=str(shows_chosen).lower()),
        role="group", aria_label="What is shown beside the map",
    )  # fmt: skip


def widths(headers: Sequence[str]) -> list[str]:
    """Of the columns of :func:`rows`, in pixels: captions are wrapped, headers are not."""
    usual = {"id": 220, "modality": 110, "caption": 420}
    return [f"{usual.get(name, max(110, 9 * len(name) + 50))}px" for name in headers]


def rows(items: Sequence[Item]) -> dict[str, Any]:
    """A table of items: headers and rows, an attribute a column."""
    names = sorted({name for item in items for name in item.attributes})
    return {
        "headers": [*COLUMNS, *names],
        "data": [
            [
                item.id,
                words.thing(item.side, item.modality),
                faces.described(item),
                *(item.attributes.get(name, "") for name in names),
            ]
            for item in items
        ],
    }
