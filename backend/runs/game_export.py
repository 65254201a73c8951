"""A game's chains to take away: in the paper's layout, with every step in one table.

    text-first/gen-0.csv, gen-1/, ...     the first chain of each seed; image-first likewise
    repeat-1/text-first/...               the other chains of each seed, where there are any
    chains.csv                            one row a step
    report.json                           what was measured, where that is done

Many chains come to the same few pictures: each is written once, and further names are links to it.
"""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.drift.chains import ChainTable, Seed
from backend.drift.folder import write_captions
from backend.drift.names import Protocol, entry_name, safe_stem, side_at
from backend.errors import InvalidInput, StorageError
from backend.media.blobs import Blob
from backend.media.pictures import read_picture
from backend.runs.backbones import Contents
from backend.runs.games import GameFiles
from backend.spreadsheets import safe_cell
from backend.whole_files import whole_file

_COLUMNS: Final = (
    "seed", "repeat", "generation", "side", "item", "text", "picture", "similarity_to_start",
    "similarity_to_previous", "drawn_with", "operator", "model", "prompt", "note", "made_at",
)  # fmt: skip


@dataclass(frozen=True)
class Leaving:
    """A game that is taken away.

    Attributes:
        name: of its folder, where several go together.
        files: the game.
        contents: what its items are.
        report: as JSON; empty where there is none.
    """

    name: str
    files: GameFiles
    contents: Contents
    report: str = ""


def write_game(root: Path, game: Leaving) -> None:
    """Writes all of a game into a folder.

    Args:
        root: made where it is missing; must be empty.
        game: what is written.

    Raises:
        InvalidInput: the folder holds something already.
        StorageError: it cannot be written.
    """
    files, contents = game.files, game.contents
    if root.is_dir() and any(root.iterdir()):
        raise InvalidInput(f"{root} holds something already. Name a new folder, or an empty one.")
    table = files.table()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pictures-", dir=root) as once:
            pictures = _Pictures(table, contents, Path(once))
            for repeat in range(table.repeats):
                place = root if repeat == 0 else root / f"repeat-{repeat}"
                for protocol in table.protocols():
                    _write_chains(place, table, protocol, repeat, contents, pictures)
        _write_steps(root / "chains.csv", table, files, contents)
        if game.report:
            (root / "report.json").write_text(game.report, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{root} cannot be written ({error.strerror or error}). Free some space."
        ) from error


def zip_games(target: Path, games: Sequence[Leaving]) -> None:
    """The same as one zip file, which appears when it is whole; of several games each in a folder.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".game-", dir=target.parent) as name:
            root, draft = Path(name) / "games", Path(name) / "games.zip"
            for game in games:
                write_game(root if len(games) == 1 else root / game.name, game)
            with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(root.rglob("*")):
                    if path.is_file():
                        # pictures are compressed already
                        how = zipfile.ZIP_STORED if path.suffix == ".png" else None
                        archive.write(path, path.relative_to(root), how)
            draft.replace(target)
    except OSError as error:
        raise StorageError(
            f"{target} cannot be written ({error.strerror or error}). Free some space."
        ) from error


class _Pictures:
    """Each picture as PNG, written once."""

    def __init__(self, table: ChainTable, contents: Contents, folder: Path) -> None:
        self._table = table
        self._contents = contents
        self._folder = folder

    def put(self, code: int, target: Path) -> None:
        """Gives a picture a further name; one that cannot be read is left out."""
        source = self._folder / f"{code}.png"
        if not source.is_file():
            content = self._contents.source(self._table.contents[code])
            if not isinstance(content, Blob):
                return
            try:
                read_picture(content).save(source, format="PNG")
            except InvalidInput:
                return
        try:
            os.link(source, target)
        except OSError:  # a file system without links
            shutil.copyfile(source, target)


def _write_chains(
    root: Path,
    table: ChainTable,
    protocol: Protocol,
    repeat: int,
    contents: Contents,
    pictures: _Pictures,
) -> None:
    """One protocol's chains of a repeat, in the paper's layout."""
    seeds = [seed for seed in table.seeds if seed.protocol == protocol]
    rows = (table.rows_of(protocol) + repeat).tolist()
    for generation in range(table.generations + 1):
        made = [
            (seed, int(table.codes[row, generation]))
            for seed, row in zip(seeds, rows, strict=True)
            if table.codes[row, generation] >= 0
        ]
        if side_at(protocol, generation) == "text":
            told = ((seed.unit, str(contents.source(table.contents[code]))) for seed, code in made)
            write_captions(root, protocol, generation, told)
            continue
        folder = root / protocol / entry_name(protocol, generation)
        folder.mkdir(parents=True, exist_ok=True)
        for seed, code in made:
            pictures.put(code, folder / _file(seed))


def _write_steps(path: Path, table: ChainTable, files: GameFiles, contents: Contents) -> None:
    """Every step as a row, in the order of the chains."""
    with whole_file(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for row in _rows(table, files, contents):
            # a negative cosine is no formula, and stays a number
            writer.writerow([safe_cell(x) if isinstance(x, str) else x for x in row])


def _rows(
    table: ChainTable, files: GameFiles, contents: Contents
) -> Iterator[tuple[str | int | float | None, ...]]:
    for row, lines in enumerate(table.lines):
        seed = table.seeds[row // table.repeats]
        repeat = row % table.repeats
        root = "" if repeat == 0 else f"repeat-{repeat}/"
        for step in files.journal.at(lines[lines >= 0].tolist()):
            source = contents.source(table.contents[table.codes[row, step.generation]])
            text = source if isinstance(source, str) else ""
            place = f"{root}{seed.protocol}/gen-{step.generation}/{_file(seed)}"
            yield (
                step.seed, repeat, step.generation, step.side, step.item, text,
                place if step.side == "image" else "", step.to_start, step.to_previous,
                step.drawn_with, step.operator, step.model, step.prompt, step.note, step.made_at,
            )  # fmt: skip


def _file(seed: Seed) -> str:
    return f"{safe_stem(seed.unit)}.png"
