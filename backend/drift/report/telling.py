"""Games made into a document: what was asked, what was measured, and some chains to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from backend.drift.names import side_at
from backend.drift.report.document import Block, Document, Frame, Grid, Heading, Sentences, Strip
from backend.drift.report.plots import Series, panels, words
from backend.schemas import BackboneScores, GameChain, GameReport, GameRequest, GameStep, Side
from backend.schemas.drift_scores import AttributeSurvival, DriftComparison, Estimate

_READ: Final = (
    "A chain begins with a text or a picture; each next generation is made from the one before alone, in "
    "the other modality. Similarity is the cosine to generation 0, averaged over seeds; mean cumulative "
    "drift is its mean over generations and directions, so higher means less drift (Mollah et al. 2025, "
    "arXiv 2509.04438). The rate b is that of S(g) = a exp(-b g) + c: higher means faster drift. Intervals "
    "are 95 %, by bootstrap over seeds with their whole chains. What is missing counts nowhere."
)
_STEPS_READ: Final = (
    "Across modalities every step is held against the one before; within a modality, every second one "
    "against the one two before."
)


@dataclass(frozen=True)
class Told:
    """One game.

    Attributes:
        name: the run's or the folder's, with more where two are called the same.
        chains: some of them, to be shown.
    """

    id: str
    name: str
    request: GameRequest
    report: GameReport
    chains: Sequence[GameChain]


def document(
    games: Sequence[Told], made_at: datetime, compared: Sequence[tuple[str, DriftComparison]] = ()
) -> Document:
    """A report of games beside each other.

    Args:
        games: at least one.
        made_at: told in the subtitle.
        compared: others against the first game, by their names.
    """
    blocks: list[Block] = [Sentences(_READ), Heading("What was played"), _played(games)]
    blocks += _notes(games)
    blocks += _similarity(games)
    blocks += _compared(games[0].name, compared)
    blocks += _steps(games)
    blocks += _attributes(games)
    blocks += _geneval(games)
    blocks += _attractors(games)
    blocks += _strips(games)
    named = ", ".join(dict.fromkeys(game.name for game in games))
    return Document(
        f"Drift report: {named}", f"Isthmus, {made_at:%Y-%m-%d %H:%M}. Games: "
        f"{', '.join(game.id for game in games)}", tuple(blocks),
    )  # fmt: skip


def _played(games: Sequence[Told]) -> Grid:
    rows = []
    for game in games:
        report = game.report
        rows.append(
            (
                game.name, report.text_to_image, report.image_to_text, f"{report.seeds:,}",
                f"{report.chains:,}", str(report.generations), f"{report.broken:,}",
                str(game.request.seed),
            )
        )  # fmt: skip
    return Grid(
        ("game", "text to image", "image to text", "seeds", "chains", "generations", "broken off", "seed"),
        tuple(rows), left=3,
    )  # fmt: skip


def _notes(games: Sequence[Told]) -> Iterator[Block]:
    for game in games:
        for note in game.report.notes:
            yield Sentences(f"{game.name}: {note}")


def _similarity(games: Sequence[Told]) -> Iterator[Block]:
    """Table and curves of every backbone."""
    for backbone in _backbones(games):
        having = [(game, scores) for game in games if (scores := _by(game, backbone))]
        yield Heading(f"Similarity to generation 0, by {backbone}")
        rows = []
        for game, scores in having:
            overall = scores.scores.mean_cumulative_drift.similarity
            rows.append((game.name, "mean cumulative drift", *_told(overall), "", "", ""))
            for direction, curve in scores.scores.curves.items():
                fit = scores.rate.directions.get(direction) if scores.rate else None
                rate = f"{fit.b:.3f}" if fit else ""
                bounds = (
                    "{:.3f} to {:.3f}".format(*fit.b_interval) if fit and fit.b_interval else ""
                )
                life = f"{fit.half_life:.1f}" if fit and fit.half_life else ""
                rows.append(
                    (game.name, words(direction), *_told(curve.mean_similarity), rate, bounds, life)
                )
        yield Grid(
            ("game", "direction", "mean", "95 % interval", "rate b", "95 % interval", "half-life"),
            tuple(rows), "Higher similarity: less drift. Higher rate: faster drift.", left=2,
        )  # fmt: skip
        for why in dict.fromkeys(scores.no_rate for _, scores in having if scores.no_rate):
            yield Sentences(why)
        series = [Series(game.name, s.scores.curves, s.floor or {}) for game, s in having]
        yield panels(series, f"Similarity to generation 0 by generation, by {backbone}")


def _compared(first: str, compared: Sequence[tuple[str, DriftComparison]]) -> Iterator[Block]:
    if not compared:
        return
    yield Heading(f"Held against {first}, seed by seed")
    rows = []
    for name, found in compared:
        for measure, each in found.differences.items():
            if "/generation_" in measure:
                continue
            low, high = each.interval
            direction = measure.partition("/")[0].replace("_", " ")
            rows.append(
                (name, direction, found.backbone, f"{found.items:,}", f"{each.difference:+.4f}",
                 f"{low:+.4f} to {high:+.4f}", f"{each.p:.2g}")
            )  # fmt: skip
        for task, each in found.geneval.items():
            low, high = each.interval
            rows.append(
                (name, f"GenEval, {task.replace('_', ' ')}", "the detector", "", f"{each.difference:+.4f}",
                 f"{low:+.4f} to {high:+.4f}", f"{each.p:.2g}")
            )  # fmt: skip
    yield Grid(
        ("game", "mean of", "by", "seeds", "difference", "95 % interval", "p"), tuple(rows),
        f"Above 0 it drifts less than {first}. Paired bootstrap, two-sided.", left=3,
    )  # fmt: skip


def _steps(games: Sequence[Told]) -> Iterator[Block]:
    """Step to step, by the first backbone of each game."""
    series = [
        Series(game.name, game.report.backbones[0].step_to_step, {})
        for game in games
        if game.report.backbones
    ]
    if any(each.curves for each in series):
        names = dict.fromkeys(game.report.backbones[0].backbone for game in games)
        yield Heading(f"Step to step, by {', '.join(names)}")
        yield Sentences(_STEPS_READ)
        yield panels(series, "Similarity to the step before by generation")


def _attributes(games: Sequence[Told]) -> Iterator[Block]:
    rows = []
    for game in games:
        for each in game.report.attributes:
            rows.append(
                (
                    game.name, each.protocol or "", each.attribute, f"{each.items:,}",
                    _share(last_kept(each, "text")), _share(last_kept(each, "image")),
                    str(each.median_loss) if each.median_loss else "later",
                )
            )  # fmt: skip
    if rows:
        yield Heading("Attributes, exactly")
        yield Grid(
            ("game", "chains", "attribute", "seeds", "kept by the last text", "by the last picture",
             "half have lost some by"),
            tuple(rows), "Of what generation 0 says of the built-in world's scenes.", left=3,
        )  # fmt: skip


def last_kept(found: AttributeSurvival, side: Side) -> Estimate | None:
    """What is kept at the last generation of a modality; None where none is known."""
    kept = [
        point.kept
        for point in found.points
        if point.kept and side_at(found.protocol or "text-first", point.generation) == side
    ]
    return kept[-1] if kept else None


def _geneval(games: Sequence[Told]) -> Iterator[Block]:
    rows = []
    for game in games:
        found = game.report.geneval
        for name, each in (*found.tasks.items(), ("overall", found.overall)) if found else ():
            share = "" if each.share is None else f"{100 * each.share:.1f} %"
            bounds = "{:.1f} to {:.1f} %".format(*(100 * x for x in each.interval or ()))\
                if each.interval else ""  # fmt: skip
            rows.append((game.name, name, share, bounds, f"{each.total:,}", f"{each.missing:,}"))
    if rows:
        yield Heading("Multi-generation GenEval")
        yield Grid(
            ("game", "task", "right", "95 % interval", "pictures", "missing"), tuple(rows),
            "Pictures of all odd generations, judged by an object detector.", left=2,
        )  # fmt: skip


def _attractors(games: Sequence[Told]) -> Iterator[Block]:
    for game in games:
        found = game.report.attraction
        if found is None:
            continue
        yield Heading(f"Where chains of nearest items end: {game.name}")
        yield Sentences(
            f"{found.items:,} items have {found.attractor_count:,} attractors. Half of the "
            f"{found.seeds:,} seeds end in {found.half_of_seeds:,} of them. {found.mean_steps:.1f} steps "
            f"until captured in the mean, {found.most_steps} at most."
        )
        rows = tuple(
            (
                ", ".join(each.items), f"{each.seeds:,}", f"{100 * each.share:.1f} %",
                f"{each.basin:,}", f"{each.occurrence:,}",
            )
            for each in found.attractors[:10] if each.seeds
        )  # fmt: skip
        yield Grid(("items", "seeds", "share", "basin", f"among {found.neighbours} nearest"), rows)


def _strips(games: Sequence[Told]) -> Iterator[Block]:
    if any(game.chains for game in games):
        yield Heading("Some chains")
    for game in games:
        for chain in game.chains:
            again, steps = "", chain.steps
            if chain.closes_at is not None:  # it goes round from here on
                again = f"; back where it was at generation {chain.closes_at}"
                steps = steps[: chain.closes_at + 1]
            title = f"{game.name}: {chain.seed.id}{again}"
            yield Strip(title, tuple(_frame(step) for step in steps))


def _frame(step: GameStep) -> Frame:
    near = step.similarity_to_start
    told = "" if near is None or step.generation == 0 else f"{near:.2f}"
    if step.side == "text":
        said = step.text or (" ".join(step.item.captions) if step.item else "")
        return Frame(step.generation, said, None, told)
    picture = Path(step.picture) if step.picture else (step.item.thumbnail if step.item else None)
    return Frame(step.generation, step.item.text if step.item else "", picture, told)


def _backbones(games: Sequence[Told]) -> list[str]:
    names = (each.backbone for game in games for each in game.report.backbones)
    return list(dict.fromkeys(names))


def _by(game: Told, backbone: str) -> BackboneScores | None:
    return next((each for each in game.report.backbones if each.backbone == backbone), None)


def _told(found: Estimate | None) -> tuple[str, str]:
    if found is None:
        return "", ""
    bounds = "{:.3f} to {:.3f}".format(*found.interval) if found.interval else ""
    return f"{found.value:.3f}", bounds


def _share(found: Estimate | None) -> str:
    return "" if found is None else f"{100 * found.value:.0f} %"
