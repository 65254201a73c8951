"""Where processes that work without a console write what happens: data/logs/."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from backend.settings import Settings

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def log_file(settings: Settings, name: str) -> Path:
    """The file ``data/logs/<name>.log``; its folder is made."""
    folder = settings.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


def file_handler(path: Path) -> logging.Handler:
    """A handler that keeps the last few megabytes."""
    handler = RotatingFileHandler(path, maxBytes=2_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    return handler


def log_to(path: Path) -> None:
    """Sends everything this process logs, and the job library's own log, to a file alone."""
    handler = file_handler(path)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("backend").setLevel(logging.INFO)
    # a handler of its own: without one DBOS adds another that writes to the console
    quiet = logging.getLogger("dbos")
    quiet.handlers[:] = [handler]
    quiet.propagate = False


@contextmanager
def also_to(path: Path) -> Iterator[None]:
    """Adds a file to what this process logs about its own work."""
    handler, logger = file_handler(path), logging.getLogger("backend")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
