"""What evaluations found, as tables in a terminal."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from backend.schemas import (
    AssessmentReport,
    CompositionalReport,
    CompositionalShare,
    ConflictReport,
    CounterfactualReport,
    GapReport,
    Leaderboard,
    Share,
    SimilarityReport,
    Slices,
    Suspicions,
    ZeroShotReport,
)

Interval = tuple[float, float]
_CLASSES_SHOWN = 20


def classes_table(report: ZeroShotReport) -> Table:
    """The accuracies, then the classes that fare worst."""
    table = Table(
        "", "percent", "95 % interval", "chance", "items",
        title=f"{report.images:,} items of {len(report.classes):,} classes, {report.templates} "
        "templates a class",
        title_justify="left",
    )  # fmt: skip
    table.add_row("top-1", *_cells(report.top_1, report.interval_of_top_1, report.chance_at_1))
    if report.top_5 is not None:
        table.add_row("top-5", *_cells(report.top_5, report.interval_of_top_5, report.chance_at_5))
    mean = _cells(report.mean_per_class, report.interval_of_mean_per_class, report.chance_at_1)
    table.add_row("mean per class", *mean, end_section=True)
    for each in report.per_class[:_CLASSES_SHOWN]:
        taken = f" → {each.mistaken_for}" if each.mistaken_for else ""
        cells = _cells(each.accuracy, each.interval)
        table.add_row(escape(f"{each.name}{taken}"), *cells, "", f"{each.images:,}")
    return table


def compositional_table(report: CompositionalReport) -> Table:
    """Every subset's shares, then all together."""
    tasks = list(report.overall)
    table = Table(
        "", "examples", *(task.replace("_", " ") for task in tasks),
        title=f"{report.benchmark}: {report.examples:,} examples, {report.images:,} images (percent; "
        "95 % interval; chance)",
        title_justify="left",
    )  # fmt: skip
    for subset in report.subsets:
        cells = [_share(subset.scores.get(task)) for task in tasks]
        table.add_row(escape(subset.name), f"{subset.examples:,}", *cells)
    for name, scores in (
        ("all examples", report.overall),
        ("mean of subsets", report.mean_of_subsets),
    ):
        table.add_row(name, "", *(_share(scores.get(task)) for task in tasks))
    return table


def similarity_table(report: SimilarityReport) -> Table:
    """Every measure before and after, each with its calibrated value and p."""
    table = Table(
        "", "before", "calibrated", "p", "after", "calibrated", "p",
        title=f"{report.pairs:,} test pairs, {report.neighbours} neighbours, {report.permutations} "
        "permutations",
        title_justify="left",
    )  # fmt: skip
    for name, before in report.before.items():
        after = report.after[name]
        cells = [
            text
            for each in (before, after)
            for text in (f"{each.observed:.3f}", f"{each.score:.3f}", f"{each.p:.3f}")
        ]
        table.add_row(name.replace("_", " "), *cells)
    return table


def gap_table(report: GapReport) -> Table:
    """What is left of the gap, and retrieval, at each share."""
    names = (
        ("text_to_image/recall_at_1", "T2I R@1"),
        ("image_to_text/recall_at_1", "I2T R@1"),
        ("mixed/recall_at_1", "mixed R@1"),
        ("mixed/image_share", "images among first"),
    )
    table = Table(
        "taken away", "gap left", *(label for _, label in names),
        title=f"{report.images:,} images, {report.captions:,} captions of test; the offset is of "
        "validation (percent; difference to 0 %, p)",
        title_justify="left",
    )  # fmt: skip
    for point in report.points:
        cells = []
        for name, _ in names:
            score = point.scores[name]
            more = f" ({100 * score.gained.difference:+.1f}, p {score.gained.p:.3f})"
            cells.append(f"{100 * score.value:.1f}" + (more if point.share else ""))
        table.add_row(f"{point.share:.0%}", f"{point.gap:.3f}", *cells)
    return table


def counterfactual_table(report: CounterfactualReport) -> Table:
    """Every pair of words: how often the change is noticed, and what it does to recall."""
    table = Table(
        "", "captions", "images", "noticed", "cosine", "R@1 before", "after",
        title=f"Words swapped; {report.gallery:,} images searched; noticed: chance 50 %",
        title_justify="left",
    )  # fmt: skip
    for each in (report.total, *report.pairs):
        name = "all pairs" if not each.before else f"{each.before} → {each.after}"
        name += " (both in one)" if each.both else ""
        low, high = each.noticed.interval
        table.add_row(
            escape(name), f"{each.count:,}", f"{each.images:,}",
            f"{each.noticed.value:.1%} [{100 * low:.1f}, {100 * high:.1f}]",
            f"{each.change:+.3f}", f"{each.recall_before:.1%}", f"{each.recall_after:.1%}",
        )  # fmt: skip
    return table


