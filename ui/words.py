"""Numbers, times and states in words, the same everywhere in the app."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from backend import schemas
from backend.schemas import Modality, Progress, RetrievalScores, RunSummary, Side, Status

STATUS_WORDS: Final[dict[Status, str]] = {
    "queued": "Queued",
    "running": "Running",
    "finished": "Finished",
    "failed": "Failed",
    "cancelled": "Stopped",
    "interrupted": "Interrupted",
}

#: what each name in ``Series.name`` and the like is called on the page
METRIC_WORDS: Final[dict[str, str]] = {
    "train": "training",
    "val": "validation",
    "test": "test",
}

#: one item of a data set
ITEM_WORDS: Final = {modality: one for modality, (one, _) in schemas.ITEM_WORDS.items()}

#: what an encoder takes in
MODALITY_WORDS: Final[dict[Modality, str]] = {
    "image": "image",
    "audio": "audio",
    "text": "text",
    "code": "code",
    "features": "features",
}


def count(number: int, singular: str, plural: str | None = None) -> str:
    """``1 image``, ``1,000 images``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def thing(side: Side, modality: Modality) -> str:
    """What one of a side is called: of the items as their modality has it, else a caption."""
    return ITEM_WORDS[modality] if side == "image" else "caption"


def direction(name: str, modality: Modality) -> str:
    """``text_to_image`` of recordings as ``text → recording``; text stands for the captions."""
    item = ITEM_WORDS[modality]
    # texts of both sides would read "text → text"
    said = "caption" if modality == "text" else "text"
    return f"{item} → {said}" if name == "image_to_text" else f"{said} → {item}"


def encoder_label(side: Side, modality: Modality) -> str:
    """How the field is called that picks the encoder of a side."""
    if side == "text":
        return "Text encoder" if modality in ("image", "audio") else "Encoder of the captions"
    if modality == "features":
        return "Features of the items"
    if modality == "text":
        return "Encoder of the texts"
    return f"{MODALITY_WORDS[modality].capitalize()} encoder"


def size(number: int) -> str:
    """Bytes as ``88 MB``, ``1.2 GB``; thousands, as disks are sold."""
    for unit, one in (("bytes", 1), ("kB", 1e3), ("MB", 1e6)):
        if number < 999.5 * one:
            return f"{number / one:.0f} {unit}"
    return f"{number / 1e9:.1f} GB"


def millions(number: int) -> str:
    """A number of parameters as ``22.1 M``, ``1.1 B``."""
    if number >= 999_950_000:
        return f"{number / 1e9:.1f} B"
    return f"{number / 1e6:.1f} M"


def percent(share: float, places: int = 1) -> str:
    """A fraction as a percentage."""
    return f"{100 * share:.{places}f} %"


def duration(seconds: float) -> str:
    """``about 40 s``, ``about 3 min``, ``about 2 h 10 min``."""
    if seconds < 1:
        return "a moment"
    if seconds < 90:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} min"
    return f"about {minutes // 60} h {minutes % 60} min"


def search_time(seconds: float) -> str:
    """How long a search took."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def moment(when: datetime, now: datetime | None = None) -> str:
    """How long ago, coarse; the date once it is more than a week."""
    now = now or datetime.now(UTC)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    past = (now - when).total_seconds()
    if past < 60:
        return "just now"
    if past < 3600:
        return f"{past // 60:.0f} min ago"
    if past < 86400:
        return f"{past // 3600:.0f} h ago"
    if past < 7 * 86400:
        return count(int(past // 86400), "day") + " ago"
    return when.strftime("%d %b %Y")


def progress_line(progress: Progress) -> str:
    """``1,200 of 4,000 images · about 20 s left``."""
    parts = []
    unit = f" {progress.unit}" if progress.unit else ""
    if progress.total:
        parts.append(f"{progress.done:,} of {progress.total:,}{unit}")
    elif progress.done:
        parts.append(f"{progress.done:,}{unit}")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return " · ".join(parts)


def progress_share(progress: Progress) -> float | None:
    """How much of all stages is done, 0 to 1; None where that is not known."""
    within = min(1.0, progress.done / progress.total) if progress.total else 0.0
    if progress.steps:
        return min(1.0, (max(progress.step, 1) - 1 + within) / progress.steps)
    return within if progress.total else None


def interval(scores: RetrievalScores, k: int) -> str:
    """The 95 % interval of R@k in per cent."""
    low, high = getattr(scores, f"interval_at_{k}")
    return f"{100 * low:.1f} to {100 * high:.1f}"


def run_label(run: RunSummary) -> str:
    """How a run is called in a list to pick from."""
    if run.test is None:
        return run.name
    return f"{run.name}  ·  R@1 {percent(run.test.text_to_image.recall_at_1)}"


def series_label(name: str, modality: Modality = "image") -> str:
    """``val/text_to_image/recall_at_1`` as ``R@1 text → image``."""
    *path, metric = name.split("/")
    words = [
        direction(part, modality)
        if part in ("image_to_text", "text_to_image")
        else METRIC_WORDS.get(part, part.replace("_", " "))
        for part in path
    ]
    if metric.startswith("recall_at_"):
        return " ".join([f"R@{metric.removeprefix('recall_at_')}", *words[1:]])
    return " ".join([*words, metric.replace("_", " ")])


def file_url(path: Path) -> str:
    """Where the browser gets a thumbnail, a recording or a listing.

    Relative, so that it works behind a proxy's sub-path.
    """
    return "gradio_api/file=" + quote(str(path))


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
