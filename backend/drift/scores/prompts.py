"""GenEval's prompts (Ghosh et al. 2023): what a picture should show, as metadata, a JSON object a line.

    {"tag": "position", "prompt": "a photo of a boat below a clock",
     "include": [{"class": "clock", "count": 1}, {"class": "boat", "count": 1, "position": ["below", 0]}],
     "exclude": [{"class": "boat", "count": 2}]}

Of each class in ``include`` there must be so many, of the colour and in the position that are named; a
position is to the objects of an earlier entry. Of each class in ``exclude`` there must be fewer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from backend.errors import Fault, InvalidInput

COLOURS: Final = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white",
)  # fmt: skip
POSITIONS: Final = ("left of", "right of", "above", "below")
_MOST: Final = 1000  # of a class; a larger number is a mistake
_SHOWN: Final = 60


@dataclass(frozen=True)
class Wanted:
    """Objects of a class that must be there.

    Attributes:
        position: a relation, and the place in ``include`` of what it is to.
    """

    name: str
    count: int = 1
    colour: str | None = None
    position: tuple[str, int] | None = None


@dataclass(frozen=True)
class Excluded:
    """A class of which there must be fewer than ``count``."""

    name: str
    count: int


@dataclass(frozen=True)
class Prompt:
    """What a picture should show.

    Attributes:
        id: joins it with its pictures; their file's name without suffix.
        tag: the task it belongs to.
        text: the prompt in words; empty where the metadata have none.
    """

    id: str
    tag: str
    include: tuple[Wanted, ...]
    exclude: tuple[Excluded, ...] = ()
    text: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """All that a detector must look for, each once, those that are excluded too."""
        names = [each.name for each in self.include] + [each.name for each in self.exclude]
        return tuple(dict.fromkeys(names))


def read_prompts(lines: Iterable[str]) -> tuple[Prompt, ...]:
    """All prompts of a file of metadata; ids are line numbers from 0, as pictures are called.

    Args:
        lines: of the file. Empty ones count no number.

    Raises:
        InvalidInput: there is none, or lines cannot be used; tells every one of them.
    """
    prompts: list[Prompt] = []
    faults: list[Fault] = []
    number = 0
    for at, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (RecursionError, ValueError) as error:
            entry, told = None, [f"is not valid JSON ({error})"]
        else:
            told = _wrong(entry)
        faults += [Fault(f"line {at}", each) for each in told]
        if not told:
            prompts.append(prompt_of(entry, str(number)))
        number += 1
    if faults or not prompts:
        raise InvalidInput(
            "These are no GenEval prompts. Give a file with a JSON object a line, as GenEval's "
            "evaluation_metadata.jsonl.",
            faults,
        )
    return tuple(prompts)


def prompt_of(entry: Mapping[str, Any], prompt_id: str) -> Prompt:
    """One prompt of its metadata.

    Raises:
        InvalidInput: they cannot be used; tells everything that is wrong.
    """
    wrong = _wrong(entry)
    if wrong:
        raise InvalidInput(
            "This is no GenEval prompt. Correct its metadata.", [Fault("", each) for each in wrong]
        )
    return Prompt(
        id=prompt_id,
        tag=entry["tag"],
        include=tuple(
            Wanted(each["class"], each.get("count", 1), each.get("color"), _position(each))
            for each in entry["include"]
        ),
        exclude=tuple(
            Excluded(each["class"], each["count"]) for each in entry.get("exclude") or ()
        ),
        text=entry.get("prompt") or "",
    )


def _position(entry: Mapping[str, Any]) -> tuple[str, int] | None:
    given = entry.get("position")
    return None if given is None else (given[0], given[1])


def _wrong(entry: Any) -> list[str]:
    """Everything that is wrong with a prompt's metadata."""
    if not isinstance(entry, Mapping):
        return [f"must be an object, not {_shown(entry)}"]
    wrong = []
    if not _is_name(entry.get("tag")):
        wrong.append(f"tag must name the task, not {_shown(entry.get('tag'))}")
    if not isinstance(entry.get("prompt") or "", str):
        wrong.append(f"prompt must be words, not {_shown(entry['prompt'])}")
    include, exclude = entry.get("include"), entry.get("exclude") or []
    if not isinstance(include, list) or not include:
        wrong.append("include must list at least one class")
        include = []
    if not isinstance(exclude, list):
        wrong.append("exclude must be a list")
        exclude = []
    for place, each in enumerate(include):
        wrong += [f"include {place}: {told}" for told in _wrong_object(each, place)]
    for place, each in enumerate(exclude):
        told = _wrong_object(each, 0)
        if not told and "count" not in each:
            told = ["count is missing"]
        wrong += [f"exclude {place}: {each}" for each in told]
    return wrong


def _wrong_object(entry: Any, place: int) -> list[str]:
    if not isinstance(entry, Mapping):
        return [f"must be an object, not {_shown(entry)}"]
    wrong = []
    count, colour = entry.get("count", 1), entry.get("color")
    if not _is_name(entry.get("class")):
        wrong.append(f"class must be a word, not {_shown(entry.get('class'))}")
    if not _is_whole(count) or not 1 <= count <= _MOST:
        wrong.append(f"count must be 1 to {_MOST}, not {_shown(count)}")
    if colour is not None and colour not in COLOURS:
        wrong.append(f"color must be one of {', '.join(COLOURS)}, not {_shown(colour)}")
    position = entry.get("position")
    if position is not None:
        right = (
            isinstance(position, list | tuple)
            and len(position) == 2
            and position[0] in POSITIONS
            and _is_whole(position[1])
            and 0 <= position[1] < place
        )
        if not right:
            allowed = ", ".join(POSITIONS)
            wrong.append(
                f"position must be one of {allowed}, and the place of an entry before it, not "
                f"{_shown(position)}"
            )
    return wrong


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
