"""Batches of work, carried out by a few threads and handed back in order.

Each thread computes a whole batch with one core, rather than all cores sharing every matrix
product: threads that share a product wait for each other dozens of times a batch, which costs two
thirds of the speed as soon as another process wants a core (measured on two cores, one of them
taken: 75 against 240 captions a second; with both taken, a single sentence took 1.4 s against 0.06).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from backend.reporting import Report

LOOK_EVERY_S: Final = 0.25

T = TypeVar("T")


@dataclass(frozen=True)
class Output:
    """One thing that an encoder gives for every item; the store keeps each by itself.

    Attributes:
        fingerprint: hash of everything that decides its numbers.
        label: in words, e.g. "layer 6, CLS".
        ragged: one vector for each token of an item instead of one vector.
    """

    fingerprint: str
    label: str
    ragged: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a batch.

    Attributes:
        items: positions of the items that have features.
        blocks: one array for each output of the encoder: (len(items), d) float32; of a ragged output
            (sum of its lengths, d), item after item.
        lengths: for each output the number of tokens of each item where it is ragged, else empty.
        faults: what is wrong with each item that has none, by position.
    """

    items: tuple[int, ...]
    blocks: tuple[NDArray[np.float32], ...]
    lengths: tuple[tuple[int, ...], ...] = ()
    faults: dict[int, str] = field(default_factory=dict)


def join(outcomes: Sequence[Outcome], faults: dict[int, str]) -> Outcome:
    """What came of a batch that was computed in pieces, each with the same outputs."""
    first = outcomes[0]
    return Outcome(
        tuple(item for outcome in outcomes for item in outcome.items),
        tuple(
            np.concatenate([outcome.blocks[number] for outcome in outcomes])
            for number in range(len(first.blocks))
        ),
        tuple(
            tuple(length for outcome in outcomes for length in outcome.lengths[number])
            for number in range(len(first.lengths))
        ),
        faults,
    )


@dataclass(frozen=True)
class Work:
    """A batch: the positions of its items and what encodes them, in any thread."""

    items: tuple[int, ...]
    run: Callable[[], Outcome]


class Tally:
    """Counts what is done and tells it."""

    def __init__(self, report: Report, total: int, unit: str, done: int = 0) -> None:
        self._report = report
        self._total = total
        self._unit = unit
        self._done = done

    def add(self, outcome: Outcome) -> None:
        """Counts a batch, faults too, and tells."""
        self._done += len(outcome.items) + len(outcome.faults)
        self.tell()

    def tell(self) -> None:
        """Tells where it stands; may raise ``Cancelled``."""
        self._report(self._done, self._total, self._unit)


def patiently(call: Callable[[], object], on_wait: Callable[[], None]) -> None:
    """Makes a long call in a thread of its own, and tells meanwhile that something is going on.

    Args:
        on_wait: called every quarter of a second; when it raises, the call is left to end by itself.

    Raises:
        Exception: whatever the call raises.
    """
    pool = ThreadPoolExecutor(1, "load")
    try:
        _waited(pool.submit(call), on_wait)
    finally:
        pool.shutdown(wait=False)


@contextmanager
def in_order(works: Iterator[Work], on_wait: Callable[[], None]) -> Iterator[Iterator[Outcome]]:
    """For a with statement: carries out every batch, a few at a time.

    Args:
        works: drawn in a thread of its own, a few ahead of what is being computed: drawing one may
            take as long as tokenising thousands of texts does.
        on_wait: called every quarter of a second while nothing is ready; may raise.

    Yields:
        The outcomes in the order of ``works``. What is under way at the end ends by itself.
    """
    with (
        _cores.pool() as (pool, threads),
        closing(_outcomes(works, on_wait, pool, threads)) as all_,
    ):
        yield all_


def _outcomes(
    works: Iterator[Work], on_wait: Callable[[], None], pool: ThreadPoolExecutor, threads: int
) -> Generator[Outcome, None, None]:
    pending: deque[Future[Outcome]] = deque()
    drawing = ThreadPoolExecutor(1, "draw")

    def drawn() -> Work | None:
        return _waited(drawing.submit(next, works, None), on_wait)

    try:
        while True:
            while len(pending) < 2 * threads and (work := drawn()) is not None:
                pending.append(pool.submit(work.run))
            if not pending:
                return
            yield _waited(pending.popleft(), on_wait)
    finally:
        drawing.shutdown(wait=False)


def _waited(future: Future[T], on_wait: Callable[[], None]) -> T:
    """What comes of a future; tells meanwhile that something is going on."""
    while not wait([future], LOOK_EVERY_S).done:
        on_wait()
    return future.result()


class _Cores:
    """Gives out pools with as many threads as torch may use cores, each of which computes with one.

    torch hands the number of cores that was set last, by whichever thread, to threads that are started
    later. So the first pool remembers the number and the last one puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools = 0
        self._threads = 1

    @contextmanager
    def pool(self) -> Iterator[tuple[ThreadPoolExecutor, int]]:
        """A pool and the number of its threads."""
        import torch

        with self._lock:
            if self._pools == 0:
                self._threads = torch.get_num_threads()
            self._pools += 1
            threads = self._threads
        pool = ThreadPoolExecutor(threads, "encode", initializer=self._take_one)
        try:
            yield pool, threads
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            with self._lock:
                self._pools -= 1
                if self._pools == 0:
                    torch.set_num_threads(threads)

    def _take_one(self) -> None:
        """First thing in each thread; one that starts after its pool has ended changes nothing."""
        import torch

        with self._lock:
            if self._pools:
                torch.set_num_threads(1)


#: one for the process, as torch's number of cores is
_cores: Final = _Cores()
