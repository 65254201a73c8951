"""The ways in which the page Map looks at a run, beside the map itself, in the order they are offered."""

from __future__ import annotations

from typing import Final

from ui.pages.mapping.before_after import BeforeAfterMode
from ui.pages.mapping.gap import GapMode
from ui.pages.mapping.mode import Mode
from ui.pages.mapping.training import TrainingMode

MODES: Final[tuple[type[Mode], ...]] = (BeforeAfterMode, TrainingMode, GapMode)
