"""Decoding and resizing many pictures: here, or in worker processes where a GPU must not wait.

A worker is a light process (PIL and numpy alone) that is asked over a pipe: one line of JSON with
files, answered by one line of JSON and the bytes of the resized pictures. It ends when its pipe
does, so none outlives the process that started it, however that dies. A worker that dies itself is
replaced; the picture that killed it is set aside.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.errors import InvalidInput
from backend.media.blobs import Blob
from backend.media.pictures import read_picture
from backend.media.pixels import Plan

#: where the package is
_HOME: Final = Path(__file__).resolve().parents[2]
_ENDS_IN_S: Final = 5.0


@dataclass(frozen=True)
class Decoded:
    """Pictures of a batch.

    Attributes:
        kept: places of those that could be decoded, ascending.
        pictures: (len(kept), height, width, 3).
        faults: what is wrong with the others, by place.
    """

    kept: tuple[int, ...]
    pictures: NDArray[np.uint8]
    faults: dict[int, str] = field(default_factory=dict)


def decode(sources: Sequence[Any], plan: Plan, max_pixels: int) -> Decoded:
    """Decodes and resizes pictures in this thread.

    Args:
        sources: files, blobs or PIL images.
        plan: gives every picture the same shape.
        max_pixels: larger pictures are set aside.
    """
    height, width = plan.shape or (0, 0)
    pictures = np.empty((len(sources), height, width, 3), np.uint8)
    kept: list[int] = []
    faults: dict[int, str] = {}
    for place, source in enumerate(sources):
        try:
            # one by one, so that a large picture is let go as soon as it is resized
            pictures[len(kept)] = plan.apply(read_picture(source, max_pixels))
            kept.append(place)
        except InvalidInput as fault:
            faults[place] = fault.summary
    return Decoded(tuple(kept), pictures[: len(kept)], faults)


class Decoders:
    """Worker processes that decode and resize. Each is started when it is first needed.

    Args:
        count: how many; as many threads may ask at once, others wait.
    """

    def __init__(self, count: int) -> None:
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        workers = [_Worker() for _ in range(count)]
        for worker in workers:
            self._idle.put(worker)
        self.close = weakref.finalize(self, _close, workers)

    def decode(self, sources: Sequence[Any], plan: Plan, max_pixels: int) -> Decoded:
        """As :func:`decode`, in a worker; pictures that are in memory already, in this thread."""
        if any(isinstance(source, Image.Image) for source in sources):
            return decode(sources, plan, max_pixels)
        worker = self._idle.get()
        try:
            return worker.ask(sources, plan, max_pixels)
        except _Died:
            return _one_by_one(worker, sources, plan, max_pixels)
        finally:
            self._idle.put(worker)


class _Died(Exception):
    """A worker is gone before it answered."""


class _Worker:
    """One process, used by one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, sources: Sequence[Any], plan: Plan, max_pixels: int) -> Decoded:
        """Has pictures decoded.

        Raises:
            _Died: the process is gone; the next call starts another.
        """
        request = {
            "sources": [_place(source) for source in sources],
            "plan": asdict(plan),
            "max_pixels": max_pixels,
        }
        try:
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            pictures = np.empty(answer["shape"], np.uint8)
            _read_into(process.stdout, pictures)
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise _Died from error
        faults = {int(place): what for place, what in answer["faults"].items()}
        return Decoded(tuple(answer["kept"]), pictures, faults)

    def close(self) -> None:
        """Ends the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            process.wait(_ENDS_IN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "backend.media.decoding"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_HOME,
            )
        return self._process


def _close(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.close()


def _one_by_one(worker: _Worker, sources: Sequence[Any], plan: Plan, max_pixels: int) -> Decoded:
    """After a worker has died: each picture by itself, so that only the deadly one is lost."""
    kept: list[int] = []
    pictures: list[NDArray[np.uint8]] = []
    faults: dict[int, str] = {}
    for place, source in enumerate(sources):
        try:
            one = worker.ask([source], plan, max_pixels)
        except _Died:
            faults[place] = "reading it ended the process that did; replace it"
            continue
        if one.faults:
            faults[place] = one.faults[0]
        kept += [place] * len(one.kept)
        pictures.append(one.pictures)
    height, width = plan.shape or (0, 0)
    empty = np.empty((0, height, width, 3), np.uint8)
    return Decoded(tuple(kept), np.concatenate([empty, *pictures]), faults)


def _place(source: Any) -> tuple[str, int, int | None]:
    """Where a picture's bytes are, independent of the working folder."""
    blob = source if isinstance(source, Blob) else Blob(Path(source))
    return str(blob.path.absolute()), blob.offset, blob.size


def _read_into(pipe: Any, target: NDArray[np.uint8]) -> None:
    view = target.reshape(-1).data
    while len(view):
        count = pipe.readinto(view)
        if not count:
            raise EOFError
        view = view[count:]


def _serve() -> None:
    """What a worker does: answers until its pipe ends."""
    # what libraries print must not come between the answers
    answers = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        sources = [Blob(Path(path), offset, size) for path, offset, size in request["sources"]]
        told = request["plan"]
        plan = Plan(told["shortest"], _pair(told["size"]), told["resample"], _pair(told["crop"]))
        found = decode(sources, plan, request["max_pixels"])
        answer = {
            "kept": found.kept,
            "shape": found.pictures.shape,
            "faults": found.faults,
        }
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.write(found.pictures.data)
        answers.flush()


def _pair(told: Sequence[int] | None) -> tuple[int, int] | None:
    return (told[0], told[1]) if told else None


if __name__ == "__main__":
    _serve()
