"""The gap's card and slider tell the report's numbers, and claim no more than their p allows."""

from __future__ import annotations

import pytest

from backend.schemas import GapPoint, GapReport, GapScore, PairedDifference
from tests.unit.ui.test_markup import read
from ui import gap_cards

MEASURES = (
    "text_to_image/recall_at_1",
    "image_to_text/recall_at_1",
    "mixed/recall_at_1",
    "mixed/image_share",
)
START = dict(zip(MEASURES, (0.5, 0.6, 0.01, 0.02), strict=True))


def score(value: float, gained: float = 0.0, width: float = 0.0, p: float = 1.0) -> GapScore:
    return GapScore(
        value=value,
        interval=(value - 0.01, value + 0.01),
        gained=PairedDifference(
            difference=gained, interval=(gained - width, gained + width), p=p
        ),
    )  # fmt: skip


def report(left: float = 0.1, mixed_queries: int = 500) -> GapReport:
    """Three shares: text to image falls for sure, image to text by chance, both rise, one stays."""
    changes = {
        "text_to_image/recall_at_1": (-0.02, 0.01, 0.004),
        "image_to_text/recall_at_1": (0.003, 0.02, 0.7),
        "mixed/recall_at_1": (0.05, 0.01, 0.0005),
        "mixed/image_share": (0.0, 0.0, 1.0),
    }
    first = {name: score(value) for name, value in START.items()}
    points = [GapPoint(share=0.0, gap=0.8, pair_cosine=0.3, scores=first)]
    for share in (0.5, 1.0):
        moved = {
            name: score(START[name] + share * gained, share * gained, width, p)
            for name, (gained, width, p) in changes.items()
        }
        gap = 0.8 + share * (left - 0.8)
        points.append(GapPoint(share=share, gap=gap, pair_cosine=0.5, scores=moved))
    chance = dict(zip(MEASURES, (0.01, 0.02, 0.0002, 0.167), strict=True))
    return GapReport(
        images=100,
        captions=500,
        mixed_queries=mixed_queries,
        places=10,
        offset=0.79,
        chance=chance,
        points=tuple(points),
    )


def test_each_measure_is_told_with_its_change_and_whether_chance_would_do_it() -> None:
    text = read(gap_cards.card(report())).text
    assert "The gap of 0.800 becomes one of 0.100 with 100 % of the offset taken away." in text
    assert "hardly closes" not in text
    for said in (
        "R@1 text → image: 50.0 % to 48.0 %, −2.0 points (−3.0 to −1.0, p = 0.004); a fall beyond",
        "R@1 image → text: 60.0 % to 60.3 %, +0.3 points (−1.7 to +2.3, p = 0.700); no change beyond",
        "R@1 among both: 1.0 % to 6.0 %, +5.0 points (+4.0 to +6.0, p < 0.001); a rise beyond chance.",
        "Images in first 10: 2.0 % as before, for every query.",
    ):
        assert said in text


def test_a_gap_that_stays_is_said_to_stay() -> None:
    assert "hardly closes" in read(gap_cards.card(report(left=0.7))).text
    assert "hardly closes" not in read(gap_cards.card(report(left=0.3))).text


def test_the_slider_has_every_share_at_once() -> None:
    drawn = gap_cards.slider("e-1", report())
    assert drawn["shares"] == [0.0, 0.5, 1.0] and drawn["said"] == ["0 %", "50 %", "100 %"]
    assert all(len(drawn[part]) == 3 for part in ("said", "spoken", "figures"))
    for figures in drawn["figures"]:  # so that nothing jumps as the slider moves
        assert [len(each["lines"]) for each in figures] == [2, 4, 4, 4, 4]
    gap, forward, _, both, share = drawn["figures"][2]
    assert (gap["value"], gap["lines"][0]) == ("0.100", "of 0.800 at the start")
    assert forward["value"] == "48.0 %" and forward["lines"] == [
        "47.0 to 49.0 % (95 %)",
        "chance 1.0 %",
        "−2.0 points, p = 0.004",
        "−3.0 to −1.0 (95 %)",
    ]
    assert "chance 0.02 %" in both["lines"] and "blind order 16.7 %" in share["lines"]
    assert drawn["figures"][0][1]["lines"][2] == "the space as it is"
    assert drawn["spoken"][1].startswith("50 % taken away: gap 0.450, R@1 text → image 49.0 %,")


def test_the_charts_have_a_value_and_an_interval_a_share() -> None:
    recalls, left = gap_cards.slider("e-1", report())["plots"]
    assert recalls["percent"] and not left["percent"]
    assert [line["name"] for line in recalls["lines"]] == [
        "R@1 text → image",
        "R@1 image → text",
        "R@1 among both",
    ]
    assert recalls["lines"][0]["y"] == pytest.approx([0.5, 0.49, 0.48])
    assert recalls["lines"][0]["low"] == pytest.approx([0.49, 0.48, 0.47])
    assert left["lines"][0]["y"] == pytest.approx([0.8, 0.45, 0.1])


def test_the_note_says_which_split_the_offset_is_of_and_how_many_differences_there_are() -> None:
    note = gap_cards.slider("e-1", report(mixed_queries=200))["note"]
    assert "measured on the validation split" in note
    assert "100 images and 500 captions, of which 200 searched among both" in note
    assert "of 8 such differences" in note  # two shares beside the first, four measures
    assert "all of them searched" in gap_cards.slider("e-1", report())["note"]


def test_items_are_called_what_they_are() -> None:
    drawn = gap_cards.slider("e-1", report(), "audio")
    labels = [each["label"] for each in drawn["figures"][0]]
    assert labels[1:3] == ["R@1 text → recording", "R@1 recording → text"]
    assert labels[4] == "Recordings in first 10" and "mean recording" in drawn["note"]


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0004, "0.0"), (-0.0004, "0.0"), (-0.0006, "−0.1"), (0.012, "+1.2")]
)
def test_a_difference_that_rounds_to_nothing_has_no_sign(share: float, shown: str) -> None:
    assert gap_cards._signed(share) == shown
