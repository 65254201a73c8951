"""Several seeds in one run: where each keeps its heads, which are there already, and one bar over all.

<run>/heads, <run>/training                     the first seed, whose heads are explored
<run>/heads/seed-K, <run>/training/seed-K       the seeds after it
.../heads/fitted.json                           written last: what these heads were fitted on
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backend.errors import NotAllowed
from backend.reporting import Report
from backend.schemas import RunRequest
from backend.whole_files import whole_file

if TYPE_CHECKING:
    from backend.alignment.base import Alignment

_MARK: Final = "fitted.json"


class Place(NamedTuple):
    """Where one seed keeps what it makes.

    Attributes:
        seed: decides every draw.
        heads: folder of the fitted heads.
        training: folder of the checkpoint.
    """

    seed: int
    heads: Path
    training: Path

    def fitted(self) -> dict[str, Any] | None:
        """What whole heads were fitted on; None where there are none."""
        try:
            told: dict[str, Any] = json.loads((self.heads / _MARK).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return told

    def begun(self) -> bool:
        """Whether there is a checkpoint to take the best heads from."""
        from backend.alignment.training.checkpoint import NAME

        return (self.training / NAME).is_file()

    def enough(self) -> bool:
        """Whether its best heads so far are to be taken."""
        from backend.alignment.training.loop import ENOUGH

        return (self.training / ENOUGH).exists()

    def ask_to_finish(self) -> None:
        """Has the training end at its next look at the folder, with the best heads so far."""
        from backend.alignment.training.loop import ENOUGH

        self.training.mkdir(parents=True, exist_ok=True)
        (self.training / ENOUGH).touch()


class Fitted(NamedTuple):
    """What came of fitting.

    Attributes:
        seeds: those that have heads, in order.
        alike: the method drew nothing at random, so the first seed's heads are every seed's.
        details: of each seed that was fitted, plain JSON values.
        ended_early: the seed whose training was ended by hand, if one was.
    """

    seeds: tuple[int, ...]
    alike: bool
    details: dict[int, dict[str, Any]]
    ended_early: int | None

    def notes(self, where: Sequence[Place]) -> list[str]:
        """What a reader of the numbers has to know of how the seeds were fitted."""
        # what a recipe itself has to say of its fit
        told = [own["note"] for own in self.details.values() if "note" in own][:1]
        if self.alike:
            told.append(
                "Nothing in this method is drawn at random and all seeds have the same pairs, so they "
                "give the same heads and the same numbers."
            )
        if self.ended_early is not None:
            told.append(
                f"The training of seed {self.ended_early} was ended by hand; its best heads until "
                "then were taken."
            )
        left_out = [str(place.seed) for place in where if place.seed not in self.seeds]
        if left_out:
            told.append(
                f"The run was ended by hand: seeds that had not begun were left out "
                f"({', '.join(left_out)})."
            )
        return told


def places(folder: Path, request: RunRequest) -> tuple[Place, ...]:
    """The place of each seed of a run.

    Args:
        folder: of the run.
    """
    heads, training = folder / "heads", folder / "training"
    first = Place(request.seed, heads, training)
    others = range(request.seed + 1, request.seed + request.seeds)
    return (
        first,
        *(Place(seed, heads / f"seed-{seed}", training / f"seed-{seed}") for seed in others),
    )


def fit_all(
    where: Sequence[Place],
    fit: Callable[[Place, Report], Alignment],
    basis: Callable[[Place], Mapping[str, Any]],
    report: Report,
) -> Fitted:
    """Fits every seed that has no heads yet and keeps its heads.

    A seed whose heads are whole is not fitted again, unless they were fitted on something else. Where
    the second seed's heads are the first's to the last bit, the method drew nothing at random, and
    the seeds after it are not fitted. Where a training was ended by hand, seeds that were not
    begun are left out.

    Args:
        fit: fits one seed; goes on from the checkpoint in its folder.
        basis: what a seed's heads depend on, plain JSON values.
        report: told one bar over all seeds.
    """
    bar = Bar(report, len(where))
    details: dict[int, dict[str, Any]] = {}
    first: Alignment | None = None
    for place in where:
        if details and any(each.enough() for each in where) and not _going(place):
            break
        own = basis(place)
        alignment = _kept(place, own)
        if alignment is None:
            alignment = fit(place, bar)
            _keep(place, alignment, own)
            bar.next()
        else:
            bar.skip(int(alignment.details.get("steps_run", 0)))
        details[place.seed] = alignment.details
        if first is not None and len(details) == 2 and same_heads(first, alignment):
            return Fitted(tuple(p.seed for p in where), True, details, None)
        first = first or alignment
    ended = [place.seed for place in where if place.seed in details and place.enough()]
    return Fitted(tuple(details), False, details, ended[-1] if ended else None)


def same_heads(first: Alignment, second: Alignment) -> bool:
    """Whether two alignments are the same to the last bit."""
    import torch

    for side, head in first.heads.items():
        other = second.heads[side]
        own, others = head.state_dict(), other.state_dict()
        if head.config != other.config or own.keys() != others.keys():
            return False
        if not all(torch.equal(value, others[name]) for name, value in own.items()):
            return False
    return True


def finish_early(where: Sequence[Place]) -> None:
    """Has a stopped run take its best heads so far and leave out the seeds that were not begun.

    Raises:
        NotAllowed: nothing was trained yet, or nothing is left to train.
    """
    left = [place for place in where if place.fitted() is None]
    if not left:
        raise NotAllowed("Its training is over. Press Resume: only the evaluation is left.")
    if len(left) == len(where) and not left[0].begun():
        raise NotAllowed(
            "Its training has no checkpoint yet, so there are no heads to finish with. Let it go on, or "
            "resume it, until its first look at the validation split."
        )
    left[0].ask_to_finish()


class Bar:
    """One bar over several fits: what ended counts as it was, what is to come as the one at work.

    Args:
        report: told the sums.
        fits: how many there are.
    """

    def __init__(self, report: Report, fits: int) -> None:
        self._report = report
        self._left = fits
        self._before = 0
        self._done = 0

    def __call__(self, done: int, total: int, unit: str) -> None:
        """The report of the fit at work."""
        self._done = done
        self._report(self._before + done, self._before + total * self._left, unit)

    def next(self) -> None:
        """The fit at work has ended."""
        self.skip(self._done)
        self._done = 0

    def skip(self, done: int) -> None:
        """A fit that had ended before, after so many units."""
        self._before += done
        self._left -= 1


def _going(place: Place) -> bool:
    """Whether a seed has anything to show."""
    return place.fitted() is not None or place.begun()


def _kept(place: Place, basis: Mapping[str, Any]) -> Alignment | None:
    """The heads that are there already, where they were fitted on the same."""
    from backend.alignment.base import load_alignment

    # compared as they are written down: tuples become lists
    if place.fitted() != json.loads(json.dumps(basis)):
        return None
    return load_alignment(place.heads)


def _keep(place: Place, alignment: Alignment, basis: Mapping[str, Any]) -> None:
    mark = place.heads / _MARK
    mark.unlink(missing_ok=True)
    alignment.save(place.heads)
    with whole_file(mark) as draft:
        draft.write_text(json.dumps(basis, indent=1), encoding="utf-8")
