"""How alike a run's two encoders are, on the page: every measure before and after, and all layers."""

from __future__ import annotations

from typing import Any, Final

from backend.schemas import (
    EvaluationSummary,
    HeatMap,
    LayerMap,
    LayerMeasure,
    Modality,
    PairedDifference,
    RunDetail,
    Similarity,
    SimilarityMeasure,
    SimilarityReport,
    SimilarityRequest,
    SimilarityResult,
)
from ui import heat, words
from ui.markup import Html, tag
from ui.shares import share_bar

#: by which layers are compared, in words
LAYER_MEASURES: Final[dict[LayerMeasure, str]] = {
    "mutual_knn": "mutual kNN",
    "cycle_knn": "cycle kNN, captions first",
    "cka": "linear CKA",
    "unbiased_cka": "linear CKA, unbiased",
    "cknna": "CKNNA",
    "svcca": "SVCCA",
}
#: those that do not look at neighbours
_WHOLE: Final = ("cka", "unbiased_cka", "svcca")
#: an unrelated pair of encoders is below it once in twenty times
_LEVEL: Final = 0.05


def line(evaluation: EvaluationSummary) -> str:
    """What was asked for, in a line."""
    asked = SimilarityRequest.model_validate(evaluation.request)
    layers = f", all layers by {LAYER_MEASURES[asked.measure]}" if asked.layers else ""
    return (
        f"{words.count(asked.neighbours, 'neighbour')}, "
        f"{words.count(asked.permutations, 'permutation')}{layers}"
    )


def card(result: SimilarityResult, modality: Modality = "image") -> Html:
    """What was found in two sentences, then every measure, then how to read it."""
    report = result.spaces
    thing = words.ITEM_WORDS[modality]
    head = tag("tr", [tag("th", name, scope="col") for name in
                      ("", "Before the alignment", "After it", "Change")])  # fmt: skip
    rows = [
        tag(
            "tr",
            tag("th", name, tag("small.i-soft", meaning), scope="row"),
            tag("td", _value(report.before[measure]), data_label="before"),
            tag("td", _value(report.after[measure]), data_label="after"),
            tag("td", _change(report, measure), data_label="change"),
        )
        for measure, (name, meaning) in _measures(report.neighbours, thing).items()
    ]  # fmt: skip
    table = tag("table.i-scores.i-shares.i-alike", tag("thead", head), tag("tbody", rows))
    frame = tag("div.i-part", table, tabindex="0", role="region", aria_label="Measures")
    notes = [tag("p.i-soft", note) for note in (_reading(report, thing), _layers_note(result))
             if note]  # fmt: skip
    return tag(
        "section.i-card", tag("h3", "How alike the two encoders are"),
        tag("p", _found(report, thing)), frame, notes,
    )  # fmt: skip


def layer_map(evaluation: EvaluationSummary, run: RunDetail, found: LayerMap) -> dict[str, Any]:
    """What the browser draws of all pairs of layers."""
    one = found.found
    of_neighbours = "" if one.measure in _WHOLE else f", k = {one.neighbours}"
    facts = {
        "pairs": float(one.pairs),
        "last": one.last,
        "threshold": one.threshold,
        "p": one.p,
    }
    if one.chance is not None:
        facts["chance"] = one.chance
    described = HeatMap(
        name="layers",
        metric=LAYER_MEASURES[one.measure] + of_neighbours,
        rows=found.image_layers,
        columns=found.text_layers,
        values=one.scores,
        calibrated=one.calibrated,
        chosen=(one.image, one.text),
        facts=facts,
    )
    return {"maps": [heat.drawn(run, described, f"{evaluation.id}/layers", "Best", "test pair")]}


