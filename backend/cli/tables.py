"""Scores as tables in a terminal."""

from __future__ import annotations

from rich.table import Table

from backend.schemas import AcrossSeeds, GeometryReport, PairedComparison, RetrievalReport


def first_place(report: RetrievalReport | None, way: str) -> str:
    """R@1, the mean where there are several seeds."""
    return "" if report is None else f"{report.recall(way, 1).value:.1%}"


def seeds_table(split: str, across: AcrossSeeds) -> Table:
    """Mean of R@k over seeds both ways, with its interval."""
    seeds = ", ".join(map(str, across.seeds))
    table = Table(
        "",
        "R@1",
        "R@5",
        "R@10",
        title=f"{split}: mean of {len(across.seeds)} seeds ({seeds}), percent; 95 % interval of the "
        "mean (Student's t)",
        title_justify="left",
    )
    for label, way in (
        ("image to text", across.image_to_text),
        ("text to image", across.text_to_image),
    ):
        spreads = [getattr(way, f"recall_at_{k}") for k in (1, 5, 10)]
        cells = [
            f"{100 * found.mean:.1f} [{100 * found.interval[0]:.1f}, {100 * found.interval[1]:.1f}]"
            for found in spreads
        ]
        table.add_row(label, *cells)
    return table


def retrieval_table(report: RetrievalReport) -> Table:
    """R@k both ways with interval and chance, median rank, split and counts."""
    table = Table(
        "",
        "R@1",
        "R@5",
        "R@10",
        "MRR",
        "median rank",
        title=f"{report.split}: {report.images:,} images, {report.captions:,} captions "
        "(percent; 95 % interval; chance)",
        title_justify="left",
    )
    for label, way in (
        ("image to text", report.image_to_text),
        ("text to image", report.text_to_image),
    ):
        cells = []
        for k in (1, 5, 10):
            value = getattr(way, f"recall_at_{k}")
            low, high = getattr(way, f"interval_at_{k}")
            chance = getattr(way, f"chance_at_{k}")
            cells.append(
                f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}] ({100 * chance:.2g})"
            )
        mean = way.mean_reciprocal_rank
        cells.append("" if mean is None else f"{100 * mean:.1f}")
        table.add_row(label, *cells, f"{way.median_rank:g}")
    return table


def geometry_table(report: GeometryReport) -> Table:
    """The shared space from inside: what holds between the sides, and within each."""
    table = Table(
        "",
        "images",
        "captions",
        title=f"geometry of test: {report.image.items:,} images, {report.text.items:,} captions, "
        f"{report.dimension} dimensions, {report.neighbours} neighbours",
        title_justify="left",
    )
    for name in ("modality_gap", "pair_cosine", "alignment", "cross_uniformity"):
        table.add_row(name.replace("_", " "), f"{getattr(report, name):.3f}", "")
    for name in type(report.image).model_fields:
        if name != "items":
            sides = (getattr(side, name) for side in (report.image, report.text))
            cells = ["" if value is None else f"{value:.3f}" for value in sides]
            table.add_row(name.replace("_", " "), *cells)
    return table


def paired_table(compared: PairedComparison) -> Table:
    """How much better a run is than its baseline, with interval and p."""
    told = "" if compared.differences else "; tested on other items, so not compared"
    table = Table(
        "",
        "points",
        "95 % interval",
        "p",
        title=f"{compared.run} against {compared.baseline}: test split, {compared.images:,} images, "
        f"{compared.captions:,} captions, paired bootstrap over images{told}",
        title_justify="left",
    )
    for name, found in compared.differences.items():
        low, high = (100 * bound for bound in found.interval)
        label = name.replace("/", " ").replace("_", " ")
        difference = f"{100 * found.difference:+.1f}"
        table.add_row(label, difference, f"{low:+.1f} to {high:+.1f}", f"{found.p:.3f}")
    return table
