"""Prompt templates for zero-shot classification: published sets as data, and what a person edits.

The sets stand in ``tables/prompts.json``: CLIP's 80 for ImageNet and its authors' best seven of them,
one plain sentence, and CLIP's own for other data sets (Radford et al. 2021).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import Field, TypeAdapter

from backend.catalog.address import parse
from backend.catalog.datasets.folders import encodable, shown
from backend.errors import Fault, InvalidInput, NotFound
from backend.schemas import Frozen, Modality, PromptSet

#: where a class's name belongs in a template
PLACE: Final = "{}"
DEFAULT_SET: Final = "clip-80"
#: of items that no photograph shows
_OTHERWISE: Final[dict[Modality, str]] = {"image": DEFAULT_SET, "audio": "sound"}
_NAME_ALONE: Final = "name-alone"
MOST_TEMPLATES: Final = 200
LONGEST_TEMPLATE: Final = 300

_TABLE: Final = Path(__file__).parent / "tables" / "prompts.json"
#: "oxford-flowers-102" is four words at most: a name in the table may be any of them in a row
_WORDS_OF_A_NAME: Final = 4


class _Row(Frozen):
    """A set as the table has it."""

    id: str
    name: str
    source: str
    match: tuple[str, ...] = Field(description="names of data sets, without marks between words")
    count: int = Field(description="of templates, as the source has them")
    templates: tuple[str, ...]


def prompt_sets() -> list[PromptSet]:
    """All sets: those for anything first, then those for one data set by name."""
    return [
        PromptSet(id=row.id, name=row.name, source=row.source, templates=row.templates)
        for row in _table()
    ]


def prompt_set(set_id: str) -> PromptSet:
    """A set by its id.

    Raises:
        NotFound: there is none; names those there are.
    """
    sets = {each.id: each for each in prompt_sets()}
    if set_id not in sets:
        raise NotFound(
            f"There is no set of templates {shown(set_id)}; there are {', '.join(sets)}."
        )
    return sets[set_id]


def guess_set(address: str, modality: Modality = "image") -> str:
    """The id of the set that was made for a data set, by its name; else one for its kind of items.

    Args:
        address: of the data set, or its name. The folder above counts where the last part says
            nothing: ``/data/caltech101/images``.
        modality: of its items. The published sets speak of photographs.
    """
    if modality != "image":
        return _OTHERWISE.get(modality, _NAME_ALONE)
    for part in reversed(Path(parse(address).base).parts[-2:]):
        words = re.findall("[a-z]+|[0-9]+", part.lower())
        names = {
            "".join(words[start:stop])
            for start in range(len(words))
            for stop in range(start + 1, start + 1 + _WORDS_OF_A_NAME)
        }
        for row in _table():
            if not names.isdisjoint(row.match):
                return row.id
    return DEFAULT_SET


def parse_templates(text: str) -> tuple[str, ...]:
    """The templates that a person wrote, one a line; empty lines are nothing.

    Raises:
        InvalidInput: there is none, or one cannot be used; lists every fault by its line.
    """
    first: dict[str, int] = {}
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), 1):
        template = line.strip()
        if not template:
            continue
        what = _fault(template)
        if not what and template in first:
            what = f"is the same as line {first[template]}; each template counts once"
        if what:
            faults.append(Fault(f"line {number}", what))
        first.setdefault(template, number)
    if len(first) > MOST_TEMPLATES:
        faults.append(Fault("templates", f"at most {MOST_TEMPLATES}, not {len(first)}"))
    if not first:
        faults.append(Fault("templates", f"write at least one, as a photo of a {PLACE}."))
    if faults:
        raise InvalidInput("These templates cannot be used. Correct the lines below.", faults)
    return tuple(first)


def prompts(classes: Sequence[str], templates: Sequence[str]) -> list[str]:
    """Every template with every class's name, class by class: len(classes) x len(templates)."""
    return [template.replace(PLACE, name) for name in classes for template in templates]


@cache
def _table() -> tuple[_Row, ...]:
    return TypeAdapter(tuple[_Row, ...]).validate_python(json.loads(_TABLE.read_text("utf-8")))


def _fault(template: str) -> str:
    """What is wrong with a template; empty where nothing is."""
    if len(template) > LONGEST_TEMPLATE:
        return f"has {len(template):,} characters; at most {LONGEST_TEMPLATE} are allowed"
    if not encodable(template):
        return "has half a character (a lone surrogate)"
    places = template.count(PLACE)
    if places != 1:
        return f"{shown(template)} must hold {PLACE} once, where the class's name belongs, not {places} times"
    return ""
