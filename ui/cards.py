"""Pieces of pages made of items: a cycle, items to choose from; what stands where there is nothing."""

from __future__ import annotations

from collections.abc import Sequence

from backend.schemas import Cycle, CycleStep, Item
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
