"""An index in Milvus, for sets that outgrow one machine.

A collection is named by run, side and the hash of what it is built of, so that one that is there is never of
others. Its rows have a number, which is that of the vectors kept on disk, as every kind has them; ids stay
there. Search is exact up to the same size as elsewhere, and by Milvus' HNSW beyond.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from backend.errors import StorageError
from backend.exploration.indexes import stores
from backend.exploration.indexes.choosing import LINKS, Budget
from backend.exploration.indexes.flat import exact, exact_among
from backend.exploration.indexes.stores import Connection, Store, told
from backend.exploration.indexes.vectors import ID_BYTES, Found, IndexFacts, Rows, Vectors
from backend.reporting import Report, part, silent

log = logging.getLogger(__name__)

#: Milvus gives no more answers than so many
MOST: Final = 16_384
_ROW: Final = "row"
_VECTOR: Final = "vector"
#: a server takes messages of up to 64 MB
_BATCH_BYTES: Final = 8 * 1024**2
#: queries asked together
_ASKED: Final = 64
#: seconds for what a server writes, and between two looks at how far it is
_WRITE: Final = 120.0
_LOOK: Final = 0.5
#: Lite's growth with its first searches was 7 to 10 times its vectors, of 5,000 to 40,000 x 256 numbers
_LITE_COPIES: Final = 8


class MilvusIndex:
    """A collection beside the vectors that it was made of. It connects when it is first asked.

    Args:
        ids: of the rows.
        vectors: (n, d) unit rows.
        facts: what it is.
        store: where the collection is.
        collection: its name.
    """

    def __init__(
        self,
        ids: Sequence[str],
        vectors: Vectors,
        facts: IndexFacts,
        store: Store,
        collection: str,
    ) -> None:
        self.ids = ids
        self.row_of = {item: row for row, item in enumerate(ids)}
        self.facts = facts
        self._vectors = vectors
        self._store = store
        self._collection = collection
        self._connection: Connection | None = None
        self._connecting = threading.Lock()
        self._warned = False

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def memory_bytes(self) -> int:
        """See :class:`backend.exploration.indexes.VectorIndex`; a server has its own machine."""
        held = _LITE_COPIES * self._vectors.nbytes if self._store.lite else 0
        return held + ID_BYTES * len(self.ids)

    def search(self, queries: Vectors, k: int, among: Rows | None = None) -> Found:
        """See :class:`backend.exploration.indexes.VectorIndex`.

        Raises:
            StorageError: nothing answers.
        """
        if among is not None:
            return exact_among(self._vectors, queries, k, among)
        k = min(k, len(self.ids))
        given = np.ascontiguousarray(queries, np.float32)
        connection = self._opened() if k <= MOST else None
        if connection is None:
            return exact(self._vectors, given, k)
        rows = np.full((len(given), k), -1, np.int64)
        scores = np.zeros((len(given), k), np.float32)
        with told(self._store):
            for start in range(0, len(given), _ASKED):
                some = slice(start, start + _ASKED)
                for place, hits in enumerate(self._asked(connection, given[some], k), start):
                    rows[place, : len(hits.ids)] = hits.ids
                    scores[place, : len(hits.ids)] = hits.distances
        short = (rows < 0).any(axis=1)  # a graph gives up before it has found so many
        if short.any():
            rows[short], scores[short] = exact(self._vectors, given[short], k)
        return rows, scores

    def vectors(self) -> Vectors:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        return self._vectors

    def _asked(self, connection: Connection, queries: Vectors, k: int) -> Any:
        searched = self.facts.settings.get("search")
        return connection.client.search(
            self._collection,
            data=list(queries),
            anns_field=_VECTOR,
            limit=k,
            output_fields=[_ROW],
            search_params={
                "metric_type": "IP",
                "params": {"ef": max(k, searched)} if searched else {},
            },
            timeout=stores.ANSWER,
        )

    def _opened(self) -> Connection | None:
        """The connection; None where Lite's file is open elsewhere, and search is done without it."""
        with self._connecting:
            if self._connection is None:
                try:
                    self._connection = _loaded(self._store, self._collection)
                except StorageError as error:
                    if not self._store.lite:
                        raise
                    if not self._warned:
                        log.warning("Search is exact and without Milvus for now: %s", error)
                    self._warned = True
            return self._connection