def _measures(k: int, thing: str) -> dict[SimilarityMeasure, tuple[str, str]]:
    """Name and what it says of each, in the order shown."""
    return {
        "mutual_knn": ("Mutual kNN", f"share of an item's {k} nearest that are the same on both sides"),
        "cycle_knn_text_first": (
            "Cycle kNN, captions first",
            f"share of pairs found again: from a pair to the {k} nearest by caption, from these to the "
            f"{k} nearest by {thing}",
        ),
        "cycle_knn_image_first": (
            f"Cycle kNN, {thing}s first",
            f"the same the other way round: by {thing}, then by caption",
        ),
        "cka": ("Linear CKA", "likeness of all similarities at once; wide encoders seem more alike"),
        "unbiased_cka": ("Linear CKA, unbiased", "the same freed of that: 0 where nothing is shared"),
        "unbiased_rbf_cka": ("RBF CKA, unbiased", "the same, the nearer the more it counts"),
        "cknna": ("CKNNA", f"CKA over pairs that are among the {k} nearest on both sides"),
        "svcca": ("SVCCA", "mean correlation of the strongest directions"),
    }  # fmt: skip


def _value(of: Similarity) -> Html:
    """A score with what it has to be held against."""
    chance = of.null_mean if of.chance is None else of.chance
    lines = []
    if of.interval is not None:
        low, high = of.interval
        lines.append(f"{_number(low)} to {_number(high)} (95 %)")
    lines.append(f"chance {_number(chance)}")
    lines.append(f"calibrated {_number(of.score)}, p {_p(of.p)}")
    bar = share_bar(of.score, label=f"calibrated {_number(of.score)}")
    return tag(
        "div", tag("b", _number(of.observed)), bar, [tag("small.i-soft", each) for each in lines]
    )


def _change(report: SimilarityReport, measure: SimilarityMeasure) -> Html:
    """After less before; with interval and p where items can be drawn again."""
    gained: PairedDifference | None = report.gained.get(measure)
    if gained is None:
        change = report.after[measure].observed - report.before[measure].observed
        return tag("div", tag("b", _signed(change)))
    low, high = gained.interval
    lines = (f"{_signed(low)} to {_signed(high)} (95 %)", f"p {_p(gained.p)}")
    return tag("div", tag("b", _signed(gained.difference)),
               [tag("small.i-soft", each) for each in lines])  # fmt: skip


def _found(report: SimilarityReport, thing: str) -> str:
    """What the numbers come to, by the measure that is easiest to picture."""
    k, before, after = report.neighbours, report.before["mutual_knn"], report.after["mutual_knn"]
    chance = before.null_mean if before.chance is None else before.chance
    said = (
        f"Of the {k} nearest of a pair, {k * before.observed:.1f} are the same by the {thing} encoder and "
        f"by the captions' before any training, {k * after.observed:.1f} in the aligned space; of "
        f"unrelated encoders {k * chance:.1f} would be."
    )
    above = [
        sum(one.p <= _LEVEL for one in side.values()) for side in (report.before, report.after)
    ]
    return (
        f"{said} {above[0]} of {len(report.before)} measures lie above chance (p at most {_LEVEL}) "
        f"before, {above[1]} after."
    )


def _reading(report: SimilarityReport, thing: str) -> str:
    """What is over what, and how the columns are to be read."""
    floor = 1 / (report.permutations + 1)
    return (
        f"{words.count(report.pairs, 'pair')} of the test split, each {thing} with its first caption; "
        "no head has seen them. Chance and p are of "
        f"{words.count(report.permutations, 'permutation')} of the pairs. Calibrated (the bar): 0 where "
        "the score is not above 95 % of these, 1 at the most there can be. p counts the true pairs "
        f"too, so none is below 1 / {report.permutations + 1:,} = {floor:.2g}. Intervals, and p of a "
        "change, are of bootstrap draws of items, their neighbours as they are; what is no mean over "
        "items has none, and such a change says nothing about chance."
    )


def _layers_note(result: SimilarityResult) -> str:
    if result.layers is None:
        return ""
    return (
        "All layers are compared below, on test pairs: to look at, not to choose by. A run chooses its "
        "layers by training pairs, with a box in New run."
    )


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _p(value: float) -> str:
    """``= 0.012``, ``< 0.001``."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
