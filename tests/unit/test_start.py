"""Opening the app is light: the heavy libraries come when they are needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "transformers", "sentence_transformers", "faiss", "umap", "numba", "sklearn")


def test_opening_the_app_imports_no_heavy_library() -> None:
    code = f"import app, json, sys; print(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_every_module_can_be_imported_first() -> None:
    """No circle of imports: each module of the one door's side is importable on its own."""
    for module in (
        "backend.services",
        "backend.cli",
        "backend.schemas",
        "backend.scenes.world",
        "ui.shell",
    ):
        done = subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            cwd=REPOSITORY,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
