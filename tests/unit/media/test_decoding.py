"""Decoding in worker processes: the same bytes, and no death of a worker is more than a fault."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.features.kinds.images import ImageEncoder
from backend.features.loading import load_encoder
from backend.media import decoding
from backend.media.blobs import Blob
from backend.media.decoding import Decoders, decode
from backend.media.pixels import Plan
from tests.unit.features import tiny

PLAN = Plan(40, None, 3, (32, 32))
LARGEST = 10_000


def _children() -> set[int]:
    """Processes of ours that decode."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and b"backend.media.decoding" in command:
            found.add(int(status.parent.name))
    return found


def test_workers_give_what_this_thread_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = tiny.pictures(tmp_path / "pictures", 12)
    paths[4].write_bytes(b"no picture")
    Image.new("RGB", (200, 100)).save(paths[7])
    archive = tmp_path / "archive.tar"
    content = paths[0].read_bytes()
    archive.write_bytes(b"x" * 512 + content + b"x" * 512)
    monkeypatch.chdir(tmp_path)
    sources = [
        *(Blob(path.relative_to(tmp_path)) for path in paths),
        Blob(archive, 512, len(content)),
        Blob(archive, 1024, 10**9),
        tmp_path / "gone.png",
    ]
    decoders = Decoders(2)
    here, there = decode(sources, PLAN, LARGEST), decoders.decode(sources, PLAN, LARGEST)
    decoders.close()
    assert here.kept == there.kept == (0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 12)
    assert np.array_equal(here.pictures, there.pictures)
    assert np.array_equal(here.pictures[0], here.pictures[-1])
    assert here.faults == there.faults and set(here.faults) == {4, 7, 13, 14}
    nothing = Decoders(1).decode([paths[4]], PLAN, LARGEST)
    assert nothing.kept == () and nothing.pictures.shape == (0, 32, 32, 3)


def test_many_threads_share_the_workers_and_close_ends_them(tmp_path: Path) -> None:
    paths = tiny.pictures(tmp_path, 30)
    before, decoders = _children(), Decoders(2)
    with ThreadPoolExecutor(6) as pool:
        batches = [paths[i : i + 3] for i in range(0, 30, 3)]
        found = list(pool.map(lambda batch: decoders.decode(batch, PLAN, LARGEST), batches))
    assert 1 <= len(_children() - before) <= 2
    for batch, one in zip(batches, found, strict=True):
        assert np.array_equal(one.pictures, decode(batch, PLAN, LARGEST).pictures)
    decoders.close()
    assert not _children() - before


def test_a_killed_worker_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    paths = tiny.pictures(tmp_path, 4)
    before, decoders = _children(), Decoders(1)
    wanted = decoders.decode(paths, PLAN, LARGEST)
    (worker,) = _children() - before
    os.kill(worker, signal.SIGKILL)
    again = decoders.decode(paths, PLAN, LARGEST)
    assert again.kept == wanted.kept and not again.faults
    assert np.array_equal(again.pictures, wanted.pictures)
    decoders.close()


def test_a_picture_that_kills_its_decoder_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook in the workers kills whichever opens this file, as a fault in a decoder would."""
    paths = tiny.pictures(tmp_path / "pictures", 5)
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        f"""
import os, signal, sys

def deadly(event, arguments):
    if event == "open" and str(arguments[0]) == {str(paths[2])!r}:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(deadly)
"""
    )
    monkeypatch.setenv("PYTHONPATH", str(hook))
    decoders = Decoders(1)
    found = decoders.decode(paths, PLAN, LARGEST)
    decoders.close()
    assert found.kept == (0, 1, 3, 4) and set(found.faults) == {2}
    assert "ended the process" in found.faults[2]
    others = [path for place, path in enumerate(paths) if place != 2]
    assert np.array_equal(found.pictures, decode(others, PLAN, LARGEST).pictures)


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """Also when it is killed: their pipe ends."""
    import subprocess
    import sys

    (path,) = tiny.pictures(tmp_path, 1)
    code = f"""
import os, signal
from pathlib import Path
from backend.media.decoding import Decoders
from backend.media.pixels import Plan
decoders = Decoders(1)
decoders.decode([Path({str(path)!r})], Plan(40, None, 3, (32, 32)), 10000)
print(decoders._idle.get()._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=decoding._HOME, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    worker = Path("/proc") / done.stdout.strip()
    deadline = time.monotonic() + 10
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(worker)


def _alive(process: Path) -> bool:
    try:
        return (process / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_an_encoder_gives_the_same_with_workers(tmp_path: Path) -> None:
    paths = tiny.pictures(tmp_path / "pictures", 20)
    spec = tiny.spec(tiny.vit(tmp_path / "vit"), "image")
    alone = load_encoder(spec, "cpu")
    assert isinstance(alone, ImageEncoder)
    before = _children()
    helped = ImageEncoder(spec, alone._files, "cpu", LARGEST, decoders=2)
    assert np.array_equal(alone.encode(paths), helped.encode(paths))
    assert _children() - before
    del helped
    assert not _children() - before
