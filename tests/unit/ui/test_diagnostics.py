"""What a person reads of suspected captions, error slices and modality conflicts."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from backend.schemas import (
    ConflictReport,
    Item,
    MismatchedCaption,
    MismatchReport,
    Proportion,
    Quartiles,
    ShownSlice,
    Side,
    Slice,
    SliceReport,
    Slices,
    SuspectedCaption,
    Suspicions,
    WeighedAnswer,
    WeighedPair,
)
from tests.unit.ui.test_markup import HOSTILE, read
from ui import caption_cards, conflict_cards, slice_cards
from ui.markup import Html


def item(side: Side, name: str = "a", caption: str = HOSTILE) -> Item:
    """An item or one of its captions, with a picture."""
    own = f"image:{name}" if side == "image" else f"text:{name}#0"
    return Item(side=side, id=own, image_id=name, modality="image", thumbnail=Path("/t/a.webp"),
                captions=(caption,))  # fmt: skip


def pictures_only(markup: Html) -> None:
    """Every image is a thumbnail: no caption became an element."""
    for name, attributes in read(markup).found:
        assert name != "script" and "onerror" not in attributes
        assert name != "img" or attributes["src"] == "gradio_api/file=/t/a.webp"


def acts(markup: Html) -> list[tuple[str | None, str | None]]:
    """What can be clicked."""
    return [
        (attributes["data-act"], attributes.get("data-arg"))
        for _, attributes in read(markup).found
        if "data-act" in attributes
    ]


# --- suspected captions ---------------------------------------------------------------------------


def caption(suspicion: str, siblings: int, quantile: float | None) -> MismatchedCaption:
    return MismatchedCaption.model_validate(
        {"caption": 3, "image": 1, "rank": 745.0, "quantile": 0.745, "z": -0.66,
         "siblings": siblings, "siblings_quantile": quantile, "suspicion": suspicion}
    )  # fmt: skip


def suspected(
    rows: tuple[MismatchedCaption, ...], count: int, runs: int, alike: int, shown: int = 1
) -> Suspicions:
    report = MismatchReport(
        runs=runs, images=1000, captions=5000, threshold=0.1, suspected=count, rows=rows
    )
    return Suspicions(
        judges=tuple(f"run <b>{number}</b>" for number in range(runs)),
        alike=alike,
        report=report,
        shown=tuple(
            SuspectedCaption(found=each, caption=item("text"), image=item("image"))
            for each in rows[:shown]
        ),
    )


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (caption("caption", 4, 0.037), ["Likely the caption", "4 other captions fit it: 3.7 %"]),
        (caption("image", 4, 0.31), ["Likely the image", "do not fit it either: 31.0 %", "median"]),
        (caption("image", 1, 0.31), ["other caption does not fit it either: 31.0 %"]),
        (caption("pair", 0, None), ["The caption or the image", "no other caption to tell"]),
    ],
)
def test_a_suspicion_names_its_rank_and_what_the_siblings_tell(
    row: MismatchedCaption, says: list[str]
) -> None:
    told = read(caption_cards.suspicions(suspected((row,), 1, 2, 2), "image", b"")).text
    for words in ["Rank 745 of 1,000 in the best run", *says]:
        assert words in told


def test_count_threshold_chance_and_judges_are_told() -> None:
    rows = (caption("caption", 4, 0.037),) * 3
    markup = caption_cards.suspicions(suspected(rows, 3, 2, 5), "image", b"a,b\n")
    told = read(markup).text
    assert "3 of 5,000 captions suspected: more than 10 % of the 999 other images" in told
    assert "In random orders 81 % of the captions would be" in told  # 0.9 squared: two runs
    assert "run <b>0</b> and run <b>1</b>: 2 of 5 runs that were tested on the same items" in told
    pictures_only(markup)
    assert ("pick", "image:a") in acts(markup) and ("pick", "text:a#0") in acts(markup)
    assert ("more", "2") in acts(markup)
    for runs, said in ((2, "Judged by both runs"), (3, "Judged by all 3 runs")):
        assert (
            said
            in read(caption_cards.suspicions(suspected(rows, 3, runs, runs), "image", b"")).text
        )
    alone = read(caption_cards.suspicions(suspected(rows, 3, 1, 1), "audio", b"")).text
    assert "no other finished run was tested on the same items" in alone
    assert "999 other recordings" in alone and "in the best run" not in alone


def test_all_are_offered_as_a_file_and_where_it_is_cut_that_is_said() -> None:
    rows = (caption("caption", 4, 0.037),)
    for count, said in ((1, "All of them:"), (9, "The 1 worst:")):
        markup = caption_cards.suspicions(suspected(rows, count, 1, 1), "image", b"image,caption\n")
        assert said in read(markup).text
        link = next(found for name, found in read(markup).found if name == "a")
        assert link["download"] == "suspected-captions.csv"
        sent = str(link["href"]).removeprefix("data:text/csv;base64,")
        assert base64.b64decode(sent) == b"image,caption\n"
        assert "more" not in dict(acts(markup))


def test_nothing_suspected_is_said_with_its_rule_and_offers_no_file() -> None:
    markup = caption_cards.suspicions(suspected((), 0, 1, 1), "image", b"")
    assert "0 of 5,000 captions suspected" in read(markup).text
    assert not acts(markup) and "a" not in [name for name, _ in read(markup).found]


# --- slices ---------------------------------------------------------------------------------------


def a_slice(kind: str, name: str, q: float = 0.0004) -> Slice:
    return Slice.model_validate(
        {"kind": kind, "name": name, "words": ("snow", HOSTILE), "queries": 105, "images": 82,
         "failures": 66, "rate": 0.629, "interval": (0.524, 0.722), "p": 1e-4, "q": q,
         "excess": 22.4, "examples": (1, 2)}
    )  # fmt: skip


def sliced(asked_by: Side, words: int = 1, shown: int = 1) -> Slices:
    found = tuple(a_slice("word", f"look{number}{HOSTILE}") for number in range(words))
    regions = (a_slice("region", "street, city", 0.0123),)
    report = SliceReport(
        asked_by=asked_by, k=5, queries=5000, images=1000, failures=2140, rate=0.428,
        interval=(0.406, 0.450), chance=0.995, intraclass=0.38, words_tested=110, words=found,
        regions_tested=40, regions=regions,
    )  # fmt: skip
    examples = (item(asked_by), item(asked_by, "b"))
    return Slices(
        report=report,
        words=tuple(ShownSlice(slice=each, examples=examples) for each in found[:shown]),
        regions=tuple(ShownSlice(slice=each, examples=examples) for each in regions),
    )


def test_a_slice_stands_beside_the_rate_of_all_with_interval_count_and_q() -> None:
    markup = slice_cards.slices(sliced("text"), "image")
    told = read(markup).text
    for words in ["own image not among the first 5", "42.8 %", "40.6 to 45.0 % (95 %)",
                  "chance 99.5 %", "2,140 of 5,000 captions", "correlation 0.38", "110 tested; 1 stands out",
                  "40 tested", "62.9 %", "52.4 to 72.2 %", "105", "82", "+22", "< 0.001", "0.012",
                  f"with snow, {HOSTILE}", "street, city"]:  # fmt: skip
        assert words in told, words
    pictures_only(markup)
    marks = [found for name, found in read(markup).found if name == "em"]
    assert [mark["title"] for mark in marks] == ["all: 42.8 %"] * 2
    assert marks[0]["style"] == "left:42.8%"
    assert acts(markup).count(("pick", "text:b#0")) == 2
    assert "more" not in dict(acts(markup))


def test_images_asking_have_no_column_of_images_and_more_can_be_asked_for() -> None:
    markup = slice_cards.slices(sliced("image", words=3), "image")
    heads = [found for name, found in read(markup).found if name == "th"]
    text = slice_cards.slices(sliced("text", words=3), "image")
    # a head of each of two tables
    assert len([found for name, found in read(text).found if name == "th"]) == len(heads) + 2
    assert "3 stand out, the first 1 are shown" in read(markup).text
    assert ("more", "2") in acts(markup)


def test_where_nothing_stands_out_no_more_is_claimed_than_was_measured() -> None:
    found = sliced("text")
    report = found.report.model_copy(update={"words": (), "regions": (), "intraclass": 0.0})
    empty = found.model_copy(update={"report": report, "words": (), "regions": ()})
    told = read(slice_cards.slices(empty, "image")).text
    assert told.count("none of them fails clearly more often than the others") == 2
    assert "correlation" not in told


# --- conflict -------------------------------------------------------------------------------------


def share(value: float, low: float, high: float, count: int = 500) -> Proportion:
    return Proportion(value=value, count=count, interval=(low, high))


def conflict(image: Proportion, text: Proportion) -> ConflictReport:
    return ConflictReport(
        images=1000, pairs=500,
        leaves_image=Quartiles(count=490, lower=0.61, median=0.64, upper=0.68, interval=(0.63, 0.65)),
        stays=share(0.02, 0.01, 0.037),
        reaches_text=None,
        reached=share(0.324, 0.284, 0.366),
        between=share(0.414, 0.341, 0.491, 162),
        image_at_half=image, text_at_half=text,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("image", "text", "verdict"),
    [
        (
            share(0.9, 0.87, 0.92),
            share(0.02, 0.01, 0.04),
            "the image wins more often than the text",
        ),
        (share(0.1, 0.07, 0.13), share(0.4, 0.35, 0.45), "the text wins more often than the image"),
        (share(0.3, 0.26, 0.34), share(0.33, 0.29, 0.37), "neither side clearly wins"),
    ],
)
def test_the_verdict_is_what_the_intervals_bear(
    image: Proportion, text: Proportion, verdict: str
) -> None:
    told = read(conflict_cards.conflicts(conflict(image, text), "image")).text
    assert verdict in told
    for words in ["500 images of the test split", "all 1,000 images", "chance 0.1 %", "of 162 pairs",
                  "0.64", "0.63 to 0.65 (95 %)", "0.61 to 0.68", "490", "in no pair",
                  "2.0 % (1.0 to 3.7 %)", "32.4 % (28.4 to 36.6 %)", "head start"]:  # fmt: skip
        assert words in told, words


def test_a_strip_shows_the_middle_half_and_the_median() -> None:
    report = conflict(share(0.9, 0.87, 0.92), share(0.02, 0.01, 0.04))
    found = read(conflict_cards.conflicts(report, "image")).found
    place = next(i for i, (name, a) in enumerate(found) if "i-range" in str(a.get("class")))
    assert found[place][1]["aria-label"] == "quartiles 0.61 to 0.68, median 0.64"
    assert found[place + 1][1]["style"] == "left:61.0%;right:32.0%"
    assert found[place + 2][1]["style"] == "left:64.0%"


def pair(bounds: list[float], leaves: float | None, reaches: float | None) -> WeighedPair:
    return WeighedPair(
        item=item("image"), text=HOSTILE, gallery=1000,
        answers=tuple(
            WeighedAnswer(item=item("image", f"i{number}"), start=start, end=end)
            for number, (start, end) in enumerate(zip(bounds, bounds[1:], strict=False))
        ),
        leaves_image_at=leaves, reaches_text_at=reaches,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bounds", "leaves", "reaches", "said"),
    [
        ([0, 1], None, None, "At every weight the answer is the same"),
        ([0, 0.58, 1], 0.58, 0.58, "The balance point is w = 0.58"),
        ([0, 0.4, 0.7, 1], 0.4, 0.7, "on the way 1 other image comes first"),
        ([0, 0.4, 0.403, 0.7, 1], 0.4, 0.7, "on the way 2 other images come first"),
    ],
)
def test_the_balance_point_is_said_in_words(
    bounds: list[float], leaves: float | None, reaches: float | None, said: str
) -> None:
    markup = conflict_cards.weighed(pair(bounds, leaves, reaches))
    assert said in read(markup).text
    pictures_only(markup)


def test_answers_stand_in_order_with_their_weights_and_the_middle_is_marked() -> None:
    markup = conflict_cards.weighed(pair([0, 0.4, 0.403, 0.7, 1], 0.4, 0.7))
    frames = [found for name, found in read(markup).found if name == "li"]
    assert [(f["data-from"], f["data-to"]) for f in frames] == [
        ("0.000000", "0.400000"), ("0.400000", "0.403000"), ("0.403000", "0.700000"),
        ("0.700000", "1.000000"),
    ]  # fmt: skip
    assert ["now" in str(f["class"]) for f in frames] == [False, False, True, False]
    assert acts(markup) == [("pick", f"image:i{number}") for number in range(4)]
    assert "0.4000 – 0.4030" in read(markup).text and "0.00 – 0.40" in read(markup).text
    slider = next(found for name, found in read(markup).found if name == "input")
    assert (slider["type"], slider["min"], slider["max"]) == ("range", "0", "1")
