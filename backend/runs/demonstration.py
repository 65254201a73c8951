"""The run that a new home makes by itself, so that the app opens on something to explore."""

from __future__ import annotations

from backend.runs.jobs import Jobs
from backend.runs.store import Store
from backend.schemas import RunRequest
from backend.settings import Settings

REQUEST = RunRequest(
    dataset="scenes-small",
    image_encoder="scene-resnet-classes",
    text_encoder="minilm",
    method="linear-infonce",
    # drawn pictures have little noise of their own: chosen on validation, by what a colour and a shape find
    options={"batch": 256, "least_steps": 800, "noise": 0.1},
    name="Demonstration",
)
_MARK = "demonstration.made"


def ensure_demonstration(settings: Settings, store: Store, jobs: Jobs) -> str | None:
    """Puts the demonstration run into the queue, once a home: one that was deleted stays deleted.

    Returns:
        Its id if it was made now.
    """
    mark = settings.data_dir / _MARK
    if not settings.demo or settings.mode != "full" or mark.exists() or store.has_demonstration():
        return None
    summary = jobs.launch(REQUEST, demonstration=True)
    mark.write_text(summary.id, encoding="utf-8")
    return summary.id
