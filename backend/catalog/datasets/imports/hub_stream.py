"""Rows of a data set in the Hub's form, streamed: from the Hub, or from a folder of the same form.

The library that reads them runs no code of a data set. What it is told to read is checked besides:
a row or a card may name any file or address, and only files of the repository itself are opened.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.errors import DatasetError
from backend.reporting import Report

#: readers that only parse data; others unpickle or are for things that are no items
_READERS: Final = frozenset(
    "parquet arrow json csv text imagefolder audiofolder webdataset".split()
)
_ANSWER_WITHIN_S: Final = 4.0
_LOOK_EVERY_S: Final = 0.3
_READ_AHEAD: Final = 32


@dataclass(frozen=True)
class Repository:
    """Where rows come from.

    Attributes:
        name: as it is told in errors.
        source: "owner/name", or the path of a folder.
        prefix: what the address of each of its files begins with.
        revision: the commit; None for a folder.
    """

    name: str
    source: str
    prefix: str
    revision: str | None = None

    @property
    def local(self) -> bool:
        """Whether it is a folder on this disk."""
        return self.revision is None

    def holds(self, address: str) -> bool:
        """Whether a file is one of the repository's own, or a member of an archive of its own."""
        *inner, outer = address.split("::")
        if len(inner) > 1 or any(not each.startswith(("zip://", "tar://")) for each in inner):
            return False
        if self.local:
            try:
                return Path(outer).resolve().is_relative_to(self.prefix)
            except (OSError, RuntimeError, ValueError):
                return False
        return outer.startswith(self.prefix) and ".." not in outer.split("/")


def on_the_hub(hub_id: str, revision: str, endpoint: str | None = None) -> Repository:
    """The repository of a Hub id, at a commit.

    Args:
        hub_id: "owner/name".
        revision: branch, tag or commit; empty for the newest.
        endpoint: address of the Hub; None for the official one.

    Raises:
        DatasetError: no such data set, no permission, or no connection; within seconds.
    """
    from huggingface_hub import HfApi

    try:
        info = HfApi(endpoint=endpoint).dataset_info(
            hub_id, revision=revision or None, timeout=_ANSWER_WITHIN_S
        )
    except Exception as error:  # the client's own errors and its transport's share no base
        raise explained(hub_id, error) from error
    return Repository(hub_id, hub_id, f"hf://datasets/{hub_id}@", info.sha or revision or "main")


def in_folder(folder: Path) -> Repository:
    """A folder that holds what a repository of the Hub holds."""
    real = str(folder.resolve())
    return Repository(str(folder), real, real)


@dataclass(frozen=True)
class Split:
    """One split: its rows as they are stored, and the declared type of each column, if any."""

    rows: Any
    features: Mapping[str, Any] | None


def open_splits(repository: Repository, config: str) -> dict[str, Split]:
    """The splits by their names.

    Raises:
        DatasetError: it has no files that can be read, or names files of others.
    """
    from datasets import load_dataset_builder

    try:
        builder = load_dataset_builder(
            repository.source, name=config or None, revision=repository.revision
        )
        files = _files(builder)
        reader = {base.__module__.split(".")[-1] for base in type(builder).__mro__}
        if not reader & _READERS:
            raise DatasetError(
                f"{repository.name} is stored in a way that is not read. Choose one of Parquet, "
                "JSON, CSV, pictures in folders or webdataset."
            )
        alien = [file for file in files if not repository.holds(file)]
        if alien or not files:
            told = (
                f"names files that are not its own ({alien[0][:80]})" if alien else "has no files"
            )
            raise DatasetError(f"{repository.name} {told}. Choose another data set.")
        splits = builder.as_streaming_dataset()
        return {str(name): _untyped(split) for name, split in splits.items()}
    except DatasetError:
        raise
    except Exception as error:  # as many kinds as there are formats and transports
        raise explained(repository.name, error) from error


def _untyped(stream: Any) -> Split:
    """Takes the types off, so that no picture is decoded and no file opened by the library.

    A typed recording could not even be passed on without its decoder being installed.
    """
    features = stream.features
    stream.info.features = None
    return Split(stream, features)


