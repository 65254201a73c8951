"""Through training: the map along the training, and the curves whose cursor moves with it."""

from __future__ import annotations

from typing import Any, ClassVar

from backend.schemas import Frames
from ui import figures
from ui.components import curves
from ui.pages.mapping.moving_mode import MovingMode, Updates


class TrainingMode(MovingMode):
    """The map at the steps whose heads were kept."""

    name: ClassVar[str] = "training"
    label: ClassVar[str] = "Through training"
    about: ClassVar[str] = (
        "Drag the slider, or the line in a curve: both move together. A click on a point draws lines to its "
        "partner and neighbours, which move with it."
    )

    def lay_out_beside(self) -> list[Any]:
        """Loss and recall by step."""
        self.curves = curves(elem_id="i-training-curves")
        return [self.curves]

    def frames(self, run: str) -> Frames:
        """The gallery through the kept heads."""
        return self.services.training_frames(run)

    def show_beside(self, run: str, frames: Frames) -> Updates:
        """The curves with their cursor."""
        return {self.curves: figures.training_curves(self.services.run(run), frames, self.name)}

    def hide_beside(self) -> Updates:
        """No curves."""
        return {self.curves: {"plots": []}}
