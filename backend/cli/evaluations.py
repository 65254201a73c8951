"""Commands that measure more than retrieval: classification, composition, similarity, encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from backend.cli.evaluation_tables import (
    assessment_table,
    classes_table,
    compositional_table,
    counterfactual_table,
    diagnosis_tables,
    gap_table,
    leaderboard_table,
    similarity_table,
)
from backend.cli.frame import JsonFile, console, errors, stop, told, write
from backend.cli.given import fetch, place
from backend.schemas import (
    AssessmentReport,
    AssessmentRequest,
    CompositionalReport,
    CompositionalRequest,
    CounterfactualReport,
    CounterfactualRequest,
    EvaluationKind,
    Frozen,
    GapReport,
    GapRequest,
    SimilarityRequest,
    SimilarityResult,
    ZeroShotReport,
    ZeroShotRequest,
)
from backend.settings import Settings
from backend.terminal import Listener

app = typer.Typer()

Run = Annotated[str, typer.Argument(help="A finished run's id.")]
Result = TypeVar("Result", bound=Frozen)


@app.command("zero-shot")
def zero_shot(
    run: Run,
    dataset: Annotated[
        str, typer.Argument(help="A labelled set: folders of classes, labels.json.")
    ],
    by: Annotated[str, typer.Option(help="The attribute that is the class.")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Classify all items, not the test split alone.")
    ] = False,
    prompts: Annotated[
        str | None,
        typer.Option(help="A published set of templates; without, the one for this data set."),
    ] = None,
    template: Annotated[
        list[str] | None, typer.Option(help="A template of one's own with {}; can be repeated.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Classify a labelled set by prompts, through a run's heads."""
    with told():
        from backend.services import Services

        services = Services(Settings())
        where = place(dataset)
        asked = ZeroShotRequest(
            dataset=where,
            attribute=by,
            split="all" if every else "test",
            template_set=prompts or services.guess_prompt_set(where),
            templates=tuple(template or ()),
        )
        found = measured("zero-shot", asked, run, ZeroShotReport, fetched=where)
        write(json_file, found.model_dump(mode="json"))
        console.print(classes_table(found))


@app.command()
def compose(
    run: Run,
    benchmark: Annotated[
        str,
        typer.Argument(help="A folder of SugarCrepe(++) or Winoground, or a built-in set's name."),
    ],
    images: Annotated[
        str, typer.Option(help="Folder of the pictures, where it is elsewhere.")
    ] = "",
    json_file: JsonFile = None,
) -> None:
    """Try a run on hard negatives: does it tell a true caption from one that is nearly so?"""
    with told():
        asked = CompositionalRequest(
            benchmark=place(benchmark), images=place(images) if images else ""
        )
        found = measured("compositional", asked, run, CompositionalReport)
        write(json_file, found.model_dump(mode="json"))
        console.print(compositional_table(found))
        _notes(found.notes)


@app.command()
def similarity(
    run: Run,
    layers: Annotated[
        str, typer.Option(help="Also compare all layers: mutual_knn, cka, unbiased_cka, ...")
    ] = "",
    neighbours: Annotated[int, typer.Option(min=2, max=100, help="k of all neighbours.")] = 10,
    permutations: Annotated[int, typer.Option(min=19, max=2000, help="Of the pairs.")] = 200,
    json_file: JsonFile = None,
) -> None:
    """Compare the two encoders before and after the alignment, calibrated by permutations."""
    with told():
        told_more = {"layers": True, "measure": layers} if layers else {}
        asked = SimilarityRequest.model_validate(
            {"neighbours": neighbours, "permutations": permutations, **told_more}
        )
        found = measured("similarity", asked, run, SimilarityResult)
        console.print(similarity_table(found.spaces))
        if found.layers is not None:
            best = found.layers.found
            console.print(
                f"Best layers by {best.measure}: {found.layers.image_layers[best.image]} and "
                f"{found.layers.text_layers[best.text]}, {best.score:.3f}; p = {best.p:.2g}"
            )
        write(json_file, found.model_dump(mode="json"))