def bytes_of(value: Any, repository: Repository) -> tuple[bytes, str]:
    """The bytes of an undecoded picture or recording, and its file's name.

    Raises:
        ValueError: there are none, or it names a file that is not the repository's.
        DatasetError: the connection broke.
    """
    value = {"path": value} if isinstance(value, str) else value
    if not isinstance(value, dict):
        raise ValueError("it is empty" if value is None else f"it is {type(value).__name__}")
    data, path = value.get("bytes"), value.get("path")
    path = path if isinstance(path, str) else ""
    if isinstance(data, bytes) and data:
        return data, path
    if not path:
        raise ValueError("it is empty")
    if not repository.holds(path):
        raise ValueError("it names a file that is not the data set's own")
    from datasets.utils.file_utils import xopen

    try:
        with xopen(path, "rb") as file:
            content: bytes = file.read()
    except FileNotFoundError as error:
        raise ValueError("its file is not there") from error
    except Exception as error:  # as many kinds as there are transports
        if repository.local:
            raise ValueError(str(error)) from error
        raise explained(repository.name, error) from error
    return content, path


def streamed(
    split: Split, state: Mapping[str, Any] | None, name: str, report: Report, done: int, total: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows with the state from which the next one is read, while a thread reads ahead.

    Args:
        split: one of :func:`open_splits`.
        state: where to go on; None for the beginning.
        name: of the data set, for errors.
        report: told ``done`` of ``total`` while waiting; may raise ``Cancelled``.

    Raises:
        DatasetError: reading breaks off.
    """
    if state is not None:
        split.rows.load_state_dict(state)
    rows: queue.Queue[Any] = queue.Queue(_READ_AHEAD)
    stop = threading.Event()
    work = threading.Thread(
        target=_read_ahead, args=(split.rows, rows, stop), name="stream", daemon=True
    )
    work.start()
    try:
        while True:
            try:
                got = rows.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                report(done, total, "rows fetched")
                continue
            if got is None:
                return
            if isinstance(got, Exception):
                raise explained(name, got) from got
            yield got
    finally:
        stop.set()


def _read_ahead(stream: Any, rows: queue.Queue[Any], stop: threading.Event) -> None:
    """Puts each row with the state behind it, then None; an error instead, where one comes."""

    def put(value: Any) -> bool:
        while not stop.is_set():
            try:
                rows.put(value, timeout=_LOOK_EVERY_S)
                return True
            except queue.Full:
                continue
        return False

    try:
        for row in stream:
            if not put((row, stream.state_dict())):
                return
        put(None)
    except Exception as error:  # told by whoever takes the rows
        put(error)


def classes_of(features: Mapping[str, Any] | None) -> dict[str, Sequence[str]]:
    """Names of the classes of each column of classes."""
    found = {name: getattr(feature, "names", None) for name, feature in (features or {}).items()}
    return {name: tuple(names) for name, names in found.items() if isinstance(names, list)}


def explained(name: str, error: Exception) -> DatasetError:
    """What went wrong on the way, in a sentence with the next step."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return DatasetError(
            f"{name} is gated: accept its terms on the Hub and log in with `hf auth login`."
        )
    if isinstance(error, RevisionNotFoundError):
        return DatasetError(f"{name} has no such revision. Check the revision's name.")
    if isinstance(error, RepositoryNotFoundError | HFValidationError):
        return DatasetError(
            f"There is no data set {name} on the Hub. Check the spelling of its id."
        )
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    if isinstance(error, ValueError | KeyError | TypeError):
        return DatasetError(
            f"{name} cannot be read ({reason}). Check its options, or choose another."
        )
    return DatasetError(
        f"{name} cannot be fetched ({reason}). Check the connection and try again: what has come "
        "is kept. Or download it on another machine and give hf:// with the path of its folder."
    )


def _files(builder: Any) -> list[str]:
    files = builder.config.data_files or {}
    return [str(file) for some in files.values() for file in some]
