"""Milvus for tests: Lite's file in this process, and a server that answers on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from backend.exploration.indexes import Store

MISSING = "pymilvus and milvus-lite are not installed (requirements-milvus.txt)"


@contextmanager
def store_at(where: Literal["file", "server"] | None, folder: Path) -> Iterator[Store | None]:
    """A store below ``folder``; None for none. Skips where the client is not installed."""
    if where is None:
        yield None
        return
    pytest.importorskip("pymilvus", reason=MISSING)
    pytest.importorskip("milvus_lite", reason=MISSING)
    if where == "file":
        yield Store(str(folder / "milvus.db"))
        return
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, database, port = start_server_in_thread(str(folder / "server"), "127.0.0.1", 0)
    try:
        yield Store(f"http://127.0.0.1:{port}")
    finally:
        server.stop(grace=0)
        database.close()