def diagnosis_tables(
    suspected: Suspicions, failing: Slices, conflict: ConflictReport
) -> list[Table]:
    """Suspected captions, slices, and the shares of the conflict."""
    report = suspected.report
    captions = Table(
        "caption", "suspected", "rank in the best run",
        title=f"{report.suspected:,} of {report.captions:,} captions are likely wrong: in every run that "
        f"was asked ({report.runs:,}) more than {report.threshold:.0%} of the other images fit better",
        title_justify="left",
    )  # fmt: skip
    for each in suspected.shown:
        name = escape(each.caption.captions[0])
        captions.add_row(name, each.found.suspicion, f"{each.found.rank:,.0f}")
    whole = failing.report
    slices = Table(
        "where it fails more often", "failures", "95 % interval", "images", "q",
        title=f"Pair not among the first {whole.k}: {whole.rate:.1%} of {whole.queries:,} queries",
        title_justify="left",
    )  # fmt: skip
    for one in (*failing.words, *failing.regions):
        low, high = one.slice.interval
        slices.add_row(
            escape(one.slice.name), f"{one.slice.rate:.1%}", f"{100 * low:.1f} to {100 * high:.1f}",
            f"{one.slice.images:,}", f"{one.slice.q:.3f}",
        )  # fmt: skip
    sides = Table(
        "image and another one's caption, at equal weights", "share", "95 % interval",
        title=f"{conflict.pairs:,} pairs, {conflict.images:,} images searched",
        title_justify="left",
    )  # fmt: skip
    for label, share in (
        ("the image itself is first", conflict.image_at_half),
        ("the caption's image is first", conflict.text_at_half),
    ):
        low, high = share.interval
        sides.add_row(label, f"{share.value:.1%}", f"{100 * low:.1f} to {100 * high:.1f}")
    return [captions, slices, sides]


def assessment_table(report: AssessmentReport) -> Table:
    """Every encoder's measures."""
    table = Table(
        "encoder", "kNN", "linear probe", "AMI", "ARI", "silhouette", "T2I R@1", "I2T R@1",
        title="Frozen features before any alignment (percent; 95 % interval; chance)",
        title_justify="left",
    )  # fmt: skip
    for each in report.encoders:
        found = each.alignment
        table.add_row(
            escape(each.encoder), _share(each.knn), _share(each.linear_probe),
            f"{each.adjusted_mutual_information:.3f}", f"{each.adjusted_rand_index:.3f}",
            "" if each.silhouette is None else f"{each.silhouette:.3f}",
            _share(found.text_to_image if found else None),
            _share(found.image_to_text if found else None),
        )  # fmt: skip
    return table


def leaderboard_table(found: Leaderboard) -> Table:
    """Runs by mean relative gain."""
    tops = sorted({k for row in found.rows for k in row.hit_ratios})
    table = Table(
        "run", "gain", "stability", *(f"among the best {k}" for k in tops), *found.measures,
        title=f"{len(found.rows):,} runs, {len(found.measures):,} measures (percent; gain over the "
        "mean of all runs)",
        title_justify="left",
    )  # fmt: skip
    for row in found.rows:
        ratios = [row.hit_ratios.get(k) for k in tops]
        cells = [row.cells.get(name) for name in found.measures]
        table.add_row(
            escape(row.name),
            "" if row.gain is None else f"{row.gain:+.1f}",
            "" if row.stability is None else f"{100 * row.stability:.2f}",
            *("" if ratio is None else f"{ratio.ratio:.0%}" for ratio in ratios),
            *("" if cell is None else f"{100 * cell.value:.1f}" for cell in cells),
        )
    return table


def _cells(
    value: float, interval: Interval | None = None, chance: float | None = None
) -> tuple[str, str, str]:
    told = "" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
    return f"{100 * value:.1f}", told, "" if chance is None else f"{100 * chance:.2g}"


def _share(share: Share | CompositionalShare | None) -> str:
    if share is None:
        return ""
    low, high = share.interval
    return f"{100 * share.value:.1f} [{100 * low:.1f}, {100 * high:.1f}] ({100 * share.chance:.2g})"
