"""Sweeps: grids of runs, checked as a whole, launched, watched, stopped, resumed, deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backend.errors import Fault, InvalidInput, IsthmusError
from backend.schemas import DatasetInfo, Modality, SweepDetail, SweepRequest, SweepSummary
from backend.services.running import Running, token_faults
from backend.settings import Settings


class Sweeping(Running):
    """The grids and their runs, which are runs like any other."""

    def __init__(self, settings: Settings) -> None:
        from backend.runs.sweeps import Sweeps

        super().__init__(settings)
        self._sweeps = Sweeps(self._store)

    def check_sweep(self, request: SweepRequest) -> SweepRequest:
        """Looks at a sweep without making anything.

        Returns:
            What would be made: each cell once. Numbers of training images that are as large as the
            data set's, or larger, are all of them.

        Raises:
            InvalidInput: every fault at once; ``Fault.where`` is dataset, pairs, methods,
                train_images, or ``<method>.<option>``.
        """
        from backend.runs.grid import MOST_RUNS, cells, without_repeats

        faults: list[Fault] = []
        found = self._sweep_dataset(request.dataset, faults)
        known = self._sweep_pairs(request, found.modality if found else "image", faults)
        self._sweep_methods(request, faults)
        faults.extend(
            Fault("train_images", f"{size} is too few; give at least 2, or all")
            for size in request.train_images
            if size is not None and size < 2
        )
        train = found.splits.get("train") if found else None
        made = without_repeats(
            request, train.images if train else None, lambda name: known.get(name, name)
        )
        count = len(cells(made))
        if count > MOST_RUNS:
            grid = f"{len(made.pairs)} x {len(made.methods)} x {len(made.train_images)}"
            faults.append(
                Fault(
                    "pairs",
                    f"pairs x methods x numbers of images are {grid} = {count:,} runs; at most "
                    f"{MOST_RUNS} at once. Take fewer of one, or make several sweeps",
                )
            )
        if not faults:
            self._sweep_memory(made, found.modality if found else "image", faults)
        if faults:
            raise InvalidInput("The sweep cannot start yet; correct what is marked.", faults)
        return made

    def launch_sweep(self, request: SweepRequest) -> SweepSummary:
        """Checks a sweep, makes all its runs and puts them into the queue.

        Raises:
            InvalidInput: every fault at once, as :meth:`check_sweep`; nothing is made then.
            NotAllowed: the place is read-only.
        """
        self.may_change()
        return self._sweeps.launch(self.check_sweep(request))

    def sweeps(self) -> list[SweepSummary]:
        """All sweeps, newest first."""
        return self._sweeps.list_sweeps()

    def sweep(self, sweep_id: str) -> SweepDetail:
        """A sweep with its cells, pair by pair, method by method, fewest images first.

        Raises:
            NotFound: there is no such sweep.
        """
        return self._sweeps.get_sweep(sweep_id)

    def cancel_sweep(self, sweep_id: str) -> None:
        """Stops all its live runs at once: those that wait end now, the one that runs within two
        seconds. What was done is kept.

        Raises:
            NotFound, NotAllowed: there is no such sweep; none of its runs is live.
        """
        self.may_change()
        self._sweeps.cancel(sweep_id)

    def resume_sweep(self, sweep_id: str) -> int:
        """Goes on with all its runs that had stopped; how many they are.

        Raises:
            NotFound, NotAllowed: there is no such sweep; none of its runs had stopped.
        """
        self.may_change()
        return self._sweeps.resume(sweep_id)

    def rename_sweep(self, sweep_id: str, name: str) -> None:
        """Gives a sweep another name; its runs keep theirs.

        Raises:
            InvalidInput: the name is empty or too long.
        """
        self.may_change()
        self._sweeps.rename(sweep_id, name)

    def delete_sweep(self, sweep_id: str, with_runs: bool = False) -> None:
        """Removes a sweep; refuses one that is live.

        Args:
            with_runs: remove its runs, too; otherwise they stay as runs like any other.

        Raises:
            NotFound, NotAllowed: there is no such sweep; it is live.
        """
        self.may_change()
        for run_id in self._sweeps.delete(sweep_id, with_runs=with_runs):
            self._forget(run_id)

    # --- checking -------------------------------------------------------------------------------

    def _sweep_dataset(self, dataset: str, faults: list[Fault]) -> DatasetInfo | None:
        try:
            built_in = {info.id: info for info in self.datasets() if info.built_in}
            return built_in.get(dataset) or self.check_dataset(dataset)
        except IsthmusError as error:
            faults.append(Fault("dataset", _told(error)))
            return None

    def _sweep_pairs(
        self, request: SweepRequest, modality: Modality, faults: list[Fault]
    ) -> dict[str, str]:
        """The one form of each encoder's address; each encoder is looked at once."""
        known: dict[str, str] = {}
        sides: tuple[Modality, Modality] = (modality, "text")
        for side, takes in enumerate(sides):
            for name in dict.fromkeys(pair[side] for pair in request.pairs):
                try:
                    info = self.check_encoder(name, takes)
                except IsthmusError as error:
                    faults.append(Fault("pairs", f"{name}: {_told(error)}"))
                    continue
                known[name] = info.id
                if info.pooling == "tokens":
                    faults.extend(_of_tokens(name, request.methods))
        return known

    def _sweep_methods(self, request: SweepRequest, faults: list[Fault]) -> None:
        """Unknown methods, and options that cannot be used or are of a method that is not made."""
        from backend.alignment.methods import METHODS, resolve_options

        for method in dict.fromkeys(request.methods):
            if method not in METHODS:
                faults.append(Fault("methods", f"{method!r} is not one of {', '.join(METHODS)}"))
                continue
            try:
                resolve_options(method, request.options.get(method, {}))
            except InvalidInput as error:
                faults += [Fault(f"{method}.{fault.where}", fault.what) for fault in error.faults]
        for method, options in request.options.items():
            if method not in request.methods:
                what = f"{method} is not a method of this sweep, so its options decide nothing"
                faults += [Fault(f"{method}.{name}", what) for name in options]

    def _sweep_memory(self, made: SweepRequest, modality: Modality, faults: list[Fault]) -> None:
        """What can by no means run here. The number of images changes nothing about it."""
        from backend.runs.grid import Cell

        size = made.train_images[0]
        grid = [Cell(pair, method, size) for pair in made.pairs for method in made.methods]
        for fault in self.memory_faults([cell.request(made) for cell in grid], modality):
            faults.append(Fault("methods" if fault.where == "method" else "pairs", fault.what))


def _of_tokens(encoder: str, methods: Iterable[str]) -> Iterator[Fault]:
    """What is wrong with asking for every token of an encoder, by method."""
    from backend.alignment.methods import METHODS

    for method in dict.fromkeys(methods):
        if method in METHODS:
            for fault in token_faults("pairs", encoder, METHODS[method].info):
                yield Fault("pairs", f"{encoder} with {method}: {fault.what}")


def _told(error: IsthmusError) -> str:
    """In one line, with its first faults."""
    own = error.faults if isinstance(error, InvalidInput) else ()
    text = error.summary if isinstance(error, InvalidInput) else str(error)
    return "; ".join([text, *(str(fault) for fault in own[:5])])
