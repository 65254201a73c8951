"""Addresses as they are given in a terminal."""

from __future__ import annotations

from pathlib import Path

from backend.settings import Settings
from backend.terminal import Listener


def fetch(dataset: str, settings: Settings, listener: Listener) -> None:
    """Brings a data set of the Hub here, telling how far it is."""
    from backend.catalog.datasets import load_dataset
    from backend.catalog.datasets.imports.removal import is_fetched

    if not is_fetched(dataset, settings):
        load_dataset(
            dataset,
            settings,
            lambda done, total, unit: listener("Fetch", done, total, unit),
            hashed=False,
        )


def place(name: str) -> str:
    """An address with its path made absolute, so that the run can be repeated from anywhere; other
    names as they are."""
    from backend.catalog.address import Address, parse

    address = parse(name)
    path = Path(address.base).expanduser()
    return str(Address(str(path.resolve()), address.options)) if path.exists() else name
