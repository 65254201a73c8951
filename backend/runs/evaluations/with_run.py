"""What every run is evaluated by beside retrieval, in its own step "Evaluate"."""

from __future__ import annotations

import logging

from backend.errors import Cancelled, IsthmusError
from backend.reporting import Report, part
from backend.runs.evaluations import compositional, gap, similarity
from backend.runs.evaluations.opened import OpenedRun
from backend.runs.evaluations.rows import Evaluations
from backend.schemas import CompositionalRequest, GapRequest, SimilarityRequest, SimilarityResult

log = logging.getLogger(__name__)


def evaluate_with_run(opened: OpenedRun, rows: Evaluations, report: Report) -> list[str]:
    """Similarity before and after, the modality gap, and the built-in world's hard negatives.

    Args:
        opened: the run, whose heads are fitted.
        rows: where they are kept; those of an earlier attempt are replaced.
        report: told parts done.

    Returns:
        What could not be measured and why, in sentences: the run is worth its other numbers.
    """
    run_id, seed = opened.detail.summary.id, opened.detail.request.seed
    first, second, third = (part(report, 3, "parts", each / 3, (each + 1) / 3) for each in range(3))

    def alike() -> None:
        asked = SimilarityRequest(seed=seed)
        spaces = similarity.before_and_after(opened, asked, first, report)
        if spaces is not None:
            rows.keep(run_id, "similarity", asked, SimilarityResult(spaces=spaces))

    def gap_closed() -> None:
        asked = GapRequest(seed=seed)
        rows.keep(run_id, "gap", asked, gap.curve(opened, asked, report, second))

    def composed() -> None:
        dataset = opened.inputs.dataset(report)
        if dataset.built_in and opened.reads_new("image") and opened.reads_new("text"):
            asked = CompositionalRequest(benchmark=dataset.id, seed=seed)
            benchmark = compositional.read(opened, asked, report)
            found = compositional.score(opened, benchmark, seed, third, third)
            rows.keep(run_id, "compositional", asked, found)

    lacking = []
    for name, measure in (
        ("Similarity before and after", alike),
        ("The modality gap", gap_closed),
        ("The built-in hard negatives", composed),
    ):
        try:
            measure()
        except Cancelled:
            raise
        except IsthmusError as error:
            lacking.append(f"{name} could not be measured: {error}")
        except Exception as error:
            # no memory, no convergence: nothing of this may cost the run its other numbers
            log.exception("%s: %s", run_id, name)
            lacking.append(
                f"{name} could not be measured ({type(error).__name__}); the log has more."
            )
    report(3, 3, "parts")
    return lacking
