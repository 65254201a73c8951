"""What the page says and draws of encoders that were assessed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backend.evaluation.assessment import MEASURES, correlations
from backend.schemas import (
    AlignmentScore,
    AssessedTogether,
    AssessmentReport,
    Correlation,
    EncoderAssessment,
    EvaluationSummary,
    Share,
)
from tests.unit.ui.test_markup import HOSTILE, read
from ui import assessment_cards
from ui.scatter import NOTHING, scatter
from ui.theme import ASSETS


def share(value: float, chance: float = 0.125) -> Share:
    return Share(value=value, interval=(value - 0.05, value + 0.05), chance=chance, count=40)


def encoder(name: str, knn: float = 0.5, recall: float | None = 0.25) -> EncoderAssessment:
    alignment = None
    if recall is not None:
        alignment = AlignmentScore(
            split="test", train_images=1500, images=300, captions=1500,
            text_to_image=share(recall, 0.003), image_to_text=share(1 - recall, 0.004),
        )  # fmt: skip
    return EncoderAssessment(
        encoder=name, dimension=1280, classes=12, train_items=631, test_items=124, neighbours=20,
        knn=share(knn), linear_probe=share(0.75), regularisation=0.1, silhouette=None,
        adjusted_mutual_information=knn / 2, adjusted_rand_index=-1e-6, alignment=alignment,
    )  # fmt: skip


def report(*encoders: EncoderAssessment, notes: tuple[str, ...] = ()) -> AssessmentReport:
    return AssessmentReport(
        encoders=encoders, modality="image", attribute="shape", fingerprints=("a", "b"),
        correlations=correlations(encoders), notes=notes,
    )  # fmt: skip


def asked(**changes: Any) -> EvaluationSummary:
    request = {
        "encoders": ["/models/vit", "scene-resnet-ssl", "x"], "labelled": "/data/caltech101",
        "attribute": "class", "pairs": "flickr8k", "text_encoder": "minilm",
    }  # fmt: skip
    return EvaluationSummary(
        id="e-1", kind="assessment", run=None, status="finished", created_at=datetime.now(UTC),
        request={**request, **changes},
    )  # fmt: skip


def test_the_line_says_what_was_asked_for() -> None:
    assert (
        assessment_cards.line(asked())
        == "3 encoders on caltech101 by class; probe: flickr8k with minilm"
    )
    alone = asked(
        encoders=["/models/vit"], pairs=None, text_encoder=None, attribute=None, labelled="scenes"
    )
    assert assessment_cards.line(alone) == "vit on scenes, no alignment probe"


def test_every_number_stands_with_its_interval_and_chance() -> None:
    card = assessment_cards.card(asked(), report(encoder("/models/vit"), encoder("b", 0.75, 0.5)))
    text = read(card).text
    assert "12 classes by shape: learnt from 631 items, tried on 124." in text
    assert "fitted on 1,500 items" in text and "300 items and 1,500 captions of test" in text
    for said in ("50.0 %", "45.0 to 55.0 %", "chance 12.5 %", "Probe R@1 text → image"):
        assert said in text
    assert "chance 0.3 %" in text and "chance 0.4 %" in text
    assert "0.250" in text and "0.000" in text and "−0.000" not in text  # AMI; ARI, just below 0
    assert "1,280 d" in text and "the 20 nearest" in text
    assert "Over 2 encoders: too few to say" in text


def test_chance_that_differs_is_told_as_a_range() -> None:
    other = encoder("b").model_copy(update={"knn": share(0.5, 0.25)})
    text = read(assessment_cards.table([encoder("a"), other], "image")).text
    assert "chance 12.5 to 25.0 %" in text


def test_without_a_probe_there_are_no_empty_columns() -> None:
    text = read(assessment_cards.card(asked(), report(encoder("a", recall=None)))).text
    assert "Probe R@1" not in text and "No alignment probe was made" in text


def test_recordings_are_called_so() -> None:
    found = report(encoder("a")).model_copy(update={"modality": "audio"})
    assert "Probe R@1 text → recording" in read(assessment_cards.card(asked(), found)).text


def test_nothing_that_a_person_wrote_becomes_an_element() -> None:
    found = report(encoder(HOSTILE), notes=(HOSTILE,))
    found = found.model_copy(update={"attribute": HOSTILE})
    card = assessment_cards.card(asked(labelled=HOSTILE, attribute=HOSTILE), found)
    assert "img" not in {name for name, _ in read(card).found}
    assert HOSTILE in read(card).text


def test_correlations_stand_with_their_intervals() -> None:
    many = [encoder(str(i), i / 10, (i + i % 3) / 15) for i in range(1, 9)]
    found = report(*many).correlations
    text = read(assessment_cards.foretells(many, found, "image")).text
    own = found["knn/text_to_image"]
    assert own.pearson_interval is not None and own.spearman_interval is not None
    assert f"r +{own.pearson:.2f}" in text and f"ρ +{own.spearman:.2f}, " in text
    assert f"+{own.pearson_interval[0]:.2f} to +{own.pearson_interval[1]:.2f} (95 %)" in text
    assert f"r −{abs(found['knn/image_to_text'].pearson):.2f}" in text
    assert "the same for all" in text  # the linear probe's
    assert "too few" not in text and "over 8 encoders" in text


@pytest.mark.parametrize(
    ("found", "encoders", "said"),
    [
        (None, 2, "Over 2 encoders: too few to say."),
        (None, 5, "their numbers are the same"),
        ((3, 0.9, None), 3, "Pearson r +0.90, Spearman ρ +0.50. Too few encoders to say how sure"),
        ((5, 0.9, (0.1, 0.99)), 5, "(+0.10 to +0.99, 95 %), Spearman ρ +0.50. More than chance"),
        ((5, -0.9, (-0.99, 0.1)), 5, "r −0.90 (−0.99 to +0.10, 95 %)"),
        ((5, 0.9, (-0.1, 0.99)), 5, "It may as well be chance."),
    ],
)
def test_how_sure_a_correlation_is_is_said(found: Any, encoders: int, said: str) -> None:
    told = None
    if found is not None:
        count, r, interval = found
        told = Correlation(
            encoders=count, pearson=r, pearson_interval=interval, spearman=0.5, spearman_interval=None
        )  # fmt: skip
    assert said in assessment_cards.correlation_words("Neighbours", told, encoders)


def test_the_plot_holds_every_pair_of_numbers() -> None:
    encoders = (encoder("/models/vit", 0.5, 0.2), encoder("b", 0.6, 0.3), encoder("c", 0.9, None))
    found = AssessedTogether(modality="image", encoders=encoders, assessments=2, correlations={})
    drawn = scatter("key", found)
    assert [each["id"] for each in drawn["measures"]] == list(MEASURES)
    assert [point["name"] for point in drawn["points"]] == ["vit", "b"]  # c was not aligned
    first = drawn["points"][0]["of"]
    assert first["knn"] == pytest.approx([0.5, 0.45, 0.55])
    assert first["text_to_image"] == pytest.approx([0.2, 0.15, 0.25])
    assert first["adjusted_mutual_information"] == [0.25] and first["silhouette"] is None
    assert set(drawn["words"]) == {
        f"{name}/{way}" for name in MEASURES for way in ("text_to_image", "image_to_text")
    }
    assert drawn["words"]["knn/text_to_image"] == "Over 2 encoders: too few to say."
    assert drawn["chance"]["knn"] == 0.125 and drawn["chance"]["text_to_image"] == 0.003
    assert "silhouette" not in drawn["chance"]
    assert drawn["about"].startswith("2 encoders of 2 assessments")
    nothing = found.model_copy(update={"encoders": encoders[2:]})
    assert scatter("key", nothing) == NOTHING


def test_names_reach_the_plot_as_text_alone() -> None:
    script = Path(ASSETS / "scatter.js").read_text()
    assert "innerHTML" not in script and "names.map(plain)" in script
