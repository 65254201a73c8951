"""The memory that a process may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend import memory as machine


def test_a_container_has_what_its_limit_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = machine.memory()
    assert whole is not None and whole > 1e9
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "_LIMITS", (limit, tmp_path / "not-there"))
    limit.write_text("max\n")
    unlimited = machine.memory()
    assert unlimited is not None and unlimited >= whole
    limit.write_text("123456789\n")
    assert machine.memory() == 123456789
    free = machine.free_memory()
    assert free is None or free <= 123456789
