"""What every run is evaluated by beside retrieval, in its own step "Evaluate"."""

from __future__ import annotations

from backend.reporting import Report, part
from backend.runs.evaluations import compositional, gap, similarity
from backend.runs.evaluations.opened import OpenedRun
from backend.runs.evaluations.rows import Evaluations
from backend.schemas import CompositionalRequest, GapRequest, SimilarityRequest, SimilarityResult


def evaluate_with_run(opened: OpenedRun, rows: Evaluations, report: Report) -> None:
    """Similarity before and after, the modality gap, and the built-in world's hard negatives.

    Args:
        opened: the run, whose heads are fitted.
        rows: where they are kept; those of an earlier attempt are replaced.
        report: told parts done.
    """
    run_id, seed = opened.detail.summary.id, opened.detail.request.seed
    first, second, third = (part(report, 3, "parts", each / 3, (each + 1) / 3) for each in range(3))
    alike = SimilarityRequest(seed=seed)
    spaces = similarity.before_and_after(opened, alike, first, report)
    if spaces is not None:
        rows.keep(run_id, "similarity", alike, SimilarityResult(spaces=spaces))
    closed = GapRequest(seed=seed)
    rows.keep(run_id, "gap", closed, gap.curve(opened, closed, report, second))
    dataset = opened.inputs.dataset(report)
    if dataset.built_in:
        tried = CompositionalRequest(benchmark=dataset.id, seed=seed)
        benchmark = compositional.read(opened, tried, report)
        rows.keep(
            run_id,
            "compositional",
            tried,
            compositional.score(opened, benchmark, seed, third, third),
        )
    report(3, 3, "parts")
