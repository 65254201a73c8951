"""Pieces of the page Drift made of attractors: the board of them, and where one chain ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backend.schemas import Item
from backend.schemas.drift_scores import Attraction, Attractor
from ui import faces, words
from ui.cards import empty
from ui.markup import Html, tag


def summary(found: Attraction) -> Html:
    """What all chains of nearest items come to, in sentences."""
    ends = [
        f"{words.count(count, 'attractor')} of {words.count(period, 'item')}"
        for period, count in sorted(found.periods.items())
    ]
    lines = [
        f"All chains of nearest items end in {words.listed(ends)}, after {found.mean_steps:.1f} steps in the "
        f"mean, {found.most_steps} at most. Half of them end in only {found.half_of_seeds:,}."
    ]
    if found.correlation is not None:
        within = found.correlation_interval
        told = f" (95 % {within[0]:.2f} to {within[1]:.2f})" if within else ""
        lines.append(
            f"Basins are larger where items are found often: rank correlation {found.correlation:.2f}{told}."
        )
    return tag("div.i-map-told", [tag("p", line) for line in lines])


def board(
    attractors: Sequence[Attractor],
    items: Mapping[str, Item],
    neighbours: int,
    chosen: str,
    colours: Mapping[str, str],
) -> Html:
    """Attractors by the share of chains that end in them; a click shows the basin.

    Args:
        items: of the attractors, by id.
        neighbours: k of the occurrence.
        chosen: first item of the one whose basin is shown.
        colours: of the basins on the map, by first item.
    """
    if not attractors:
        return empty("No attractor.", "This gallery has a side without any item.")
    rows = [
        _row(rank, each, items, each.items[0] == chosen, colours.get(each.items[0], ""))
        for rank, each in enumerate(attractors, start=1)
    ]
    head = tag(
        "tr", tag("th", "#"), tag("th", "Attractor"), tag("th.number", "Basin"), tag("th.number", "Share"),
        tag("th.number", f"In {neighbours} nearest", title="how often its items are among them"),
    )  # fmt: skip
    table = tag("table.i-attractors", tag("thead", head), tag("tbody", rows))
    return tag("div.i-table-frame", table, tabindex="0", role="region", aria_label="Attractors")


def _row(rank: int, found: Attractor, items: Mapping[str, Item], chosen: bool, colour: str) -> Html:
    low, high = found.interval
    known = [items[each] for each in found.items if each in items]
    mark = (
        tag("i.i-basin-mark", style=f"background:{colour}", aria_hidden="true") if colour else None
    )
    return tag(
        "tr",
        tag("td", mark, str(rank)),
        tag("td", tag("button.i-attractor", [_face(item) for item in known], type="button", data_act="basin",
                      data_arg=found.items[0], aria_pressed="true" if chosen else "false")),
        tag("td.number", f"{found.basin:,}"),
        tag("td.number", words.percent(found.share),
            tag("small.i-soft", f"{100 * low:.1f} to {100 * high:.1f}")),
        tag("td.number", f"{found.occurrence:,}"),
        class_="chosen" if chosen else "",
    )  # fmt: skip


def _face(item: Item) -> Html:
    if item.side == "image" and item.thumbnail is not None:
        return faces.picture(item, "small")
    return tag("span", faces.described(item))
