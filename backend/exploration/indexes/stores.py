"""Milvus as the store of vectors: where it is, connecting to it, its errors in words.

One client serves Milvus Lite (a path), a server and a cluster (an address and a token). Of Lite, one process
alone can open a file, and Isthmus has two, the page and the worker. So each index has a file of its own, in
the folder that the path names, and is closed when nobody asks it any more.
"""

from __future__ import annotations

import importlib.util
import logging
import shutil
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.errors import StorageError

#: seconds until a server counts as unreachable, and until a question counts as unanswered
CONNECT: Final = 5.0
ANSWER: Final = 10.0

_users: Final[Counter[str]] = Counter()
# entered again by the same thread where a connection is let go while another one is made
_counting: Final = threading.RLock()


@dataclass(frozen=True, repr=False)
class Store:
    """Where Milvus is.

    Attributes:
        uri: a server's or a cluster's address, or the folder of Lite's files.
        token: ``user:password`` or a key, where it asks for one.
    """

    uri: str
    token: str = ""

    @property
    def lite(self) -> bool:
        """Whether it is Milvus Lite, on this disk."""
        return "://" not in self.uri

    def file(self, collection: str) -> Path:
        """Of Lite: where a collection lies."""
        return Path(self.uri) / f"{collection}.db"

    def __str__(self) -> str:
        """Without the password that an address may hold."""
        scheme, found, rest = self.uri.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}" if found else self.uri

    __repr__ = __str__


class Connection:
    """A client of Milvus; closed when it is let go.

    Args:
        store: where.
        collection: that is meant, as Lite has a file of each.

    Attributes:
        client: pymilvus' own.

    Raises:
        StorageError: the client is not installed, or nothing answers.
    """

    def __init__(self, store: Store, collection: str) -> None:
        library = _library(store)
        where = str(store.file(collection)) if store.lite else store.uri
        if store.lite:
            Path(store.uri).mkdir(parents=True, exist_ok=True)
        with _counting:
            # counted first, so that another connection's end does not close the file that this one opens
            _users[where] += 1
        try:
            with told(store):
                self.client: Any = library.MilvusClient(
                    where, token=store.token, timeout=CONNECT, dedicated=store.lite
                )
        except BaseException:
            _let_go(where, None, store.lite)
            raise
        weakref.finalize(self, _let_go, where, self.client, store.lite)


def exists(store: Store, collection: str) -> bool:
    """Whether a collection is there.

    Raises:
        StorageError: nothing answers.
    """
    if store.lite:
        return store.file(collection).is_dir()
    connection = Connection(store, collection)
    with told(store):
        return bool(connection.client.has_collection(collection, timeout=ANSWER))


def names(store: Store) -> list[str]:
    """All collections that are there, of whomever.

    Raises:
        StorageError: nothing answers.
    """
    if store.lite:
        return [path.stem for path in Path(store.uri).glob("*.db")]
    connection = Connection(store, "")
    with told(store):
        return list(connection.client.list_collections(timeout=ANSWER))


def drop(store: Store, collection: str) -> None:
    """Removes a collection.

    Raises:
        StorageError: nothing answers.
    """
    if store.lite:
        shutil.rmtree(store.file(collection), ignore_errors=True)
        return
    connection = Connection(store, collection)
    with told(store):
        connection.client.drop_collection(collection, timeout=ANSWER)


@contextmanager
def told(store: Store) -> Iterator[None]:
    """Says what went wrong in a sentence, with what to check.

    Raises:
        StorageError: in place of the client's own.
    """
    from grpc import RpcError
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, RpcError) as error:
        raise StorageError(_words(store, error)) from error


def _words(store: Store, error: Exception) -> str:
    if store.lite:
        return (
            f"Milvus Lite could not be used in {store}: another process may have this index open, or its "
            "file is damaged. Close the other one, or delete the file, and it is made again. Milvus Lite "
            f"said: {_said(error)}"
        )
    return (
        f"Milvus at {store} does not answer as it should. Check that it runs, that ISTHMUS_VECTOR_STORE has "
        "its address and port (19530, where nobody changed it), and that ISTHMUS_VECTOR_STORE_TOKEN is "
        f"right where it asks for one. It said: {_said(error)}"
    )


def _said(error: Exception) -> str:
    said = " ".join(str(getattr(error, "message", "") or error).split())
    return said if len(said) <= 200 else f"{said[:200]} ..."


def _library(store: Store) -> Any:
    wanted = ["pymilvus", "milvus_lite"] if store.lite else ["pymilvus"]
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        raise StorageError(
            f"ISTHMUS_VECTOR_STORE asks for Milvus, and {' and '.join(missing)} is not installed. Install "
            "it: pip install -r requirements-milvus.txt -c constraints.txt"
        )
    import pymilvus

    for name in wanted:  # they log what they raise, with a traceback each time
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return pymilvus


def _let_go(where: str, client: Any, lite: bool) -> None:
    if client is not None:
        with suppress(Exception):  # at the end of the process parts of it may be gone
            client.close()
    with _counting:
        _users[where] -= 1
        if _users[where] > 0:
            return
        del _users[where]
        if lite:
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(where)