@app.command()
def gap(run: Run, json_file: JsonFile = None) -> None:
    """Take 0 to 100 % of the modality gap away and see what retrieval does."""
    with told():
        found = measured("gap", GapRequest(), run, GapReport)
        write(json_file, found.model_dump(mode="json"))
        console.print(gap_table(found))


@app.command()
def words(
    run: Run,
    pairs: Annotated[
        Path | None, typer.Option(help="File of pairs, one a line: man, men / woman, women.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Swap words of the test captions and see what the run notices."""
    with told():
        if pairs is not None and not pairs.is_file():
            stop(f"There is no file {pairs}.", 2)
        try:
            given = pairs.read_text("utf-8") if pairs else ""
        except (OSError, UnicodeDecodeError):
            stop(f"{pairs} cannot be read as text in UTF-8.", 2)
        asked = CounterfactualRequest(pairs=given)
        found = measured("counterfactual", asked, run, CounterfactualReport)
        write(json_file, found.model_dump(mode="json"))
        console.print(counterfactual_table(found))


@app.command()
def diagnose(
    run: Run,
    asked_by: Annotated[str, typer.Option(help="Whose failures: text or image.")] = "text",
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many of each are told.")] = 20,
    json_file: JsonFile = None,
) -> None:
    """Likely wrong captions, where a run fails more often, and who wins where both sides disagree."""
    with told():
        from backend.services import Services

        if asked_by not in ("text", "image"):
            stop(f"--asked-by is {asked_by!r}; allowed: text, image", 2)
        services = Services(Settings())
        suspected = services.suspicions(run, count=count)
        failing = services.slices(run, "text" if asked_by == "text" else "image", count=count)
        conflict = services.conflicts(run)
        found = {
            "suspicions": suspected.model_dump(mode="json"),
            "slices": failing.model_dump(mode="json"),
            "conflict": conflict.model_dump(mode="json"),
        }
        write(json_file, found)
        for table in diagnosis_tables(suspected, failing, conflict):
            console.print(table)


@app.command()
def assess(
    encoders: Annotated[list[str], typer.Argument(help="Encoders of the items, by address.")],
    labelled: Annotated[str, typer.Option(help="A labelled set.")],
    by: Annotated[str | None, typer.Option(help="The attribute that is the class.")] = None,
    pairs: Annotated[
        str | None, typer.Option(help="Data set of the alignment probe; goes with --text-encoder.")
    ] = None,
    text_encoder: Annotated[str | None, typer.Option(help="Of the alignment probe.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_file: JsonFile = None,
) -> None:
    """Assess encoders before any alignment: neighbours, linear probe, clusters, alignment probe."""
    with told():
        asked = AssessmentRequest(
            encoders=tuple(map(place, encoders)),
            labelled=place(labelled),
            attribute=by,
            pairs=place(pairs) if pairs else None,
            text_encoder=place(text_encoder) if text_encoder else None,
            seed=seed,
        )
        found = measured("assessment", asked, None, AssessmentReport, fetched=asked.labelled)
        write(json_file, found.model_dump(mode="json"))
        console.print(assessment_table(found))
        _notes(found.notes)


@app.command()
def leaderboard(
    dataset: Annotated[str | None, typer.Option(help="Only runs of this data set.")] = None,
    sweeps: Annotated[bool, typer.Option("--sweeps", help="With the runs of sweeps.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Rank finished runs over all that was measured: mean relative gain, stability, adaptability."""
    with told():
        from backend.services import Services

        found = Services(Settings()).leaderboard(place(dataset) if dataset else None, sweeps)
        write(json_file, found.model_dump(mode="json"))
        console.print(leaderboard_table(found))


def measured(
    kind: EvaluationKind,
    asked: Frozen,
    run: str | None,
    report: type[Result],
    fetched: str | None = None,
) -> Result:
    """Carries an evaluation out here; it is then in the app, too."""
    from backend.services import Services

    settings = Settings()
    services = Services(settings)
    with Listener(errors) as listener:
        if fetched:
            fetch(fetched, settings, listener)
        made = services.evaluate_here(kind, asked, run, listener)
    if made.status != "finished":
        stop(made.error or f"The evaluation is {made.status}.", 1)
    return report.model_validate(made.result)


def _notes(notes: Any) -> None:
    for note in notes:
        console.print(note, markup=False)
