"""The chains of a game, and its curves so far, also while it is played."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backend.errors import InvalidInput, NotFound
from backend.schemas import GameChain, GameReport, GameStep, Item
from backend.services.gaming import Gaming
from backend.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.drift.chains import ChainTable
    from backend.drift.journal import Made
    from backend.exploration.gallery import Gallery
    from backend.runs.games import GameFiles

#: games whose chains stay in memory
_KEPT: Final = 6
#: chains that are given at once
MOST_CHAINS: Final = 200


@dataclass
class _Read:
    """A game's chains, read so far.

    Attributes:
        end: where the journal was read to.
    """

    files: GameFiles
    table: ChainTable
    end: int = 0


class GameChains(Gaming):
    """Reads journals as they grow."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._read: OrderedDict[str, _Read] = OrderedDict()
        self._reading = threading.Lock()

    def game_size(self, game: str) -> tuple[int, int]:
        """Chains that have begun, and chains in all.

        Raises:
            NotFound: there is no such game.
        """
        table = self._chains(game).table
        return table.begun, len(table.codes)

    def game_chains(self, game: str, start: int = 0, count: int = 20) -> tuple[GameChain, ...]:
        """Some chains, as far as they have come.

        Args:
            start: the first. Chain n is repeat n % r of seed n // r, of r repeats.
            count: at most 200.

        Raises:
            InvalidInput: numbers that cannot be.
            NotFound: there is no such game, or its run has no index any more.
        """
        if start < 0 or not 0 <= count <= MOST_CHAINS:
            raise InvalidInput(f"Ask for 0 to {MOST_CHAINS} chains, from chain 0 on.")
        read = self._chains(game)
        rows = range(start, min(start + count, len(read.table.codes)))
        return tuple(self._chain(game, read, row) for row in rows)

    def game_chain(self, game: str, seed: str, repeat: int = 0) -> GameChain:
        """The chain of a seed.

        Raises:
            NotFound: there is no such game, or it has no such seed or repeat.
        """
        read = self._chains(game)
        row = read.table.row(seed, repeat)
        if row is None:
            raise NotFound(f"This game has no chain {repeat} of {seed[:60]!r}.")
        return self._chain(game, read, row)

    def game_curves(self, game: str) -> GameReport:
        """Curves of what was made so far, in the run's own space; cheap enough to be asked every second.

        Of chains made elsewhere there are none before they are measured.

        Raises:
            NotFound: there is no such game.
        """
        from backend.drift.measuring import Measured, scored
        from backend.runs.backbones import OWN_SPACE

        made, read = self._game(game), self._chains(game)
        table, request = read.table, read.files.request
        told = table.told()
        steps = int((table.codes[:, 1:] >= 0).sum())
        scores = scored(Measured(OWN_SPACE, told), request.seed, rates=False) if told else None
        return GameReport(
            run_name=made.run_name or read.files.pictures.name,
            partial=True,
            seeds=len(table.seeds),
            chains=len(table.codes),
            broken=0,
            generations=table.generations,
            text_to_image=request.text_to_image.kind,
            image_to_text=request.image_to_text.kind,
            backbones=(scores,) if scores else (),
            notes=(f"So far {steps:,} of {table.codes[:, 1:].size:,} steps.",),
        )

    def delete_evaluation(self, evaluation_id: str) -> None:
        """Removes one with its files; refuses one that is going on."""
        super().delete_evaluation(evaluation_id)
        with self._reading:
            self._read.pop(evaluation_id, None)

    def rest(self) -> None:
        """Lets go of the chains, too."""
        super().rest()
        with self._reading:
            self._read.clear()

    # --- reading --------------------------------------------------------------------------------

    def _chains(self, game: str) -> _Read:
        """All chains, with what was written since they were asked for last."""
        with self._reading:
            read = self._read.pop(game, None)
            size = _size(read.files) if read else 0
            # a journal of chains made elsewhere is written anew when its job is resumed
            if read is None or size < read.end or (read.files.request.folder and size != read.end):
                files = self._files(game)
                read = _Read(files, files.empty_table())
            read.end = read.table.add(read.files.journal.read(read.end)) or read.end
            self._read[game] = read
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
            return read

    def _chain(self, game: str, read: _Read, row: int) -> GameChain:
        table = read.table
        seed, repeat = table.seeds[row // table.repeats], row % table.repeats
        lines = table.lines[row]
        steps = read.files.journal.at(lines[lines >= 0].tolist())
        gallery = None if read.files.request.folder else self._gallery_of(game)
        shown = tuple(self._step(game, read.files, gallery, step) for step in steps)
        closes_at, period = _loop(read.files, table.codes[row])
        item = gallery.item(seed.item) if gallery else _elsewhere(seed.item, seed.side, shown)
        return GameChain(seed=item, repeat=repeat, steps=shown, closes_at=closes_at, period=period)

    def _gallery_of(self, game: str) -> Gallery:
        run = self._game(game).run
        assert run is not None  # only chains made elsewhere have none
        return self._space(run).gallery

    def _step(self, game: str, files: GameFiles, gallery: Gallery | None, step: Made) -> GameStep:
        return GameStep(
            generation=step.generation,
            side=step.side,
            item=gallery.item(step.item) if gallery and step.item else None,
            text=step.text,
            picture=self._small_picture(game, files, step.picture) if step.picture else "",
            similarity_to_start=step.to_start,
            similarity_to_previous=step.to_previous,
            seed=step.drawn_with,
            operator=step.operator,
            model=step.model,
            prompt=step.prompt,
            note=step.note,
            made_at=step.made_at or None,
        )

    def _small_picture(self, game: str, files: GameFiles, picture: str) -> str:
        """A small copy of a picture that was made; empty where it cannot be read any more."""
        from backend.exploration.previews import thumbnail
        from backend.media.blobs import Blob

        try:
            return str(thumbnail(Blob(files.pictures / picture), self._small_pictures(game)))
        except NotFound:
            return ""


def _size(files: GameFiles) -> int:
    try:
        return files.journal.path.stat().st_size
    except OSError:
        return 0


def _loop(files: GameFiles, codes: NDArray[np.int32]) -> tuple[int | None, int | None]:
    """Where a chain begins to repeat itself; of drawn steps None, as they may lead elsewhere then."""
    from backend.drift.retrieving import is_retrieval

    request = files.request
    drawn = request.text_to_image.temperature or request.image_to_text.temperature
    if request.folder or drawn or not is_retrieval(request):
        return None, None
    seen: dict[int, int] = {}
    for number, code in enumerate(codes.tolist()):
        if code < 0:
            break
        if code in seen:
            return number, number - seen[code]
        seen[code] = number
    return None, None


def _elsewhere(item: str, side: str, steps: tuple[GameStep, ...]) -> Item:
    """The seed of a chain that was made elsewhere, as an item."""
    first = next((step for step in steps if step.generation == 0), None)
    name = item.partition(":")[2].removesuffix("#0" if side == "text" else "")
    return Item(
        side="text" if side == "text" else "image",
        id=item,
        image_id=name,
        thumbnail=Path(first.picture) if first and first.picture else None,
        captions=(first.text,) if first and first.text else (),
    )
