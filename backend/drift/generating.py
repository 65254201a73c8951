"""Chains by any two makers, in batches, each step written down as it is made.

A batch of chains goes generation by generation. Its pictures are written first, then the lines of the
journal, all of a generation at once. So a game that is killed anywhere goes on with the generation that is
not whole, in the same batch as before: what a model makes depends at most by rounding on what else is in
its batch, and the batch is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

from backend.drift.folder import write_pictures
from backend.drift.journal import Journal, Made
from backend.drift.making import Here, Maker, Moved, Tells, at_item
from backend.drift.names import Protocol, entry_name, safe_stem
from backend.drift.operators.base import step_seed
from backend.errors import InvalidInput
from backend.media.pictures import read_picture
from backend.reporting import Report, silent
from backend.schemas import GameRequest, Side

if TYPE_CHECKING:
    from backend.exploration.gallery import Gallery

#: in the note of the last step of a chain that broke off
ENDS: Final = "The chain ends here: "
_OTHER: Final[dict[Side, Side]] = {"image": "text", "text": "image"}

Key = tuple[str, int]


def generated_chains(
    gallery: Gallery,
    request: GameRequest,
    makers: Mapping[Side, Maker],
    journal: Journal,
    max_pixels: int,
    report: Report = silent,
) -> None:
    """Plays a game, or goes on with it.

    Args:
        gallery: where the seeds are.
        request: with its seeds.
        makers: what makes pictures ("image"), and texts.
        journal: what is there already is not made again.
        max_pixels: larger pictures are refused.
        report: told steps done; may raise ``Cancelled``: what was made is kept.

    Raises:
        NotFound: a seed is not in the gallery.
        InvalidInput: an operator cannot work.
        StorageError: the journal or a picture cannot be written.
    """
    for seed in request.seeds:
        gallery.owner(seed)
    places = _places(journal, request.seeds)
    # no larger than the smaller one takes: so little is lost when a slow one is killed
    size = min(maker.batch_size for maker in makers.values())
    total = len(request.seeds) * request.repeats * request.generations
    done = 0
    waiting = _keys(request)
    while keys := tuple(islice(waiting, size)):
        batch = _Batch(gallery, request, makers, journal, max_pixels, keys)
        batch.begin([places.get(key, []) for key in keys])
        while batch.going:
            report(done + batch.done, total, "steps")
            batch.advance()
        done += batch.done
        report(done, total, "steps")
    report(total, total, "steps")


def _keys(request: GameRequest) -> Iterator[Key]:
    """All chains in the order they are played in; a batch may hold two repeats of a seed."""
    for repeat in range(request.repeats):
        for seed in request.seeds:
            yield seed, repeat


def _places(journal: Journal, seeds: Sequence[str]) -> dict[Key, list[int]]:
    """Where the steps of each chain stand in the journal, as far as they have no gap; the later holds."""
    wanted, found = frozenset(seeds), dict[Key, list[int]]()
    for begin, _, step in journal.read():
        if step.seed not in wanted:
            continue
        own = found.setdefault((step.seed, step.repeat), [])
        if step.generation <= len(own):
            own[step.generation :] = [begin]
    return found


class _Batch:
    """Some chains that go together."""

    def __init__(
        self,
        gallery: Gallery,
        request: GameRequest,
        makers: Mapping[Side, Maker],
        journal: Journal,
        max_pixels: int,
        keys: Sequence[Key],
    ) -> None:
        self._gallery, self._request, self._makers = gallery, request, makers
        self._journal, self._max_pixels = journal, max_pixels
        self._folder = journal.path.parent
        self._keys = keys
        self._here: list[Here] = []
        self._last: list[Made] = []
        self._ended: list[bool] = []
        self._generation = 0

    @property
    def going(self) -> bool:
        """Whether something is still to be made."""
        return self._generation < self._request.generations and not all(self._ended)

    @property
    def done(self) -> int:
        """Steps that were made, or that will never be."""
        if all(self._ended):
            return len(self._keys) * self._request.generations
        return len(self._keys) * self._generation

    def begin(self, begins: Sequence[Sequence[int]]) -> None:
        """Takes up what the journal has: as many generations as all chains have that did not end."""
        steps = [self._there(self._journal.at(places)) for places in begins]
        ended = [bool(own) and ENDS in own[-1].note for own in steps]
        whole = min((len(own) for own, end in zip(steps, ended, strict=True) if not end), default=0)
        if all(ended):
            whole = 1 + self._request.generations
        # a chain that ended after the others' last whole generation has to end there again
        self._ended = [end and len(own) <= whole for own, end in zip(steps, ended, strict=True)]
        if whole == 0:
            self._start()
            return
        kept = [own[:whole] for own in steps]
        self._last = [own[-1] for own in kept]
        self._here = [self._at(own) for own in kept]
        self._generation = whole - 1

    def advance(self) -> None:
        """One generation more of each chain that has not ended."""
        self._generation += 1
        moved: dict[int, tuple[Moved, Maker, int]] = {}
        for side in ("image", "text"):
            own = [at for at in self._going() if _OTHER[self._here[at].side] == side]
            own = [at for at in own if self._readable(at, moved, side)]
            if own:
                seeds = [self._seed(at) for at in own]
                maker = self._makers[side]
                made = maker.make([self._here[at] for at in own], seeds)
                moved |= {
                    at: (each, maker, seed) for at, each, seed in zip(own, made, seeds, strict=True)
                }
        lines, ends = [], []
        for at in sorted(moved):
            each, maker, seed = moved[at]
            if each.made:
                lines.append(self._go(at, each, maker, seed))
            else:
                ends.append(self._end(at, each.note))
        # ends last: where one is there, so is the whole generation
        self._journal.append([*lines, *ends])

    def _start(self) -> None:
        self._generation = 0
        self._ended = [False] * len(self._keys)
        self._here = [
            at_item(self._gallery, seed, (seed,), self._max_pixels) for seed, _ in self._keys
        ]
        self._last = [
            Made(seed, repeat, 0, here.side, item=seed, made_at=_now())
            for (seed, repeat), here in zip(self._keys, self._here, strict=True)
        ]
        self._journal.append(self._last)

    def _going(self) -> list[int]:
        return [at for at, ended in enumerate(self._ended) if not ended]

    def _seed(self, at: int) -> int:
        seed, repeat = self._keys[at]
        return step_seed(self._request.seed, repeat, seed, self._generation)

    def _readable(self, at: int, moved: dict[int, tuple[Moved, Maker, int]], side: Side) -> bool:
        """Whether a picture can be read that has to be; where it cannot, its chain ends."""
        here = self._here[at]
        if here.picture is None or (here.item and not isinstance(self._makers[side], Tells)):
            return True
        try:
            picture = here.picture()
        except InvalidInput as error:
            moved[at] = Moved(note=f"its picture: {error.summary}"), self._makers[side], 0
            return False
        self._here[at] = replace(here, picture=lambda: picture)
        return True

    def _go(self, at: int, to: Moved, maker: Maker, drawn_with: int) -> Made:
        here, (seed, repeat) = self._here[at], self._keys[at]
        side = _OTHER[here.side]
        file = ""
        if to.item:
            visited = (*here.visited, to.item)
            self._here[at] = at_item(self._gallery, to.item, visited, self._max_pixels)
        elif to.picture is not None:
            picture = to.picture
            file = self._written(seed, repeat, picture)
            self._here[at] = Here(side, picture=lambda: picture, visited=here.visited)
        else:
            self._here[at] = Here(side, text=to.text, visited=here.visited)
        self._last[at] = Made(
            seed,
            repeat,
            self._generation,
            side,
            item=to.item,
            text=to.text,
            picture=file,
            drawn_with=None if maker.certain else drawn_with,
            operator=maker.name,
            model=maker.model,
            prompt=maker.prompt,
            scene=to.scene,
            note=to.note,
            made_at=_now(),
        )
        return self._last[at]

    def _end(self, at: int, why: str) -> Made:
        self._ended[at] = True
        last = self._last[at]
        self._last[at] = replace(last, note=f"{last.note} {ENDS}{why}".strip())
        return self._last[at]

    def _written(self, seed: str, repeat: int, picture: Image.Image) -> str:
        """The file of a picture, in the paper's layout below the game's folder."""
        protocol = self._protocol(seed)
        part = f"repeat-{repeat}/" if repeat else ""
        write_pictures(self._folder / part, protocol, self._generation, [(seed, picture)])
        return f"{part}{protocol}/{entry_name(protocol, self._generation)}/{safe_stem(seed)}.png"

    def _protocol(self, seed: str) -> Protocol:
        return "text-first" if seed in self._gallery.indexes["text"].row_of else "image-first"

    def _there(self, steps: Sequence[Made]) -> list[Made]:
        """Steps up to the first whose picture is gone."""
        found: list[Made] = []
        for step in steps[: self._request.generations + 1]:
            if step.picture and not (self._folder / step.picture).is_file():
                break
            found.append(step)
        return found

    def _at(self, steps: Sequence[Made]) -> Here:
        """Where a chain stands after its steps."""
        last = steps[-1]
        visited = tuple(step.item for step in steps if step.item)
        if last.item:
            return at_item(self._gallery, last.item, visited, self._max_pixels)
        if last.side == "text":
            return Here("text", text=last.text, visited=visited)
        path: Path = self._folder / last.picture
        return Here("image", picture=lambda: read_picture(path), visited=visited)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
