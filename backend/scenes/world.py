"""Draws the built-in data sets: pictures, captions and scene graphs in a folder of files.

Drawn on first use, in seconds, by one process per core. A set is drawn into a folder of its own
which is renamed when it is complete, so a killed draw leaves nothing that counts and two processes
that draw at the same time do no harm.

Pictures of two splits come from namespaces of their own and are independent draws. A simple scene
(one plain object) may therefore occur in two splits with its object at another place, as the like
does in photographs; no picture occurs twice.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from backend.errors import NotFound, StorageError
from backend.reporting import Report, silent
from backend.scenes.captions import captions
from backend.scenes.graph import Scene, sample_scene
from backend.scenes.render import render
from backend.settings import REPOSITORY

#: raised whenever a picture or a caption changes: the sets are then drawn again, beside the old
WORLD_VERSION: Final = 1

#: images per split of each set; a smaller set is a prefix of a larger one
WORLDS: Final[dict[str, dict[str, int]]] = {
    "scenes": {"train": 3000, "val": 500, "test": 1000},
    "scenes-small": {"train": 1500, "val": 100, "test": 300},
}

CAPTIONS: Final = 5

#: captions that a training image keeps. Encoding captions is what takes longest, and more images with
#: fewer captions teach more than fewer images with all; held-out images always keep all five
TRAINING_CAPTIONS: Final[dict[str, int]] = {"scenes-small": 2}

_MANIFEST: Final = "world.json"
_STALE_AFTER_S: Final = 3600.0
_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True)
class Picture:
    """One image of a set: its name, its split and its ground truth."""

    split: str
    index: int

    @property
    def file(self) -> str:
        """Its name in the folder ``images``."""
        return f"{self.split}-{self.index:05d}.png"

    @property
    def key(self) -> str:
        """What decides the wordings of its captions."""
        return f"world/{self.split}/{self.index}"

    @property
    def scene(self) -> Scene:
        """What is in it."""
        return sample_scene(f"world/{self.split}", self.index)

    def entry(self, training_captions: int = CAPTIONS) -> dict[str, Any]:
        """Its row of captions.json; a training image tells so many captions, in turn from all kinds."""
        scene = self.scene
        told = captions(scene, self.key)
        kept = training_captions if self.split == "train" else CAPTIONS
        return {
            "file": self.file,
            "split": self.split,
            "captions": [
                told[n] for n in sorted((self.index + 2 * i) % CAPTIONS for i in range(kept))
            ],
            "attributes": attributes(scene),
        }


def pictures(images: Mapping[str, int]) -> Iterator[Picture]:
    """The images of a set, split by split. ``images`` is a row of :data:`WORLDS`."""
    for split, count in images.items():
        for index in range(count):
            yield Picture(split, index)


def picture_of(name: str, record_id: str) -> Picture:
    """The picture that a record of a built-in set is of, with its scene.

    Args:
        name: one of :data:`WORLDS`.
        record_id: the picture's file name.

    Raises:
        NotFound: there is no such set, or no such picture in it.
    """
    images = _images(name)
    split, _, number = record_id.removesuffix(".png").rpartition("-")
    if number.isdecimal() and int(number) < images.get(split, 0):
        picture = Picture(split, int(number))
        if picture.file == record_id:
            return picture
    splits = ", ".join(f"{split} {count:,}" for split, count in images.items())
    raise NotFound(
        f'The built-in set "{name}" has no picture "{record_id}"; its pictures are called like '
        f"{Picture('test', 0).file}, and there are so many: {splits}."
    )


def _images(name: str) -> dict[str, int]:
    if name not in WORLDS:
        raise NotFound(f'There is no built-in set "{name}"; choose one of {", ".join(WORLDS)}.')
    return WORLDS[name]


def attributes(scene: Scene) -> dict[str, str]:
    """What a map can be coloured by; "several" where the objects differ."""

    def shared(name: str) -> str:
        values = {getattr(item, name) for item in scene.objects}
        return str(values.pop()) if len(values) == 1 else "several"

    looks = {name: shared(name) for name in ("shape", "colour", "texture", "size")}
    told = {"background": scene.background, "light": scene.light}
    return {"objects": str(len(scene.objects)), **looks, **told}


def world_folder(root: Path, name: str) -> Path:
    """Where a set lies once it is drawn."""
    return root / f"{name}-v{WORLD_VERSION}"


def is_built(root: Path, name: str) -> bool:
    """Whether a set is drawn, in this version and size."""
    return bool(_told(world_folder(root, name)) == _manifest(name))


def build_world(root: Path, name: str, report: Report = silent) -> Path:
    """Draws a built-in set where it is not drawn yet.

    Args:
        root: the folder of all sets; made when missing.
        name: one of :data:`WORLDS`.
        report: told the number of pictures drawn; may raise ``Cancelled``: nothing is left behind.

    Returns:
        The set's folder: images/, captions.json, scenes.json (scene graphs by file) and world.json.

    Raises:
        NotFound: there is no set of that name.
        StorageError: the disk is full or may not be written.
    """
    images = _images(name)
    total = sum(images.values())
    target = world_folder(root, name)
    if is_built(root, name):
        return target
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
        try:
            (draft / "images").mkdir()
            with _painters(images, draft) as painters:
                _wait(painters, draft / "images", total, report)
            _write_words(name, draft)
            _put_in_place(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise StorageError(_what_to_do(root, error)) from error
    report(total, total, "pictures")
    return target


def _training_captions(name: str) -> int:
    return TRAINING_CAPTIONS.get(name, CAPTIONS)


def counts(name: str) -> dict[str, tuple[int, int]]:
    """Images and captions of each split of a set."""
    return {
        split: (images, images * (_training_captions(name) if split == "train" else CAPTIONS))
        for split, images in _images(name).items()
    }


def _manifest(name: str) -> dict[str, Any]:
    told = {"train_captions": _training_captions(name), "images": dict(_images(name))}
    return {"version": WORLD_VERSION, **told}


def _sweep(root: Path) -> None:
    """Removes drafts of draws that were killed; a live one is touched with every picture."""
    for draft in root.glob(".*-*"):
        images = draft / "images"
        try:
            age = time.time() - (images if images.exists() else draft).stat().st_mtime
        except OSError:  # another process has just swept it or put it in place
            continue
        if age > _STALE_AFTER_S:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _painters(images: Mapping[str, int], draft: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """One process per core, each drawing every n-th picture; none outlives this block.

    They are commands of their own and not a ``multiprocessing`` pool: a pool's spawned children
    would import the caller's main module (a web app, a test runner) again, and would wait for ever
    for the next task if the caller were killed.
    """
    count = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2, 8)
    task = [json.dumps(images), str(draft), str(os.getpid()), str(count)]
    command = [sys.executable, "-m", "backend.scenes.world", *task]
    painters: list[subprocess.Popen[str]] = []
    try:
        for share in range(count):
            painters.append(
                subprocess.Popen(
                    [*command, str(share)],
                    cwd=REPOSITORY,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        yield painters
    finally:
        for painter in painters:
            if painter.poll() is None:
                painter.kill()
            painter.communicate()


def _wait(painters: list[subprocess.Popen[str]], images: Path, total: int, report: Report) -> None:
    waiting = list(painters)
    while waiting:
        report(sum(1 for _ in os.scandir(images)), total, "pictures")
        try:
            waiting[0].wait(_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            continue
        painter = waiting.pop(0)
        if painter.returncode != 0:
            assert painter.stderr is not None
            lines = painter.stderr.read().strip().splitlines()
            raise OSError(
                errno.EIO, lines[-1] if lines else f"drawing ended with {painter.returncode}"
            )


def _write_words(name: str, draft: Path) -> None:
    every = list(pictures(_images(name)))
    texts = {
        "captions.json": [picture.entry(_training_captions(name)) for picture in every],
        "scenes.json": {picture.file: picture.scene.to_dict() for picture in every},
        _MANIFEST: _manifest(name),
    }
    for file, content in texts.items():
        (draft / file).write_text(json.dumps(content), "utf-8")


def _put_in_place(draft: Path, target: Path) -> None:
    draft.chmod(0o755)  # mkdtemp's folders are closed to others
    if target.exists() and _told(target) != _told(draft):
        shutil.rmtree(target)  # of another size, or damaged: what it held can be drawn again
    try:
        draft.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES):
            raise
        if not target.exists():
            raise
        # another process was faster; its pictures are the same


def _told(folder: Path) -> Any:
    """What a folder says it holds; None where it says nothing."""
    try:
        return json.loads((folder / _MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _what_to_do(root: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return (
        f"The built-in pictures could not be drawn into {root} ({reason}). "
        "They need about 110 MB: free some space, or set ISTHMUS_HOME to a folder that can be "
        "written."
    )


def _paint(images: Mapping[str, int], draft: Path, caller: int, shares: int, share: int) -> None:
    """The work of one process: every ``shares``-th picture. Ends when the caller is gone."""
    for number, picture in enumerate(pictures(images)):
        if number % shares != share:
            continue
        if os.getppid() != caller:
            return
        image = Image.fromarray(render(picture.scene))
        image.save(draft / "images" / picture.file, compress_level=1)


if __name__ == "__main__":
    _paint(json.loads(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6]))
