"""The table of similarities tells every measure beside its chance, and where p cannot go lower."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from backend.errors import InvalidInput
from backend.schemas import (
    EvaluationSummary,
    LayerMap,
    LayerMeasure,
    LayerSimilarity,
    PairedDifference,
    Similarity,
    SimilarityMeasure,
    SimilarityReport,
    SimilarityResult,
)
from tests.unit.ui.test_markup import HOSTILE, read
from tests.unit.ui.test_sweeps import detail
from ui import similarity_cards
from ui.pages.evaluating.similarity import checked


def one(observed: float, p: float = 0.005, **changes: Any) -> Similarity:
    known = Similarity(
        observed=observed, score=0.25, p=p, threshold=0.05, null_mean=0.04, null_deviation=0.01,
        chance=None, interval=None,
    )  # fmt: skip
    return known.model_copy(update=changes)


def spaces(permutations: int = 200) -> SimilarityReport:
    """Eight measures; CKNNA is no better than chance before the alignment."""
    names = get_args(SimilarityMeasure)
    before = {name: one(0.2) for name in names}
    before["cknna"] = one(0.03, p=0.4)
    before["mutual_knn"] = one(0.2, chance=0.0334, interval=(0.187, 0.216))
    after = {name: one(0.5) for name in names} | {"svcca": one(0.1)}
    gained = {"mutual_knn": PairedDifference(difference=0.3, interval=(0.276, 0.314), p=0.0005)}
    return SimilarityReport(
        pairs=300,
        neighbours=10,
        permutations=permutations,
        before=before,
        after=after,
        gained=gained,
    )


def layers(measure: LayerMeasure = "mutual_knn", chance: float | None = 0.0334) -> LayerMap:
    return LayerMap(
        image_layers=("0", "1"),
        text_layers=("own output",),
        found=LayerSimilarity(
            measure=measure, image=1, text=0, scores=((0.1,), (0.29,)),
            calibrated=((0.0,), (0.26,)), score=0.29, calibrated_score=0.26, last=0.19,
            chance=chance, null_mean=0.04, threshold=0.044, p=0.005, neighbours=10, pairs=300,
            permutations=200,
        ),
    )  # fmt: skip


def evaluation(**request: Any) -> EvaluationSummary:
    return EvaluationSummary(
        id="e-1", kind="similarity", run="r", status="finished",
        created_at=datetime(2025, 1, 1, tzinfo=UTC), request=request,
    )  # fmt: skip


def test_every_measure_has_its_numbers_before_and_after() -> None:
    markup = read(similarity_cards.card(SimilarityResult(spaces=spaces())))
    cells = [each for name, each in markup.found if name == "td"]
    assert [each["data-label"] for each in cells] == ["before", "after", "change"] * 8
    bars = [each["style"] for name, each in markup.found if name == "i"]
    assert bars == ["width:25.0%"] * 16
    for said in (
        "0.2000.187 to 0.216 (95 %)chance 0.033calibrated 0.250, p = 0.005",
        "+0.300+0.276 to +0.314 (95 %)p < 0.001",
        "chance 0.040",  # of the permutations, where there is no closed form
        "−0.100",  # a fall, of what has no interval
    ):
        assert said in markup.text


def test_what_was_found_is_said_in_words() -> None:
    text = read(similarity_cards.card(SimilarityResult(spaces=spaces()))).text
    assert "Of the 10 nearest of a pair, 2.0 are the same" in text
    assert "5.0 in the aligned space; of unrelated encoders 0.3 would be" in text
    assert "7 of 8 measures lie above chance (p at most 0.05) before, 8 after." in text
    recordings = read(similarity_cards.card(SimilarityResult(spaces=spaces()), "audio")).text
    assert "by the recording encoder" in recordings and "Cycle kNN, recordings first" in recordings


def test_the_caption_says_how_low_p_can_be() -> None:
    text = read(similarity_cards.card(SimilarityResult(spaces=spaces()))).text
    assert "300 pairs of the test split" in text and "none is below 1 / 201 = 0.005" in text
    more = read(similarity_cards.card(SimilarityResult(spaces=spaces(1999)))).text
    assert "1,999 permutations" in more and "1 / 2,000 = 0.0005" in more


def test_layers_have_the_encoders_names_and_the_best_is_outlined() -> None:
    (drawn,) = similarity_cards.layer_map(evaluation(), detail(), layers())["maps"]
    assert drawn["key"] == "e-1/layers" and drawn["axes"] == ["e, layer", "t, layer"]
    assert drawn["title"] == "Which layers share most: mutual kNN, k = 10"
    assert drawn["values"] == [[0.1], [0.29]] and drawn["chosen"] == [1, 0]
    assert "calibrated: 0.260" in drawn["tips"][1][0] and "chance: 0.033" in drawn["tips"][1][0]
    for said in (
        "Best (outlined): layer 1 of e and own output of t, with 0.290",
        "last layers, used without a search, have 0.190",
        "stays below 0.044 in 95 %",
        "300 test pairs",
    ):
        assert said in drawn["words"]
    (other,) = similarity_cards.layer_map(evaluation(), detail(), layers("cka", None))["maps"]
    assert other["title"].endswith("linear CKA") and "Chance gives" not in other["words"]
    note = "to look at, not to choose by"
    shown = similarity_cards.card(SimilarityResult(spaces=spaces(), layers=layers()))
    assert note in read(shown).text
    assert note not in read(similarity_cards.card(SimilarityResult(spaces=spaces()))).text


def test_a_hostile_encoder_is_plain_text_of_the_map() -> None:
    """The browser escapes tips and titles: what is sent is the name, and no markup of ours."""
    named = detail(configuration={"image_encoder": HOSTILE})
    (drawn,) = similarity_cards.layer_map(evaluation(), named, layers())["maps"]
    assert "<img src=x" in drawn["axes"][0] and "&lt;" not in str(drawn)


def test_the_line_says_what_was_asked_for() -> None:
    assert similarity_cards.line(evaluation()) == "10 neighbours, 200 permutations"
    told = similarity_cards.line(evaluation(neighbours=5, layers=True, measure="cknna"))
    assert told == "5 neighbours, 200 permutations, all layers by CKNNA"
    assert set(similarity_cards.LAYER_MEASURES) == set(get_args(LayerMeasure))


def test_the_form_is_checked_and_every_fault_is_told() -> None:
    made = checked(True, "svcca", 7.0, "99")
    assert (made.layers, made.measure, made.neighbours, made.permutations) == (True, "svcca", 7, 99)
    for given in (None, "", "many", 1, 101, 2.5, float("nan"), float("inf")):
        with pytest.raises(InvalidInput, match="Neighbours"):
            checked(False, "cka", given, 200)
    with pytest.raises(InvalidInput) as caught:
        checked(False, "luck", None, 18)
    for said in ("Neighbours: nothing was given; a whole number from 2 to 100 is needed",
                 "Permutations: 18 was given; a whole number from 19 to 2,000 is needed",
                 "choose a measure from the list"):  # fmt: skip
        assert said in str(caught.value)
