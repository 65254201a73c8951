"""Verdicts on pictures: the released ones, what GenEval says, and each defect by itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.drift.scores.geneval import (
    RELEASED,
    Detection,
    Found,
    Judged,
    Rules,
    compare_geneval,
    judge,
    multi_generation_geneval,
    verdict,
)
from backend.drift.scores.prompts import COLOURS, Prompt, prompt_of, read_prompts
from backend.errors import Cancelled, InvalidInput
from tests.unit import golden

_GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "golden.json"


def released() -> list[dict]:
    return json.loads(_GOLDEN.read_text("utf-8"))["structured_inputs"]["mgg"]


def found_in(prompt: Prompt, detections: list[dict]) -> Found:
    """What the released code was given: labels are places in ``include``."""
    objects = [
        Detection(prompt.include[each["label"]].name, each["score"], tuple(each["box"]))
        for each in detections
    ]
    return Found(frozenset(prompt.classes), tuple(objects))


def golden_verdicts() -> Judged:
    prompts, generations = [], []
    for generation in released():
        number = generation["generation"]
        pictures = {}
        for place, each in enumerate(generation["prompts"]):
            prompt = prompt_of(each["metadata"], f"{number}/{place}")
            prompts.append(prompt)
            pictures[prompt.id] = found_in(prompt, each["detections"])
        generations.append((number, pictures))
    return judge(prompts, generations, RELEASED)


def colour(name: str) -> tuple[float, ...]:
    return tuple(float(each == name) for each in COLOURS)


def box(x: float, y: float, size: float = 40) -> tuple[float, float, float, float]:
    return (x, y, x + size, y + size)


def found(*objects: Detection, asked: tuple[str, ...] = (), colours=None) -> Found:
    return Found(frozenset(asked) | {each.name for each in objects}, objects, colours)


def test_verdicts_are_the_released_ones() -> None:
    for generation in released():
        for each in generation["prompts"]:
            prompt = prompt_of(each["metadata"], "0")
            mine = verdict(prompt, found_in(prompt, each["detections"]), RELEASED)
            assert mine.correct == bool(each["released_correct"]), each
            assert mine.correct == (not mine.reasons)


def test_shares_are_the_released_ones() -> None:
    report = multi_generation_geneval(golden_verdicts())
    for tag, share in report.tasks.items():
        assert [share.correct, share.total, share.share] == golden.value(f"mgg/pooled/{tag}")
    overall = report.overall
    assert [overall.correct, overall.total, overall.share] == golden.value("mgg/pooled/overall")
    for each in report.generations:
        told = [each.overall.correct, each.overall.total]
        assert told == golden.value(f"mgg/generation/{each.generation}")
    assert report.mean_of_tasks == pytest.approx(
        np.mean([golden.value(f"mgg/pooled/{tag}")[2] for tag in report.tasks])
    )


def prompt(*include: dict, tag: str = "single_object", exclude: tuple[dict, ...] = ()) -> Prompt:
    return prompt_of({"tag": tag, "include": list(include), "exclude": list(exclude)}, "0")


DOG, TWO_DOGS = {"class": "dog", "count": 1}, {"class": "dog", "count": 2}


def test_a_score_must_be_above_the_threshold() -> None:
    for score, is_right in ((0.1, False), (0.1001, True)):
        seen = found(Detection("dog", score, box(0, 0)))
        assert verdict(prompt(DOG), seen).correct == is_right
    strict = Rules(counting_threshold=0.9)
    seen = found(Detection("dog", 0.5, box(0, 0)))
    assert verdict(prompt(DOG), seen, strict).correct
    assert not verdict(prompt(DOG, tag="counting"), seen, strict).correct


def test_one_object_seen_twice_is_one() -> None:
    counting = prompt(TWO_DOGS, tag="counting", exclude=({"class": "dog", "count": 3},))
    once_too_often = found(
        Detection("dog", 0.9, box(0, 0)),
        Detection("dog", 0.8, box(2, 2)),  # the first again
        Detection("dog", 0.7, box(200, 0)),
    )
    assert verdict(counting, once_too_often).correct
    assert not verdict(counting, once_too_often, RELEASED).correct
    one = found(Detection("dog", 0.9, box(0, 0)), Detection("dog", 0.8, box(2, 2)))
    assert not verdict(counting, one).correct
    assert verdict(counting, one, RELEASED).correct
    assert verdict(counting, one, Rules(overlap=None)).correct


def test_colour_is_the_classifiers_word_and_not_the_detectors() -> None:
    asked = prompt({**DOG, "color": "red"}, tag="colors")
    blue = found(Detection("dog", 0.9, box(0, 0), colour("blue")))  # the detector said "red dog"
    assert verdict(asked, blue, RELEASED).correct
    told = verdict(asked, blue)
    assert not told.correct
    assert told.reasons == ("dog is blue, red expected",)
    assert verdict(asked, found(Detection("dog", 0.9, box(0, 0), colour("red")))).correct


def test_a_classifier_is_asked_about_the_objects_that_count() -> None:
    asked = prompt({**DOG, "color": "red"}, tag="colors")
    boxes_seen = []

    def classify(name, boxes):
        boxes_seen.append((name, list(boxes)))
        return [colour("red") for _ in boxes]

    two = found(
        Detection("dog", 0.5, box(200, 0)), Detection("dog", 0.9, box(0, 0)), colours=classify
    )
    assert verdict(asked, two).correct
    assert boxes_seen == [("dog", [box(0, 0)])]  # the most confident one
    with pytest.raises(InvalidInput, match="colour classifier"):
        verdict(asked, found(Detection("dog", 0.9, box(0, 0))))
    with pytest.raises(InvalidInput, match="one score an object and colour"):
        verdict(asked, found(Detection("dog", 0.9, box(0, 0)), colours=lambda name, boxes: [[1.0]]))


def position(relation: str) -> Prompt:
    return prompt({"class": "cat", "count": 1}, {**DOG, "position": [relation, 0]}, tag="position")


def test_position_is_relative_and_not_in_pixels() -> None:
    barely = found(Detection("cat", 0.9, box(0, 0)), Detection("dog", 0.9, box(8.6, 60)))
    assert verdict(position("below"), barely).correct
    assert not verdict(position("right of"), barely).correct
    assert verdict(position("right of"), barely, RELEASED).correct  # 0.6 pixels beyond the slack


def test_position_holds_to_what_it_is_said_of_and_not_to_any_box() -> None:
    seen = found(
        Detection("cat", 0.9, box(0, 0)),
        Detection("cat", 0.3, box(400, 0)),  # another, less likely cat
        Detection("dog", 0.9, box(200, 0)),
    )
    assert verdict(position("right of"), seen).correct
    assert not verdict(position("left of"), seen).correct
    assert verdict(position("left of"), seen, RELEASED).correct


def test_nothing_stands_to_what_is_not_there() -> None:
    told = verdict(position("left of"), found(Detection("dog", 0.9, box(0, 0)), asked=("cat",)))
    assert told.reasons == ("0 x cat, 1 expected", "nothing that dog could be left of")


def test_all_excluded_classes_count() -> None:
    no_cat = prompt(DOG, exclude=({"class": "cat", "count": 1},))
    assert no_cat.classes == ("dog", "cat")
    both = found(Detection("dog", 0.9, box(0, 0)), Detection("cat", 0.9, box(100, 0)))
    assert not verdict(no_cat, both).correct
    assert verdict(no_cat, both, RELEASED).correct
    with pytest.raises(InvalidInput, match="did not look for cat"):
        verdict(no_cat, found(Detection("dog", 0.9, box(0, 0))))


def test_all_prompts_are_scored_and_missing_pictures_told() -> None:
    prompts = [
        prompt_of({"tag": "single_object", "include": [DOG]}, str(number)) for number in range(9)
    ]
    right = found(Detection("dog", 0.9, box(0, 0)))
    wrong = found(asked=("dog",))
    first = {str(number): right for number in range(9)}  # the released loop ends after four
    third = {str(number): right if number < 2 else wrong for number in range(6)}
    report = multi_generation_geneval(judge(prompts, [(1, first), (3, third)]))
    told = report.generations[1].overall
    assert [each.overall.total for each in report.generations] == [9, 6]
    assert (told.correct, told.missing, told.share) == (2, 3, pytest.approx(2 / 6))
    assert (report.overall.correct, report.overall.total, report.overall.missing) == (11, 15, 3)
    nothing = multi_generation_geneval(judge(prompts, [(1, {})])).overall
    assert (nothing.share, nothing.interval, nothing.missing) == (None, None, 9)


def test_intervals_are_over_prompts_and_not_over_pictures() -> None:
    draw = np.random.default_rng(0)
    prompts = tuple(str(number) for number in range(100))
    tags = ("colors",) * 100
    own = draw.integers(0, 2, size=(100, 1)).astype(float)
    alike = np.repeat(own, 10, axis=1)  # a prompt is right always or never
    told = multi_generation_geneval(Judged(prompts, tags, tuple(range(1, 20, 2)), alike)).overall
    once = multi_generation_geneval(Judged(prompts, tags, (1,), own)).overall
    assert told.interval == once.interval
    assert np.ptp(told.interval) > 0.15
    every = multi_generation_geneval(Judged(prompts, tags, (1, 3), np.ones((100, 2)))).overall
    assert every.interval is not None
    assert every.interval[0] < 1


def test_strangers_are_refused_and_work_can_be_stopped() -> None:
    right = found(Detection("dog", 0.9, box(0, 0)))
    with pytest.raises(InvalidInput, match="pictures of no prompt, such as '7'"):
        judge([prompt(DOG)], [(1, {"0": right, "7": right})])
    with pytest.raises(InvalidInput, match="nothing to judge"):
        judge([prompt(DOG)], [])

    def stop(done, total, unit):
        raise Cancelled

    with pytest.raises(Cancelled):
        judge([prompt(DOG)], [(1, {"0": right})], report=stop)


def test_metadata_are_read_with_their_line_numbers_as_ids() -> None:
    lines = [json.dumps(each["metadata"]) for each in released()[0]["prompts"]]
    prompts = read_prompts([lines[0], "", *lines[1:]])
    assert [each.id for each in prompts] == [str(number) for number in range(18)]
    below = prompts[12]
    assert below.tag == "position"
    assert (below.include[1].name, below.include[1].position) == ("boat", ("below", 0))
    assert prompts[6].exclude[0].count == 3
    assert prompts[9].include[0].colour == "blue"


def test_all_that_is_wrong_with_metadata_is_told() -> None:
    lines = [
        "no json",
        "[]",
        '{"tag": "", "include": []}',
        '{"tag": "x", "include": [{"class": "dog", "count": 0}, {"count": true}]}',
        '{"tag": "x", "include": [{"class": "dog", "color": "mauve", "position": ["left of", 0]}]}',
        '{"tag": "x", "include": [{"class": "dog"}], "exclude": [{"class": "dog"}, 3]}',
    ]
    with pytest.raises(InvalidInput) as told:
        read_prompts(lines)
    faults = [(fault.where, fault.what) for fault in told.value.faults]
    assert {where for where, _ in faults} == {f"line {number}" for number in range(1, 7)}
    words = str(told.value)
    for part in ("not valid JSON", "must be an object", "tag must name", "at least one class",
                 "count must be 1 to 1000, not 0", "not True", "class must be a word", "red, orange",
                 "an entry before it", "count is missing", "exclude 1: must be an object"):  # fmt: skip
        assert part in words
    with pytest.raises(InvalidInput):
        read_prompts([])


def test_two_games_are_compared_prompt_by_prompt_on_the_pictures_that_both_have() -> None:
    draw = np.random.default_rng(1)
    prompts, tags = tuple(map(str, range(60))), ("colors", "counting") * 30
    before = draw.integers(0, 2, size=(60, 3)).astype(float)
    after = np.maximum(before, draw.integers(0, 2, size=(60, 3)))
    before[3, 1] = after[5] = np.nan
    turned = np.arange(60)[::-1]  # joined by their words, and not by their order
    found = compare_geneval(
        Judged(prompts, tags, (1, 3, 5), before),
        Judged(
            (*(prompts[row] for row in turned), "another"),
            (*(tags[row] for row in turned), "colors"),
            (3, 5, 7),
            np.vstack([np.c_[after[turned][:, 1:], np.ones(60)], np.ones(3)]),
        ),
    )
    gained = (after - before)[:, 1:]
    assert list(found) == ["overall", "colors", "counting"]
    for name, rows in (("overall", slice(None)), ("colors", slice(0, None, 2))):
        each = found[name]
        assert each.difference == pytest.approx(np.nanmean(gained[rows]))
        assert 0 < each.interval[0] < each.difference < each.interval[1] and each.p < 0.05
    nothing = Judged(("else",), ("colors",), (1,), np.ones((1, 1)))
    assert compare_geneval(Judged(prompts, tags, (1, 3, 5), before), nothing) == {}
    same = compare_geneval(nothing, nothing)["overall"]
    assert (same.difference, same.p) == (0.0, 1.0)
