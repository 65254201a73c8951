"""What came out of telephone games, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from backend.drift.report.telling import last_kept
from backend.schemas import (
    Attraction,
    BackboneScores,
    DriftComparison,
    EvaluationSummary,
    GameChain,
    GameReport,
)
from backend.schemas.drift_scores import Estimate


def report_tables(report: GameReport) -> Iterator[Table]:
    """All that was measured of a game."""
    for each in report.backbones:
        yield _scores_table(report, each)
    if report.attributes:
        yield _attributes_table(report)
    if report.geneval is not None:
        yield _geneval_table(report)
    if report.attraction is not None:
        yield attraction_table(report.attraction, 5)


def games_table(games: list[EvaluationSummary]) -> Table:
    """All games."""
    table = Table("game", "run", "status", "begun", "seeds", "generations")
    for each in games:
        asked = each.request
        seeds = len(asked["seeds"]) or asked.get("folder") or ""
        table.add_row(
            each.id, escape(each.run_name or "-"), each.status, f"{each.created_at:%Y-%m-%d %H:%M}",
            escape(str(seeds)), str(asked["generations"]),
        )  # fmt: skip
    return table


def chain_table(chain: GameChain) -> Table:
    """A chain, step by step."""
    again = f"; generation {chain.closes_at} was there before" if chain.closes_at else ""
    table = Table(
        "generation", "what", "to the start", "to the one before",
        title=f"{escape(chain.seed.id)}{again}", title_justify="left",
    )  # fmt: skip
    for step in chain.steps:
        said = step.text or step.picture or (step.item.id if step.item else "")
        if step.item and step.side == "text":
            said = " ".join(step.item.captions)
        near = (step.similarity_to_start, step.similarity_to_previous)
        table.add_row(
            str(step.generation), escape(said), *("" if x is None else f"{x:.3f}" for x in near)
        )
    return table


def comparison_table(found: DriftComparison) -> Table:
    """The differences of the means."""
    table = Table(
        "", "the second less the first", "95 % interval", "p",
        title=f"{found.items:,} seeds of both, by {escape(found.backbone)}; above 0 the second drifts less",
        title_justify="left",
    )  # fmt: skip
    told = {n: each for n, each in found.differences.items() if "/generation_" not in n}
    told |= {f"GenEval, {name}": each for name, each in found.geneval.items()}
    for name, each in told.items():
        low, high = each.interval
        table.add_row(
                name.replace("_", " "), f"{each.difference:+.4f}", f"{low:+.4f} to {high:+.4f}",
                f"{each.p:.2g}",
            )  # fmt: skip
    return table


def attraction_table(found: Attraction, count: int) -> Table:
    """The attractors in which most seeds end."""
    table = Table(
        "seeds", "share", "95 % interval", "basin", "among the nearest", "items",
        title=f"{found.attractor_count:,} attractors of {found.items:,} items; half of the seeds end in "
        f"{found.half_of_seeds:,}; {found.mean_steps:.1f} steps until captured, at most "
        f"{found.most_steps}",
        title_justify="left",
    )  # fmt: skip
    for each in found.attractors[:count]:
        low, high = each.interval
        table.add_row(
            f"{each.seeds:,}", f"{100 * each.share:.1f} %", f"{100 * low:.1f} to {100 * high:.1f} %",
            f"{each.basin:,}", f"{each.occurrence:,}", escape(", ".join(each.items)),
        )  # fmt: skip
    return table


def _scores_table(report: GameReport, each: BackboneScores) -> Table:
    state = "so far" if report.partial else f"{report.seconds:.1f} s"
    table = Table(
        "direction", "mean similarity", "95 % interval", "first", "last", "rate b", "half-life",
        title=f"{escape(report.run_name)}, by {escape(each.backbone)}: {report.chains:,} chains of "
        f"{report.generations} generations ({state}). Higher similarity: less drift",
        title_justify="left",
    )  # fmt: skip
    for name, curve in each.scores.curves.items():
        points = [point.similarity for point in curve.points if point.similarity]
        fit = each.rate.directions.get(name) if each.rate else None
        ends = [f"{points[place].value:.3f}" if points else "" for place in (0, -1)]
        life = f"{fit.half_life:.1f}" if fit and fit.half_life else ""
        table.add_row(
            name.replace("_", " "), *_estimate(curve.mean_similarity), *ends,
            f"{fit.b:.3f}" if fit else "", life,
        )  # fmt: skip
    overall = each.scores.mean_cumulative_drift.similarity
    table.add_row("mean cumulative drift", *_estimate(overall), "", "", "", "", end_section=True)
    if each.no_rate:
        table.caption = escape(each.no_rate)
    return table


def _attributes_table(report: GameReport) -> Table:
    table = Table(
        "chains", "attribute", "kept by the last text", "by the last picture", "half have lost some by",
        title="Attributes of the built-in world", title_justify="left",
    )  # fmt: skip
    for each in report.attributes:
        kept = [last_kept(each, "text"), last_kept(each, "image")]
        ends = [f"{100 * found.value:.0f} %" if found else "" for found in kept]
        lost = str(each.median_loss) if each.median_loss else "later"
        table.add_row(each.protocol or "", each.attribute, *ends, lost)
    return table


def _geneval_table(report: GameReport) -> Table:
    table = Table("task", "right", "of", "missing", title="GenEval over all generations")
    assert report.geneval is not None
    for name, share in (*report.geneval.tasks.items(), ("overall", report.geneval.overall)):
        right = "" if share.share is None else f"{100 * share.share:.1f} %"
        table.add_row(escape(name), right, f"{share.total:,}", f"{share.missing:,}")
    return table


def _estimate(found: Estimate | None) -> tuple[str, str]:
    if found is None:
        return "", ""
    told = "" if found.interval is None else "{:.3f} to {:.3f}".format(*found.interval)
    return f"{found.value:.3f}", told
