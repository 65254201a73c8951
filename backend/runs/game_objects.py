"""GenEval on a game's pictures: the odd generations of the text-first chains that begin with its prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from PIL import Image

from backend.drift.chains import ChainTable
from backend.drift.names import side_at
from backend.drift.scores.prompts import Prompt, read_prompts
from backend.errors import InvalidInput
from backend.media.blobs import Blob
from backend.media.pictures import read_picture
from backend.reporting import Report
from backend.runs.backbones import Contents

if TYPE_CHECKING:
    from backend.drift.colours import ColourClassifier
    from backend.drift.detectors import Detector
    from backend.drift.scores.geneval import Found, Judged

#: what GenEval's metadata is called, where it lies beside chains
METADATA: Final = "evaluation_metadata.jsonl"

_AT_ONCE: Final = 8  # pictures that are held at once

T = TypeVar("T")


def prompts_of(given: str, beside: Path) -> tuple[Prompt, ...]:
    """GenEval's prompts.

    Args:
        given: file of its metadata; empty for the one beside the chains.
        beside: folder of the chains.

    Raises:
        InvalidInput: there is no such file, or it holds no prompts; tells every wrong line.
    """
    path = Path(given).expanduser() if given else beside / METADATA
    try:
        with path.open(encoding="utf-8") as lines:
            return read_prompts(lines)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"GenEval's prompts cannot be read from {path}. Name its evaluation_metadata.jsonl."
        ) from error


def judged(
    table: ChainTable,
    contents: Contents,
    prompts: Sequence[Prompt],
    detector: Detector,
    colours: ColourClassifier | None,
    report: Report,
) -> Judged:
    """Judges every picture of every odd generation; a prompt whose seed is not there is missing.

    Args:
        table: all chains; of a seed's repeats the first is judged.
        contents: what was found and made.
        prompts: seeds are joined with them by their words.
        colours: tells the colours of objects; without, prompts that name colours are left out.
        report: told generations done; may raise ``Cancelled``.

    Raises:
        InvalidInput: not a single seed is one of the prompts that can be judged.
    """
    from backend.drift.scores.geneval import judge

    rows = dict(_rows(table, contents, prompts))
    if not rows:
        raise InvalidInput(
            "None of the seeds is one of GenEval's prompts, so there is nothing to judge. Begin chains "
            "with its prompts."
        )
    asked = [prompt for prompt in prompts if prompt.id in rows]
    if colours is None:
        asked = [prompt for prompt in asked if not names_colours(prompt)]
    if not asked:
        raise InvalidInput(
            "All of these prompts name colours, and nothing tells them. Choose a backbone of two encoders "
            "that share a space."
        )
    numbers = [
        number
        for number in range(1, table.generations + 1)
        if side_at("text-first", number) == "image"
    ]

    def generations() -> Iterator[tuple[int, Mapping[str, Found]]]:
        for done, number in enumerate(numbers):
            report(done, len(numbers), "generations")
            yield number, _found(table, contents, asked, rows, number, detector, colours)

    told = judge(asked, generations())
    report(len(numbers), len(numbers), "generations")
    return told


def names_colours(prompt: Prompt) -> bool:
    """Whether an object is to have a colour."""
    return any(each.colour is not None for each in prompt.include)


def _rows(
    table: ChainTable, contents: Contents, prompts: Sequence[Prompt]
) -> Iterator[tuple[str, int]]:
    """The row of each prompt's first chain."""
    by_words = {_plain(prompt.text): prompt.id for prompt in prompts if prompt.text}
    for row in table.rows_of("text-first").tolist():
        code = int(table.codes[row, 0])
        said = contents.source(table.contents[code]) if code >= 0 else ""
        found = by_words.get(_plain(str(said)))
        if found is not None:
            yield found, row


def _found(
    table: ChainTable,
    contents: Contents,
    prompts: Sequence[Prompt],
    rows: Mapping[str, int],
    number: int,
    detector: Detector,
    colours: ColourClassifier | None,
) -> dict[str, Found]:
    """What the pictures of a generation show, by prompt; one that cannot be read is missing."""
    told: dict[str, Found] = {}
    for some in _batched(_pictures(table, contents, prompts, rows, number), _AT_ONCE):
        pictures = [picture for _, picture in some]
        found = detector.detect(pictures, [prompt.classes for prompt, _ in some])
        for (prompt, picture), each in zip(some, found, strict=True):
            told[prompt.id] = colours.told(each, picture) if colours else each
    return told


def _pictures(
    table: ChainTable,
    contents: Contents,
    prompts: Sequence[Prompt],
    rows: Mapping[str, int],
    number: int,
) -> Iterator[tuple[Prompt, Image.Image]]:
    for prompt in prompts:
        code = int(table.codes[rows[prompt.id], number])
        source = contents.source(table.contents[code]) if code >= 0 else None
        if isinstance(source, Blob):
            with suppress(InvalidInput):  # one that cannot be read is missing
                yield prompt, read_picture(source)


def _batched(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Some items at a time."""
    while some := list(islice(items, size)):
        yield some


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".")