def collection_of(folder: Path, key: str) -> str:
    """The name of a folder's collection: run, side and what it is built of."""
    return f"{_prefix(folder.parent.name)}{_plain(folder.name)}_{key[:16]}"


def fill(
    store: Store,
    collection: str,
    vectors: Vectors,
    settings: dict[str, int],
    report: Report = silent,
) -> None:
    """Makes a collection anew.

    Args:
        settings: of :func:`settings_for`.
        report: told vectors sent and indexed; may raise ``Cancelled``.

    Raises:
        StorageError: nothing answers, or not everything arrived.
    """
    if stores.exists(store, collection):
        stores.drop(store, collection)
    connection = Connection(store, collection)
    with told(store):
        _create(connection.client, collection, vectors.shape[1])
        sent = part(report, len(vectors), "vectors", 0, 0.5)
        _send(connection.client, collection, vectors, sent)
        indexed = part(report, len(vectors), "vectors", 0.5, 1)
        _index(connection.client, collection, settings, store.lite, indexed)
        connection.client.load_collection(collection, timeout=_WRITE)
        counted = connection.client.query(
            collection, output_fields=["count(*)"], timeout=stores.ANSWER
        )
    if (found := counted[0]["count(*)"]) != len(vectors):
        raise StorageError(
            f"Milvus at {store} has {found} of {len(vectors)} vectors after all were sent. Try again."
        )
    report(len(vectors), len(vectors), "vectors")


def settings_for(count: int, budget: Budget) -> dict[str, int]:
    """None for exact search, those of a graph beyond the size for it."""
    return {} if count <= budget.exact_until else {"links": LINKS, "build": 200, "search": 128}


def drop_of(store: Store, run: str, side: str = "", keep: str = "") -> None:
    """Removes a run's collections.

    Args:
        run: whose.
        side: "image" or "text"; empty for both.
        keep: one that stays.

    Raises:
        StorageError: nothing answers.
    """
    named = re.compile(rf"{_prefix(run)}{side or '(image|text)'}_[0-9a-f]{{16}}")
    for name in stores.names(store):
        if named.fullmatch(name) and name != keep:
            stores.drop(store, name)


def _loaded(store: Store, collection: str) -> Connection:
    connection = Connection(store, collection)
    with told(store):
        connection.client.load_collection(collection, timeout=_WRITE)
    return connection


def _create(client: Any, collection: str, dimension: int) -> None:
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field(_ROW, DataType.INT64, is_primary=True)
    schema.add_field(_VECTOR, DataType.FLOAT_VECTOR, dim=dimension)
    # strong: what was written before a search is found by it
    client.create_collection(collection, schema=schema, consistency_level="Strong", timeout=_WRITE)


def _send(client: Any, collection: str, vectors: Vectors, report: Report) -> None:
    step = max(1, _BATCH_BYTES // (4 * vectors.shape[1]))
    for start in range(0, len(vectors), step):
        report(start, len(vectors), "vectors")
        batch = np.ascontiguousarray(vectors[start : start + step], np.float32)
        rows = [{_ROW: row, _VECTOR: vector} for row, vector in enumerate(batch, start)]
        client.insert(collection, rows, timeout=_WRITE)
    client.flush(collection, timeout=_WRITE)


def _index(
    client: Any, collection: str, settings: dict[str, int], lite: bool, report: Report
) -> None:
    wanted = client.prepare_index_params()
    if settings:
        graph = {"M": settings["links"], "efConstruction": settings["build"]}
        wanted.add_index(_VECTOR, "HNSW", _VECTOR, metric_type="IP", params=graph)
    else:
        wanted.add_index(_VECTOR, "FLAT", _VECTOR, metric_type="IP", params={})
    report(0, 1, "")
    # Lite answers when all is built, however long that takes; a server at once
    client.create_index(collection, wanted, sync=False, timeout=None if lite else _WRITE)
    while True:
        state = client.describe_index(collection, _VECTOR, timeout=stores.ANSWER)
        report(state["indexed_rows"], max(1, state["total_rows"]), "")
        if state["state"] == "Finished":
            return
        if state["state"] == "Failed":
            raise StorageError(f"Milvus could not build the index of {collection}: see its log.")
        time.sleep(_LOOK)


def _prefix(run: str) -> str:
    return f"isthmus_{_plain(run)}_"


def _plain(name: str) -> str:
    """As Milvus allows it in a name."""
    return re.sub(r"\W", "_", name, flags=re.ASCII)
