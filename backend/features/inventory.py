"""What the feature store holds, one entry an encoder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.features.parts import read_parts
from backend.schemas import Side


@dataclass(frozen=True)
class Entry:
    """All stored features of one encoder, used in one way.

    Attributes:
        key: name of its folder.
        rows: items that have a feature.
        bytes: on disk, files in order (views) included.
    """

    key: str
    encoder: str
    side: Side
    rows: int
    bytes: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def stored_features(root: Path) -> list[Entry]:
    """The entries of the store under ``root``, largest first; a folder without a card is no entry."""
    entries = []
    for card in sorted(root.glob("*/encoder.json")):
        spec = json.loads(card.read_text("utf-8"))["spec"]
        folder = card.parent
        rows = len({key for part in read_parts(folder / "parts") for key in part.keys})
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        entries.append(Entry(folder.name, spec["id"], spec["side"], rows, size))
    return sorted(entries, key=lambda entry: -entry.bytes)
