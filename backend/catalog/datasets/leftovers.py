"""What an import left out, kept beside what it took, so that every later report tells it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from backend.schemas import Finding

_FILE: Final = ".left-out.json"


def write_leftovers(folder: Path, findings: Sequence[Finding]) -> None:
    """Keeps findings in the folder of an imported set."""
    told = [finding.model_dump() for finding in findings]
    (folder / _FILE).write_text(json.dumps(told), "utf-8")


def read_leftovers(path: Path) -> list[Finding]:
    """The findings of the import that made a folder; none where it was not imported."""
    folder = path if path.is_dir() else path.parent
    try:
        if (folder / _FILE).is_symlink():
            return []
        told = json.loads((folder / _FILE).read_text("utf-8"))
        return [Finding.model_validate(each) for each in told]
    except (OSError, ValueError, TypeError, RecursionError, ValidationError):
        return []
