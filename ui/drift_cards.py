"""Pieces of the page Drift: film strips of chains in step, seeds to choose from, those that were picked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.schemas import Cycle, Item, Modality
from backend.schemas.games import GameChain, GameStep
from ui import faces, words
from ui.cards import button, choice, notice
from ui.differing import marked
from ui.markup import Html, tag

#: seeds whose pictures are shown of those that were picked
_SHOWN: Final = 24


@dataclass(frozen=True)
class Lane:
    """A chain beside others from the same seed.

    Attributes:
        name: of the run, or of the operators where these differ.
        colour: of its line in curves and on the map.
        chain: as far as it has come.
        id: of what it belongs to.
    """

    name: str
    colour: str
    chain: GameChain
    id: str = ""


def chain_of(cycle: Cycle) -> GameChain:
    """A retrieval cycle as the chain that it is."""
    steps = tuple(
        GameStep(
            generation=step.generation, side=step.item.side, item=step.item,
            similarity_to_start=step.similarity_to_start,
            similarity_to_previous=step.similarity_to_previous,
        )
        for step in cycle.steps
    )  # fmt: skip
    return GameChain(seed=cycle.seed, steps=steps, closes_at=cycle.closes_at, period=cycle.period)


def text_of(step: GameStep) -> str:
    """What a text says; of a picture nothing."""
    if step.side != "text":
        return ""
    return faces.described(step.item) if step.item else step.text


def strips(lanes: Sequence[Lane], group: str, key: str, faults: Sequence[Html] = ()) -> Html:
    """Film strips of chains from one seed, one below the other, each generation under the same one.

    Args:
        group: what moves together: strips, curves and the map.
        key: of these chains; other ones begin at their start.
        faults: what stands where a chain could not be made.
    """
    last = max((len(lane.chain.steps) for lane in lanes), default=1) - 1
    return tag(
        "div.i-cycles",
        _steps(group, key, last) if last else None,
        [_strip(lane) for lane in lanes],
        faults,
    )


def _steps(group: str, key: str, last: int) -> Html:
    return tag(
        "div.i-steps",
        tag("button.i-button", "▶", type="button", data_play=True, aria_label="Go through the generations"),
        tag("input", type="range", min="0", max=str(last), step="1", value="0", aria_label="Generation"),
        tag("output", "start"),
        data_group=group, data_key=key,
    )  # fmt: skip


def failed(name: str, sentence: str) -> Html:
    """A run that has no such chain, and why."""
    return tag("section.i-cycle", tag("h3", name), notice(sentence, "bad"))


def _strip(lane: Lane) -> Html:
    chain = lane.chain
    return tag(
        "section.i-cycle",
        tag("h3", swatch(lane.colour), tag("span", lane.name)),
        tag("p.i-soft", verdict(chain)),
        tag("ol.i-strip", list(_frames(chain)), tabindex="0", aria_label=f"generations of {lane.name}"),
        data_cycle=lane.id,
    )  # fmt: skip


def swatch(colour: str) -> Html:
    """A line in its colour, before a name."""
    value = colour if colour.startswith("#") else f"var(--i-{colour})"
    return tag("i.i-line-mark", style=f"background:{value}", aria_hidden="true")


def verdict(chain: GameChain) -> str:
    """What became of a chain, in a sentence."""
    if chain.closes_at is not None:
        length = words.count(chain.period or 0, "generation")
        return f"Closes at generation {chain.closes_at}: from here on a loop of {length} repeats."
    made = len(chain.steps) - 1
    if made < 1:
        return "Has not begun yet."
    last = chain.steps[-1].similarity_to_start
    told = "" if last is None else f" It ends {last:.3f} similar to its start."
    if any(step.item is None for step in chain.steps):
        return f"{words.count(made, 'generation')}.{told}"
    return f"No item came back within {words.count(made, 'generation')}.{told}"


def _frames(chain: GameChain) -> Iterator[Html]:
    """The generations; words in which a text differs from the text before are marked."""
    said: str | None = None
    for step in chain.steps:
        yield _frame(step, chain, said)
        said = text_of(step) if step.side == "text" else said


def _frame(step: GameStep, chain: GameChain, before: str | None) -> Html:
    modality: Modality = step.item.modality if step.item else "image"
    looped = chain.closes_at is not None and step.generation > chain.closes_at
    closes = step.generation == chain.closes_at
    similar = step.similarity_to_start
    made_by = ": ".join(part for part in (step.operator, step.prompt) if part)
    return tag(
        "li.i-frame",
        tag("span.i-frame-top", tag("b", str(step.generation) if step.generation else "start"),
            faces.side_chip(step.side, modality), title=made_by or None),
        _face(step, before),
        faces.player(step.item) if step.item and step.side == "image" else None,
        _similar(similar) if similar is not None else None,
        tag("span.i-closes", "↺ closes here") if closes else None,
        class_=f"{step.side}{' looped' if looped else ''}{' closes' if closes else ''}",
        data_generation=step.generation,
    )  # fmt: skip


def _face(step: GameStep, before: str | None) -> Html:
    if step.side == "text":
        said = text_of(step)
        same = before is None or before == said
        return tag("p.i-frame-text", said if same else marked(said, before or ""))
    if step.item is not None:
        return faces.picture(step.item)
    if not step.picture:
        return tag("span.i-said", "its picture is gone")
    return tag(
        "img.i-picture", src=words.file_url(Path(step.picture)), loading="lazy", decoding="async",
        alt=f"what was made at generation {step.generation}",
    )  # fmt: skip


def _similar(value: float) -> list[Html]:
    share = max(0.0, min(1.0, value))
    return [
        tag("span.i-meter", tag("i", style=f"width:{100 * share:.0f}%"), aria_hidden="true"),
        tag("span.i-score", f"{value:.3f}", title="cosine to the start"),
    ]


# --- seeds --------------------------------------------------------------------------------------


def seeds(items: Sequence[Item], chosen: str | None, kept: Collection[str]) -> Html | str:
    """Items that a chain may start from: a click starts one, the mark in the corner keeps the seed.

    Args:
        chosen: id of the one whose chains are shown.
        kept: ids of those that were picked for a game.
    """
    if not items:
        return ""
    cells = []
    for item in items:
        has = item.id in kept
        hint = "Picked for a game; click to let go" if has else "Pick it for a game, too"
        cells.append(
            tag(
                "div.i-seed",
                choice(item, chosen),
                tag("button.i-seed-keep", "✓" if has else "+", type="button", data_act="keep",
                    data_arg=item.id, aria_pressed="true" if has else "false", title=hint,
                    aria_label=f"{hint}: {faces.described(item)}"),
            )
        )  # fmt: skip
    return tag("div.i-choices.i-seeds", cells)


def picked(items: Sequence[Item], total: int, playable: bool) -> Html | str:
    """The seeds that were picked, small, and what can be done with them.

    Args:
        items: the first of them.
        total: of all.
        playable: whether games may be played here.
    """
    if not total:
        return ""
    small = [_picked_one(item) for item in items[:_SHOWN]]
    more = total - len(small)
    return tag(
        "div.i-picked",
        tag("b", f"{words.count(total, 'seed')} picked"),
        tag("span.i-picked-all", small, tag("span.i-soft", f"and {more:,} more") if more else None),
        button("Play a game with them", "play", kind="primary small") if playable else None,
        button("Let go of all", "drop", kind="quiet small"),
    )


def _picked_one(item: Item) -> Html:
    said = faces.described(item)
    face = faces.small(item) if item.side == "image" else None
    return tag(
        "button.i-picked-one", face or tag("span", said), type="button", data_act="keep",
        data_arg=item.id, title=f"Let go of: {said}", aria_label=f"Let go of: {said}",
    )  # fmt: skip
