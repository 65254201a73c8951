"""All methods on the same pair of encoders and the same data: recall of each, over seeds.

    ISTHMUS_HOME=/scratch python -m benchmarks methods

Flickr8k, ViT-Ti and MiniLM where they lie beside the repository, else the built-in world. Every
method has its default options, which were chosen on validation; its test split is scored once, by
the run itself. With all training images and with 1,000 of them (each seed draws its own, the same
ones for every method, so that differences can be taken seed by seed). Runs stay in the home, and what is
finished there is not made again. docs/methods-table.md is written anew after every run of a full
measurement, and names what is still missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from scipy.stats import t

from backend.alignment.methods import METHODS
from backend.runs.pipeline import run_pipeline
from backend.runs.plan import plan
from backend.runs.store import Store
from backend.schemas import RetrievalReport, RunDetail, RunRequest, Spread
from backend.settings import REPOSITORY, Settings

Way = Literal["image_to_text", "text_to_image"]

SEEDS: Final = 5
FEW: Final = 1000
#: linear + InfoNCE as it is usually done, its heads drawn at random
BASELINE: Final = "linear-infonce, start=random"
#: take longer than all others together, so they come last
SLOW: Final = ("asif", "freeze-align", "sail")
#: beside every method as it comes: options that make the usual form of one
VARIANTS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    *((method, {}) for method in METHODS if method not in SLOW),
    ("linear-infonce", {"start": "random"}),
    # with the noise that STRUCTURE and SOTAlign have, so that what they add can be told from it
    ("linear-infonce", {"noise": "0.75"}),
    *((method, {}) for method in SLOW),
)
TABLE: Final = REPOSITORY / "docs" / "methods-table.md"
_BESIDE: Final = REPOSITORY.parent / "shared"
_WAYS: Final[dict[Way, str]] = {"image_to_text": "I2T", "text_to_image": "T2I"}


@dataclass(frozen=True)
class Row:
    """One method at one number of training images."""

    label: str
    run: RunDetail

    @property
    def report(self) -> RetrievalReport:
        return self.run.retrieval["test"]

    def spread(self, way: Way, k: int) -> Spread:
        """A recall over the seeds."""
        across = self.report.across_seeds
        assert across is not None
        spread: Spread = getattr(getattr(across, way), f"recall_at_{k}")
        return spread


def measure(quick: bool) -> dict[str, float]:
    """R@1 in per cent by method, direction and number of images; mean over seeds."""
    settings = Settings()
    settings.make_dirs()
    store, console = Store(settings), Console(stderr=True)
    sizes: tuple[int | None, ...] = (100,) if quick else (FEW, None)
    seeds = 2 if quick else SEEDS
    for size in sizes:
        for variant in VARIANTS:
            request = _request(*variant, size, seeds)
            if _found(store, request) is None:
                run = run_pipeline(settings, store, request, with_map=False)
                console.print(f"{request.name}: {run.summary.status} {run.summary.error or ''}")
            if not quick:  # after each, so that what was measured is told wherever this is stopped
                rows = {size: _rows(store, size, seeds) for size in sizes}
                if any(rows.values()):
                    TABLE.write_text(_document(rows), encoding="utf-8")
    return {
        f"{row.label}, {size or 'all'} images, {short} R@1, %": 100 * row.spread(way, 1).mean
        for size in sizes
        for row in _rows(store, size, seeds)
        for way, short in _WAYS.items()
    }


def _rows(store: Store, size: int | None, seeds: int) -> list[Row]:
    """What is finished in the home."""
    found = ((variant, _found(store, _request(*variant, size, seeds))) for variant in VARIANTS)
    return [Row(_label(*variant), run) for variant, run in found if run is not None]


def _label(method: str, options: dict[str, str]) -> str:
    return ", ".join([method, *(f"{name}={value}" for name, value in options.items())])


def _found(store: Store, request: RunRequest) -> RunDetail | None:
    """The finished run of the very same request and effective options, if there is one."""
    options = plan(request).configuration["options"]
    for summary in store.list_runs():
        if summary.name == request.name and summary.test is not None:
            run = store.get_run(summary.id)
            if run.request == request and run.configuration["options"] == options:
                return run
    return None


def _request(method: str, options: dict[str, str], size: int | None, seeds: int) -> RunRequest:
    flickr, vit = _BESIDE / "data" / "flickr8k", _BESIDE / "models" / "vit-tiny-patch16-224-augreg"
    real = flickr.is_dir() and vit.is_dir()
    return RunRequest(
        dataset=str(flickr) if real else "scenes-small",
        image_encoder=str(vit) if real else "scene-resnet-classes",
        text_encoder="minilm",
        method=method,
        options=dict(options),
        seeds=seeds,
        train_images=size,
        name=f"methods: {_label(method, options)}, {size or 'all'} images, {seeds} seeds",
    )


# --- the document ---------------------------------------------------------------------------------


def _document(rows: dict[int | None, list[Row]]) -> str:
    report, run = next((row.report, row.run) for each in rows.values() for row in each)
    parts = [
        "# All methods, measured",
        "",
        "Made by `python -m benchmarks methods`. "
        f"{_short(run.summary.dataset)}, {_short(run.summary.image_encoder)} and "
        f"{_short(run.summary.text_encoder)}; test split: {report.images:,} images, "
        f"{report.captions:,} captions, one row an image, scored once by each run. Per cent; chance R@1 "
        f"{100 * report.image_to_text.chance_at_1:.2g} image to text (I2T) and "
        f"{100 * report.text_to_image.chance_at_1:.2g} text to image (T2I). Mean of {SEEDS} seeds, ± half of "
        "the 95 % interval of the mean (Student's t over seeds; it says nothing about other test images, "
        f"for which see each run's own interval: about ±{_bootstrap(report):.1f} at R@1). Every method "
        "with its default options, chosen on validation.",
    ]
    for size, measured in rows.items():
        baseline = next((row for row in measured if row.label == BASELINE), None)
        name = "All training images" if size is None else f"{size:,} training images"
        parts += ["", f"## {name}", "", *_table(measured, baseline)]
        known = {row.label for row in measured}
        missing = [f"`{label}`" for each in VARIANTS if (label := _label(*each)) not in known]
        if missing:
            parts += ["", f"Not measured yet: {', '.join(missing)}."]
    return "\n".join(parts) + "\n"


def _table(rows: Sequence[Row], baseline: Row | None) -> Iterator[str]:
    names = [f"{short} R@{k}" for short in _WAYS.values() for k in (1, 5, 10)]
    yield f"| method | {' | '.join(names)} | mean R@1 against {BASELINE}, paired by seed |"
    yield "|---" * (len(names) + 2) + "|"
    ordered = sorted(rows, key=lambda row: -sum(row.spread(way, 1).mean for way in _WAYS))
    for row in ordered:
        cells = [_cell(row.spread(way, k)) for way in _WAYS for k in (1, 5, 10)]
        yield f"| `{row.label}` | {' | '.join(cells)} | {_difference(row, baseline)} |"


def _cell(spread: Spread) -> str:
    half = 50 * (spread.interval[1] - spread.interval[0])
    return f"{100 * spread.mean:.1f} ± {half:.1f}"


def _difference(row: Row, baseline: Row | None) -> str:
    """Mean over both directions, seed by seed, with Student's 95 % interval."""
    if baseline is None or row is baseline:
        return ""
    gained = 100 * (_both(row) - _both(baseline))
    half = t.ppf(0.975, len(gained) - 1) * gained.std(ddof=1) / np.sqrt(len(gained))
    return f"{gained.mean():+.1f} ± {half:.1f}"


def _both(row: Row) -> NDArray[np.float64]:
    both: NDArray[np.float64] = np.mean([row.spread(way, 1).values for way in _WAYS], axis=0)
    return both


def _bootstrap(report: RetrievalReport) -> float:
    """Half of the widest interval over test images."""
    widths = [getattr(report, way).interval_at_1 for way in _WAYS]
    return max(50.0 * float(high - low) for low, high in widths)


def _short(address: str) -> str:
    return Path(address.partition("?")[0]).name
