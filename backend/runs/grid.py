"""What a sweep is made of: its cells, told by its request alone."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from backend.schemas import RunRequest, SweepCell, SweepRequest

#: most runs of one sweep: more is hardly ever meant, and would fill the queue for days
MOST_RUNS: Final = 500
_LONGEST_NAME: Final = 120
_WAYS: Final = ("image_to_text", "text_to_image")


class Cell(NamedTuple):
    """One place of a sweep's grid; no two of a sweep are the same.

    Attributes:
        pair: encoders of the items and of the text.
        method: id of the alignment method.
        train_images: how many; None for all.
    """

    pair: tuple[str, str]
    method: str
    train_images: int | None

    def request(self, sweep: SweepRequest) -> RunRequest:
        """What its run is asked for. The name tells the place, the number first of what may be cut."""
        image, text = map(short, self.pair)
        size = "all" if self.train_images is None else str(self.train_images)
        name = f"{self.method}, n = {size}: {image} + {text}"
        return RunRequest(
            dataset=sweep.dataset,
            image_encoder=self.pair[0],
            text_encoder=self.pair[1],
            method=self.method,
            options=sweep.options.get(self.method, {}),
            seed=sweep.seed,
            seeds=sweep.seeds,
            train_images=self.train_images,
            select_layers=sweep.select_layers,
            name=name[:_LONGEST_NAME],
        )


def cells(sweep: SweepRequest) -> list[Cell]:
    """As they are shown: pair by pair, method by method, fewest images first."""
    return [
        Cell(pair, method, size)
        for pair in sweep.pairs
        for method in sweep.methods
        for size in sweep.train_images
    ]


def queue_order(sweep: SweepRequest) -> list[Cell]:
    """As they are carried out, so that the matrix fills evenly and something can be compared soon.

    Fewest images first, as these runs are the quickest; at one number pair by pair, all methods of
    a pair before the next one. So the first column is whole before the second begins, and a pair's
    features are made once, by its first method.
    """
    return [
        Cell(pair, method, size)
        for size in sweep.train_images
        for pair in sweep.pairs
        for method in sweep.methods
    ]


def without_repeats(
    sweep: SweepRequest, training: int | None, known: Callable[[str], str] = str
) -> SweepRequest:
    """The same grid, each cell once, numbers in ascending order with "all" last.

    Args:
        sweep: as asked for.
        training: how many training items the data set has, None where that is not known. As many
            or more are all of them.
        known: an encoder's address in its one form, so that two ways to write it are one encoder.
    """
    pairs: dict[tuple[str, str], tuple[str, str]] = {}
    for image, text in sweep.pairs:
        pairs.setdefault((known(image), known(text)), (image, text))
    sizes = {
        None if size is None or (training is not None and size >= training) else size
        for size in sweep.train_images
    }
    numbers: list[int | None] = [*sorted(size for size in sizes if size is not None)]
    return sweep.model_copy(
        update={
            "pairs": tuple(pairs.values()),
            "methods": tuple(dict.fromkeys(sweep.methods)),
            "train_images": (*numbers, *([None] if None in sizes else [])),
        }
    )


def short(address: str) -> str:
    """The last word of an address without its options, which its run tells in full."""
    return address.partition("?")[0].rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1]


def default_name(sweep: SweepRequest) -> str:
    """In words, how large it is."""
    counts = ((sweep.pairs, "pair"), (sweep.methods, "method"), (sweep.train_images, "size"))
    words = [f"{len(kept)} {word}{'s' if len(kept) > 1 else ''}" for kept, word in counts]
    return f"{short(sweep.dataset)}: {' x '.join(words)}"[:_LONGEST_NAME]


def command(sweep: SweepRequest) -> str:
    """The command line that makes the same sweep."""
    words = ["python", "-m", "backend", "sweep", "--dataset", sweep.dataset]
    apart = any("+" in encoder for pair in sweep.pairs for encoder in pair)
    for image, text in sweep.pairs:
        words += (
            ["--image-encoder", image, "--text-encoder", text]
            if apart
            else ["--pair", f"{image}+{text}"]
        )
    for method in sweep.methods:
        words += ["--method", method]
    for size in sweep.train_images:
        words += ["--pairs-used", "all" if size is None else str(size)]
    for method, options in sorted(sweep.options.items()):
        for name, value in sorted(options.items()):
            words += ["--option", f"{method}.{name}={value}"]
    words += ["--seed", str(sweep.seed), "--seeds", str(sweep.seeds)]
    if sweep.select_layers:
        words.append("--select-layers")
    if sweep.name:
        words += ["--name", sweep.name]
    return shlex.join(words)


def table(shown: Iterable[SweepCell]) -> list[dict[str, Any]]:
    """The data-efficiency table, one row a cell, for ``--json FILE``.

    Recalls are R@1 on the test split as fractions. With several seeds the interval is Student's t,
    95 %, of their mean; with one it is the bootstrap's over test items, as ``interval_over`` says.
    """
    return [
        {
            "image_encoder": cell.pair[0],
            "text_encoder": cell.pair[1],
            "method": cell.method,
            "train_images": cell.train_images if cell.train_images is not None else "all",
            "run": cell.run.id if cell.run else None,
            "status": cell.run.status if cell.run else None,
            "error": cell.run.error if cell.run else None,
            **_scores(cell),
        }
        for cell in shown
    ]


def _scores(cell: SweepCell) -> dict[str, Any]:
    report = cell.run.test if cell.run else None
    if report is None:
        return {}
    across = report.across_seeds
    told: dict[str, Any] = {
        "test_images": report.images,
        "test_captions": report.captions,
        "interval_over": "test items" if across is None else "seeds",
    }
    for way in _WAYS:
        mean, interval, values = recall(cell, way)
        told[way] = {
            "mean": mean,
            "interval": list(interval),
            "values": list(values),
            "chance": getattr(report, way).chance_at_1,
        }
    return told


def recall(cell: SweepCell, way: str) -> tuple[float, tuple[float, float], Sequence[float]]:
    """R@1 of a finished cell: mean over its seeds, interval, one value a seed.

    Args:
        cell: whose run has a report on the test split.
        way: ``image_to_text`` or ``text_to_image``.
    """
    assert cell.run is not None and cell.run.test is not None
    report = cell.run.test
    if report.across_seeds is not None:
        spread = getattr(report.across_seeds, way).recall_at_1
        return spread.mean, spread.interval, spread.values
    scores = getattr(report, way)
    return scores.recall_at_1, scores.interval_at_1, (scores.recall_at_1,)
