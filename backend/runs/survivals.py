"""Which attributes of the built-in world a game's chains keep: its scenes are known, so this is exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from backend.catalog.address import parse
from backend.drift.chains import ChainTable, Content
from backend.drift.journal import Journal
from backend.drift.names import Protocol
from backend.reporting import Report, silent
from backend.scenes.graph import Scene
from backend.scenes.world import WORLDS, picture_of
from backend.schemas.drift_scores import AttributeSurvival

if TYPE_CHECKING:
    from backend.drift.scores.scenes import Told
    from backend.exploration.gallery import Gallery


def attributes(
    table: ChainTable,
    gallery: Gallery,
    dataset: str,
    journal: Journal,
    seed: int = 0,
    report: Report = silent,
) -> tuple[AttributeSurvival, ...]:
    """How long each attribute is kept, of text-first and of image-first chains by themselves.

    Of a seed's repeats the first counts: chains of one seed depend on each other. Pictures that a
    generator made are missing, as what they show is not known.

    Args:
        table: all chains.
        gallery: that items are of.
        dataset: the run's data set; of another than the built-in ones nothing is known.
        journal: tells the scenes of pictures that were rendered.
        seed: of the bootstrap.
        report: told generations done; may raise ``Cancelled``.
    """
    from backend.drift.scores.scenes import attribute_table
    from backend.drift.scores.survival import survival

    world = parse(dataset).base
    if world not in WORLDS:
        return ()
    told = dict(_told(table, gallery, world, journal))
    found: list[AttributeSurvival] = []
    for protocol in table.protocols():
        numbers = range(1, table.generations + 1)
        start = _generation(table, protocol, 0, told)
        later = ((number, _generation(table, protocol, number, told)) for number in numbers)
        if not start:
            continue
        report(len(found), 0, "generations")
        kept = attribute_table(start, later)
        found += [each.model_copy(update={"protocol": protocol}) for each in survival(kept, seed)]
    return tuple(found)


def _generation(
    table: ChainTable, protocol: Protocol, number: int, told: Mapping[int, Told]
) -> dict[str, Told]:
    """What each seed's first chain is at a generation, by seed item; what is not known is missing."""
    seeds = [seed.item for seed in table.seeds if seed.protocol == protocol]
    codes = table.codes[table.rows_of(protocol), number].tolist()
    return {seed: told[code] for seed, code in zip(seeds, codes, strict=True) if code in told}


def _told(
    table: ChainTable, gallery: Gallery, world: str, journal: Journal
) -> Iterator[tuple[int, Told]]:
    """What is known of each content, by its number: a scene, or words."""
    rendered = _rendered(table, journal)
    for code, content in enumerate(table.contents):
        if content.side == "text":
            yield code, content.text or gallery.said(content.item)
        elif content.item:
            yield code, picture_of(world, gallery.owner(content.item)).scene
        elif content in rendered:
            yield code, rendered[content]


def _rendered(table: ChainTable, journal: Journal) -> dict[Content, Scene]:
    """Scenes of the pictures that were rendered, as the journal tells them."""
    made = np.array([bool(content.picture) for content in table.contents], np.bool_)
    if not made.any():
        return {}
    places = np.argwhere((table.codes >= 0) & made[table.codes])
    lines = [int(table.lines[row, column]) for row, column in places.tolist()]
    return {
        Content(step.side, step.item, step.text, step.picture): Scene.from_dict(step.scene)
        for step in journal.at(lines)
        if step.scene is not None
    }
