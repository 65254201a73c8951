"""What the page says of runs that are ranked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from backend.evaluation.leaderboard import LeaderboardEntry, Score, leaderboard
from backend.schemas import Leaderboard, LeaderboardMeasure, RunSummary
from tests.unit.ui.test_markup import HOSTILE, read
from ui import leaderboard_cards, paired_cards

FORWARD, SHOT, ALONE = "scenes test: R@1", "pets test: top-1", "scenes hard negatives: ITT"
ABOUT = {
    FORWARD: LeaderboardMeasure(
        dataset="scenes", part="test split", metric="text_to_image/recall_at_1", count=1500, chance=0.002
    ),
    SHOT: LeaderboardMeasure(
        dataset="/data/pets", part="all items, clip-80", metric="zero-shot/top_1", count=60, chance=0.5
    ),
    ALONE: LeaderboardMeasure(
        dataset="scenes", part="hard negatives", metric="compositional/itt", count=40, chance=0.25
    ),
}  # fmt: skip


def board(runs: Mapping[str, Mapping[str, Score]]) -> Leaderboard:
    found = leaderboard([LeaderboardEntry(id, f"run {id}", own) for id, own in runs.items()])
    return found.model_copy(update={"about": ABOUT})


def summary(id: str, **changes: Any) -> RunSummary:
    known = RunSummary(
        id=id, name=f"run {id}", status="finished", dataset="scenes", image_encoder="/models/vit",
        text_encoder="minilm", method="ridge-cca", seed=0, created_at=datetime.now(UTC),
        finished_at=None, progress=None, queue_position=None, error=None, demonstration=False,
    )  # fmt: skip
    return known.model_copy(update=changes)


RANKED = board(
    {
        "a": {FORWARD: Score(0.2, (0.15, 0.25))},  # over test images: not held against seeds
        "b": {
            FORWARD: Score(0.6, (0.5, 0.7), {"0": 0.59, "1": 0.61}),
            SHOT: Score(0.8, (0.7, 0.9), {"a {}": 0.7, "no {}": 0.9}, "prompt"),
            ALONE: Score(0.4, (0.3, 0.5)),
        },
        "c": {
            FORWARD: Score(0.55, (0.45, 0.65), {"0": 0.5, "1": 0.6}),
            SHOT: Score(0.4, (0.3, 0.5)),
        },
    }
)


def rows(markup: str) -> list[str]:
    """The text of each row, the head first."""
    return [read(part).text for part in markup.split("<tr")]


def test_runs_stand_by_gain_with_all_their_numbers() -> None:
    markup = leaderboard_cards.table(RANKED, {id: summary(id) for id in "abc"})
    _, head, first, second, third = rows(markup)
    assert "Run" in head and "R@1 text → image" in head and "Zero-shot top-1" in head
    assert "scenes, test split" in head and "1,500 tested, chance 0.2 %" in head
    assert "pets, all items, clip-80" in head and "60 tested, chance 50.0 %" in head
    # means 0.45 and 0.6: b is a third above both
    assert "run b" in first and "+33.3 %" in first and "over 2 measures" in first
    assert "60.0 %" in first and "50.0 to 70.0 %" in first and "80.0 %" in first
    # deviations 1.41 and 14.14 points
    assert "7.78" in first and "over seeds and prompts" in first
    # best by seeds or values of all three measures that two runs or more have
    assert "100 %" in first and "chance 42 %" in first and "too few runs" in first
    assert "run c" in second and "−5.6 %" in second  # (22.2 - 33.3) / 2
    assert "run a" in third and "−55.6 %" in third and "one seed, no prompts" in third
    assert "ridge-cca · vit × minilm" in third


def test_the_best_and_what_lies_within_its_interval_are_marked() -> None:
    found = read(leaderboard_cards.table(RANKED, {})).found
    marked = [
        (dict(attributes).get("class"), dict(attributes).get("title"))
        for name, attributes in found
        if name == "td"
    ]
    assert sum("best" in str(kind).split() for kind, _ in marked) == 2
    assert sum("near" in str(kind).split() for kind, _ in marked) == 1
    said = [attributes["aria-label"] for name, attributes in found if name == "i"]
    assert said.count("the best") == 2 and "within the best one's 95 % interval" in said
    assert any("over 2 prompts" in str(title) for _, title in marked)


def test_a_row_opens_its_run() -> None:
    found = read(leaderboard_cards.table(RANKED, {})).found
    opened = [a["data-arg"] for name, a in found if name == "button" and a["data-act"] == "open"]
    assert opened == ["b", "c", "a"]


def test_what_counted_and_what_did_not_is_said() -> None:
    text = read(leaderboard_cards.counted(RANKED)).text
    assert "3 runs by 3 measures, of which 2 count for the gain." in text
    assert f"Not counted, as only one run was measured by it: {ALONE}." in text
    assert "Yang et al. 2023" in text and "n − 1" in text
    alone = board({"a": {FORWARD: Score(0.2)}})
    assert "1 run by 1 measure, of which 0 count" in read(leaderboard_cards.counted(alone)).text
    assert "nothing to hold it against" in read(leaderboard_cards.table(alone, {})).text


def test_the_data_set_is_named_where_there_are_several() -> None:
    runs = {"a": summary("a"), "b": summary("b", dataset="/data/flickr8k"), "c": summary("c")}
    markup = leaderboard_cards.table(RANKED, runs)
    assert "flickr8k · ridge-cca" in read(markup).text
    same = {id: summary(id) for id in "abc"}
    assert "scenes · ridge-cca" not in read(leaderboard_cards.table(RANKED, same)).text


def test_nothing_that_a_person_wrote_becomes_an_element() -> None:
    found = leaderboard([LeaderboardEntry(HOSTILE, HOSTILE, {HOSTILE: Score(0.5)})])
    run = summary(HOSTILE, name=HOSTILE, method=HOSTILE, image_encoder=HOSTILE)
    about = ABOUT[FORWARD].model_copy(update={"dataset": HOSTILE, "part": HOSTILE})
    for each in (found, found.model_copy(update={"about": {HOSTILE: about}})):
        markup = leaderboard_cards.table(each, {HOSTILE: run}) + leaderboard_cards.counted(each)
        assert "img" not in {name for name, _ in read(markup).found}
        assert HOSTILE in read(markup).text


def test_files_are_named_as_what_they_hold() -> None:
    files = {"csv": b"a", "parquet": b"b", "tex": b"c"}
    (said, markup) = "All of it:", paired_cards.downloads(files, "All of it:", "leaderboard")
    links = [a["download"] for name, a in read(markup).found if name == "a"]
    assert links == ["leaderboard.csv", "leaderboard.parquet", "leaderboard.tex"]
    assert said in read(markup).text
