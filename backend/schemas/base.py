"""Words that all schemas share."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Side = Literal["image", "text"]
#: what an item is; "features": it is known by its precomputed features alone, as a neural recording
Modality = Literal["image", "audio", "text", "code", "features"]
#: how one item and several are called
ITEM_WORDS: dict[Modality, tuple[str, str]] = {
    "image": ("image", "images"),
    "audio": ("recording", "recordings"),
    "text": ("text", "texts"),
    "code": ("program", "programs"),
    "features": ("item", "items"),
}
Status = Literal["queued", "running", "finished", "failed", "cancelled", "interrupted"]

#: statuses from which Resume goes on
RESUMABLE: frozenset[Status] = frozenset({"failed", "cancelled", "interrupted"})
#: statuses in which something is still going to happen
LIVE: frozenset[Status] = frozenset({"queued", "running"})


class Frozen(BaseModel):
    """A value object."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="forbid")
