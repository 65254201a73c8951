"""From rows to the schemas that pass through the door."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backend.runs.models import Cycle as CycleRow
from backend.runs.models import Evaluation as EvaluationRow
from backend.runs.models import Run as RunRow
from backend.schemas import (
    LIVE,
    Cycle,
    CycleStep,
    HeatMap,
    Item,
    Progress,
    RetrievalReport,
    RunDetail,
    RunRequest,
    RunSummary,
    Series,
)

#: fields of an item that are paths
_FILES = ("thumbnail", "recording")


def summary(row: RunRow, positions: Mapping[str, int]) -> RunSummary:
    """One row of the runs table. ``positions`` are places in the queue by run id, 1 is next."""
    request = RunRequest.model_validate(row.request)
    image_encoder, text_encoder = _encoders(row, request)
    test = next((report.report for report in row.reports if report.split == "test"), None)
    return RunSummary(
        id=row.id,
        name=row.name,
        status=row.status,
        dataset=request.dataset,
        image_encoder=image_encoder,
        text_encoder=text_encoder,
        method=request.method,
        seed=row.seed,
        created_at=row.created_at,
        finished_at=row.finished_at,
        progress=progress(row),
        queue_position=positions.get(row.id),
        error=row.error,
        demonstration=row.demonstration,
        test=RetrievalReport.model_validate(test) if test else None,
        modality=row.configuration.get("modality", "image"),
        train_images=request.train_images,
        seeds=request.seeds,
        sweep=row.sweep_id,
    )


def _encoders(row: RunRow, request: RunRequest) -> tuple[str, str]:
    """Those that are aligned: where a run chose among several, its choice, once that is made."""
    chosen = row.configuration.get("selection", {}).get("encoders")
    if chosen is None:
        return request.image_encoder, request.text_encoder
    heat = HeatMap.model_validate(chosen)
    return heat.rows[heat.chosen[0]], heat.columns[heat.chosen[1]]


def progress(row: RunRow | EvaluationRow) -> Progress | None:
    """How far one is; None where nothing goes on or nothing was told yet."""
    if row.status not in LIVE or row.stage is None:
        return None
    return Progress(
        stage=row.stage,
        done=row.done,
        total=row.total,
        unit=row.unit,
        seconds_left=row.seconds_left,
        # an evaluation's stages depend on what it finds, so they are not counted
        step=row.stage_number if isinstance(row, RunRow) else 0,
        steps=row.stages if isinstance(row, RunRow) else 0,
    )


def detail(
    row: RunRow, positions: Mapping[str, int], series: Sequence[Series], home: Path
) -> RunDetail:
    """A run with everything needed to repeat it; artefacts as absolute paths."""
    request = RunRequest.model_validate(row.request)
    return RunDetail(
        summary=summary(row, positions),
        request=request,
        configuration=row.configuration,
        versions=row.versions,
        command=command(request),
        series=tuple(series),
        retrieval={
            report.split: RetrievalReport.model_validate(report.report) for report in row.reports
        },
        notes=tuple(row.notes),
        artefacts={artefact.name: str(home / artefact.path) for artefact in row.artefacts},
        heat_maps=_heat_maps(row),
    )


def _heat_maps(row: RunRow) -> tuple[HeatMap, ...]:
    """What the run's encoders and layers were chosen by, in this order."""
    selection = row.configuration.get("selection", {})
    found = [selection.get(name) for name in ("encoders", "layers")]
    return tuple(HeatMap.model_validate(heat) for heat in found if heat)


def command(request: RunRequest) -> str:
    """The command line that makes the same run."""
    words = ["python", "-m", "backend", "align", "--dataset", request.dataset]
    words += ["--image-encoder", request.image_encoder, "--text-encoder", request.text_encoder]
    for side, names in (("image", request.image_candidates), ("text", request.text_candidates)):
        for name in names:
            words += [f"--or-{side}-encoder", name]
    if request.select_layers:
        words += ["--select-layers"]
    words += ["--method", request.method]
    for name, value in sorted(request.options.items()):
        words += ["--option", f"{name}={value}"]
    words += ["--seed", str(request.seed)]
    if request.seeds > 1:
        words += ["--seeds", str(request.seeds)]
    if request.train_images is not None:
        words += ["--train-images", str(request.train_images)]
    if request.name:
        words += ["--name", request.name]
    return shlex.join(words)


def result(run: RunDetail) -> dict[str, Any]:
    """What ``result.json`` and ``--json FILE`` hold: everything to compare or repeat a run by."""
    return {
        "run": run.summary.id,
        "name": run.summary.name,
        "status": run.summary.status,
        "retrieval": {
            split: report.model_dump(mode="json") for split, report in run.retrieval.items()
        },
        "request": run.request.model_dump(mode="json"),
        "configuration": run.configuration,
        "seed": run.request.seed,
        "versions": run.versions,
        "notes": list(run.notes),
        "command": run.command,
    }


def cycle(row: CycleRow, run_name: str, home: Path) -> Cycle:
    """A stored cycle, its pictures found under ``home``."""
    steps = [
        CycleStep.model_validate({**step, "item": _placed(step["item"], home)})
        for step in row.steps
    ]
    return Cycle(
        id=row.id,
        run=row.run_id,
        run_name=run_name,
        seed=_placed(row.seed, home),
        steps=tuple(steps),
        closes_at=row.closes_at,
        period=row.period,
    )


def _placed(stored: Mapping[str, object], home: Path) -> Item:
    found = {name: home / str(stored[name]) for name in _FILES if stored.get(name)}
    return Item.model_validate({**stored, **found})


def stored_item(item: Item, home: Path) -> dict[str, object]:
    """An item as JSON, its files' paths relative to ``home`` where they lie there, so that the
    home can move."""
    told = item.model_dump(mode="json")
    for name in _FILES:
        path: Path | None = getattr(item, name)
        if path is not None:
            told[name] = (path.relative_to(home) if path.is_relative_to(home) else path).as_posix()
    return told
