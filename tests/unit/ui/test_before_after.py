"""Three maps beside each other: what comes late never takes the place of what was asked for last."""

from __future__ import annotations

from typing import Any

import pytest

from ui.pages.mapping.before_after import BeforeAfterMode
from ui.turns import Turns


def test_a_load_that_is_overtaken_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mode = BeforeAfterMode.__new__(BeforeAfterMode)
    turns, answers = Turns(), {}

    def load(method: str) -> dict[Any, Any]:
        answers[method] = mode.load("r", "before", method, "modality", (), turns)
        return {"shown": method}

    def loaded(run: str, method: str, colour: str, had: Any) -> dict[Any, Any]:
        # the second is asked for, and answered, while the first is still being looked for
        return load("pca") | {"shown": "umap"} if method == "umap" else {"shown": method}

    monkeypatch.setattr(mode, "_loaded", loaded)
    load("umap")
    assert answers == {"pca": {"shown": "pca"}, "umap": {}}
    assert mode.load("r", "before", "pca", "modality", (), turns) == {"shown": "pca"}
