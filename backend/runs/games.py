"""The files of a game: its journal, the pictures that were made, and what backbones measured.

data/runs/<run>/drift/<evaluation>/     of a run's game; data/drift/<evaluation>/ of chains made elsewhere
    steps.jsonl         every step as it was made
    text-first/, image-first/   pictures that were made, in the paper's layout
    measured.npz        similarities by backbone, direction and seed item, for comparisons
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from backend.drift.chains import ChainTable, Seed, seeds_of
from backend.drift.folder import ChainFolder, open_chains
from backend.drift.journal import Journal, Made
from backend.drift.measuring import Measured
from backend.drift.names import side_at, stem_of
from backend.drift.scores.similarity import Similarities
from backend.errors import NotFound
from backend.reporting import Report, silent
from backend.schemas import GameRequest, Side
from backend.settings import Settings
from backend.whole_files import write_whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backend.drift.scores.geneval import Judged

STEPS: Final = "steps.jsonl"
ELSEWHERE: Final = "made elsewhere"
_MEASURED: Final = "measured.npz"
_JUDGED: Final = "geneval.json"
_KINDS: Final = tuple(
    field.name for field in fields(Measured) if field.name not in ("name", "unread")
)
_TOGETHER: Final = 1000  # steps that are written at once


class GameFiles:
    """Where a game lies, and what is known of it.

    Args:
        settings: where everything lies.
        run: whose; None of chains made elsewhere.
        evaluation: the game's id.
        request: what was asked for, with its seeds.
    """

    def __init__(
        self, settings: Settings, run: str | None, evaluation: str, request: GameRequest
    ) -> None:
        self.folder = game_folder(settings, run, evaluation)
        self.request = request
        self.journal = Journal(self.folder / STEPS)
        #: what the pictures of its steps are relative to
        self.pictures = Path(request.folder) if request.folder else self.folder

    def table(self) -> ChainTable:
        """All its chains, as far as they have come."""
        table = self.empty_table()
        table.add(self.journal.read())
        return table

    def empty_table(self) -> ChainTable:
        """The same before any step is read. Chains made elsewhere are named by their journal."""
        request = self.request
        if not request.folder:
            return ChainTable(seeds_from(request.seeds), request.repeats, request.generations)
        first: dict[str, None] = {}
        last = 1
        for _, _, step in self.journal.read():
            last = max(last, step.generation)
            if step.generation == 0:
                first[step.seed] = None
        return ChainTable(seeds_from(tuple(first)), 1, last)

    def keep(self, measured: Sequence[Measured]) -> None:
        """Keeps what backbones measured.

        Raises:
            StorageError: it cannot be written.
        """
        arrays: dict[str, Any] = {"names": _text([each.name for each in measured])}
        for number, each in enumerate(measured):
            for kind in _KINDS:
                for direction, found in getattr(each, kind).items():
                    key = f"{number}/{kind}/{direction}"
                    arrays[f"{key}/ids"] = _text(list(found.ids))
                    arrays[f"{key}/generations"] = np.array(found.generations, np.int64)
                    arrays[f"{key}/values"] = found.values
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        write_whole_file(self.folder / _MEASURED, file.getvalue())

    def measured(self) -> list[Measured]:
        """What backbones measured, in the order of the report.

        Raises:
            NotFound: it was not measured, or the file is damaged.
        """
        try:
            with np.load(self.folder / _MEASURED, allow_pickle=False) as arrays:
                names = _list(arrays["names"])
                found = [Measured(name, {}) for name in names]
                for key in arrays.files:
                    number, _, rest = key.partition("/")
                    kind, _, rest = rest.partition("/")
                    direction, _, what = rest.partition("/")
                    if what == "values" and kind in _KINDS:
                        head = key.removesuffix("values")
                        getattr(found[int(number)], kind)[direction] = Similarities(
                            tuple(_list(arrays[f"{head}ids"])),
                            tuple(arrays[f"{head}generations"].tolist()),
                            arrays[key],
                        )
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise NotFound(
                "What was measured of this game is not there. Start it again with the same seeds."
            ) from error
        return found

    def keep_judged(self, judged: Judged) -> None:
        """Keeps GenEval's verdicts on its pictures.

        Raises:
            StorageError: it cannot be written.
        """
        told = {
            "prompts": judged.prompts,
            "tags": judged.tags,
            "generations": judged.generations,
            "correct": [
                [None if np.isnan(x) else x for x in row] for row in judged.correct.tolist()
            ],
        }
        write_whole_file(self.folder / _JUDGED, json.dumps(told).encode())

    def judged(self) -> Judged | None:
        """GenEval's verdicts; None where there are none, or the file is damaged."""
        from backend.drift.scores.geneval import Judged

        try:
            told = json.loads((self.folder / _JUDGED).read_text(encoding="utf-8"))
            correct = np.array(told["correct"], np.float64)
            return Judged(
                tuple(told["prompts"]), tuple(told["tags"]), tuple(told["generations"]), correct
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read_folder(self, report: Report = silent) -> None:
        """Writes the journal of chains that were made elsewhere, anew.

        Raises:
            InvalidInput: the folder cannot be used; lists everything, with its place.
            StorageError: the journal cannot be written.
        """
        root = self.pictures
        found = open_chains(root, self.request.incomplete, report)
        draft = Journal(self.folder / f"{STEPS}.part")
        draft.path.unlink(missing_ok=True)
        some: list[Made] = []
        for made in _steps(found, root):
            some.append(made)
            if len(some) >= _TOGETHER:
                draft.append(some)
                some.clear()
                report(0, 0, "steps")
        draft.append(some)
        draft.path.replace(self.journal.path)

    def delete(self) -> None:
        """Removes all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def game_folder(settings: Settings, run: str | None, evaluation: str) -> Path:
    """Where a game's files are."""
    if run is None:
        return settings.data_dir / "drift" / evaluation
    return settings.runs_dir / run / "drift" / evaluation


def seeds_from(items: Sequence[str]) -> tuple[Seed, ...]:
    """Seeds by their ids, as galleries have them; pairs are called as files of chains are.

    Raises:
        NotFound: one is no id.
    """
    from backend.exploration.gallery import owner_of, side_of

    return seeds_of([(item, side_of(item), stem_of(owner_of(item))) for item in items])


def item_of(side: Side, stem: str) -> str:
    """The id of an item of chains made elsewhere, as a gallery would have it."""
    return f"image:{stem}" if side == "image" else f"text:{stem}#0"


def _steps(found: ChainFolder, root: Path) -> Iterator[Made]:
    for protocol, numbers in found.generations.items():
        first = side_at(protocol, 0)
        for number in numbers:
            side = side_at(protocol, number)
            operator = ELSEWHERE if number else ""
            if side == "text":
                for stem, caption in found.captions(protocol, number):
                    yield Made(
                        item_of(first, stem), 0, number, side, text=caption, operator=operator
                    )
                continue
            for stem, path in found.pictures(protocol, number):
                picture = path.relative_to(root).as_posix()
                yield Made(
                    item_of(first, stem), 0, number, side, picture=picture, operator=operator
                )


def _text(values: list[str]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(json.dumps(values).encode(), np.uint8)


def _list(array: np.ndarray[Any, Any]) -> list[str]:
    found: list[str] = json.loads(array.tobytes())
    return found
