"""What the parts of a query are in a shared space, what they are together, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidInput
from backend.exploration.queries import parse_vector, part_vectors, query_vector
from backend.exploration.space import SharedSpace
from backend.schemas import Modality, Query, QueryPart
from tests.unit.exploration.made_up import Encoder, halves, made_up, unit

PIXELS = 10_000


@pytest.fixture
def run(tmp_path: Path) -> tuple[SharedSpace, Encoder, Encoder]:
    return made_up(tmp_path)


def part(kind: str, value: str, weight: float = 1.0, crop: Any = None) -> QueryPart:
    return QueryPart.model_validate({"kind": kind, "value": value, "weight": weight, "crop": crop})


def colour(*rgb: float) -> np.ndarray:
    return unit(np.array([*rgb, 0.1]))


def test_every_kind_of_part_is_its_unit_vector(
    run: tuple[SharedSpace, Encoder, Encoder], tmp_path: Path
) -> None:
    space, _, _ = run
    halves("green", "green").save(tmp_path / "own.png")
    parts = [
        part("text", "  a   red\ncircle "),
        part("file", str(tmp_path / "own.png")),
        part("item", "image:red-green"),
        part("item", "text:red-blue#1"),
        part("vector", "[3, 0; 4 0]"),
    ]
    wanted = [
        colour(1, 0, 0), colour(0, 1, 0), colour(0.5, 0.5, 0), colour(0.5, 0, 0.5),
        np.array([0.6, 0, 0.8, 0]),
    ]  # fmt: skip
    np.testing.assert_allclose(part_vectors(space, parts, PIXELS), wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("crop", "seen"), [((0, 0, 0.5, 1), (1, 0, 0)), ((0.5, 0.25, 1, 0.75), (0, 0, 1))]
)
@pytest.mark.parametrize("kind", ["file", "item"])
def test_a_crop_is_of_the_picture_itself(
    run: tuple[SharedSpace, Encoder, Encoder], tmp_path: Path, kind: str, crop: Any, seen: Any
) -> None:
    value = "image:red-blue" if kind == "item" else str(tmp_path / "red-blue.png")
    (found,) = part_vectors(run[0], [part(kind, value, crop=crop)], PIXELS)
    np.testing.assert_allclose(found, colour(*seen), atol=1e-6)


def test_all_of_a_picture_is_no_crop(run: tuple[SharedSpace, Encoder, Encoder]) -> None:
    whole = part("item", "image:red-blue", crop=(0, 0, 1, 1))
    assert whole == part("item", "image:red-blue")
    np.testing.assert_array_equal(
        part_vectors(run[0], [whole], PIXELS)[0], run[0].vector("image:red-blue")
    )
    assert run[1].read == []


def test_what_is_read_is_read_together_and_once(
    run: tuple[SharedSpace, Encoder, Encoder], tmp_path: Path
) -> None:
    space, image, text = run
    parts = [
        part("text", "red"), part("file", str(tmp_path / "red-blue.png")), part("text", "blue", -1),
        part("item", "image:green-blue", crop=(0, 0, 0.5, 1)),
    ]  # fmt: skip
    first = part_vectors(space, parts, PIXELS)
    assert (image.read, text.read) == ([2], [2])
    again = part_vectors(space, [*parts, part("text", "green")], PIXELS)
    assert (image.read, text.read) == ([2], [2, 1])
    np.testing.assert_array_equal(again[:4], first)
    halves("green", "green").save(tmp_path / "red-blue.png")  # another picture under its name
    (other,) = part_vectors(space, parts[1:2], PIXELS)
    np.testing.assert_allclose(other, colour(0, 1, 0), atol=1e-6)


def test_a_mixture_is_the_unit_vector_of_the_weighted_sum(
    run: tuple[SharedSpace, Encoder, Encoder],
) -> None:
    parts = (
        part("text", "red", 2),
        part("item", "image:blue-blue", 0.5),
        part("text", "green", -1),
    )
    found = query_vector(run[0], Query(parts=parts), PIXELS)
    by_hand = 2 * colour(1, 0, 0) + 0.5 * colour(0, 0, 1) - colour(0, 1, 0)
    np.testing.assert_allclose(found, unit(by_hand), atol=1e-6)
    away = query_vector(run[0], Query(parts=(part("text", "red", -4),)), PIXELS)
    np.testing.assert_allclose(away, -colour(1, 0, 0), atol=1e-6)


def test_parts_that_cancel_out_point_nowhere(run: tuple[SharedSpace, Encoder, Encoder]) -> None:
    parts = (part("text", "red", 3), part("text", "a red one", -3))
    with pytest.raises(InvalidInput, match="cancel each other out"):
        query_vector(run[0], Query(parts=parts), PIXELS)


def test_all_faults_are_told_at_once(
    run: tuple[SharedSpace, Encoder, Encoder], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    halves("red", "red").resize((200, 100)).save(tmp_path / "large.png")
    wrong = [
        (part("text", "  "), "is empty"),
        (part("text", "x" * 501), "501 letters; use at most 500"),
        (part("said", "red"), "images cannot be typed"),
        (part("file", str(tmp_path / "notes.txt")), "of no known format"),
        (part("file", str(tmp_path / "gone.png")), "the file is gone"),
        (part("file", "x" * 300), "the file is gone"),
        (part("file", "a\0b"), "the file is gone"),
        (part("file", str(tmp_path)), "the file is gone"),
        (part("file", str(tmp_path / "large.png")), "at most 10,000"),
        (part("item", "image:nobody"), "not in this run's gallery"),
        (part("item", "nobody"), "ids look like"),
        (part("item", "text:red-red#0", crop=(0, 0, 0.5, 1)), "only pictures can be cropped"),
        (part("text", "red", crop=(0, 0, 0.5, 1)), "only pictures can be cropped"),
        (part("item", "image:red-red", crop=(0.5, 0, 0.5, 1)), "left below right"),
        (part("item", "image:red-red", crop=(-1, 0, 0.5, 1)), "shares from 0 to 1"),
        (part("item", "image:red-red", crop=(0, 0, math.nan, 1)), "shares from 0 to 1"),
        (part("item", "image:red-red", crop=(0, 0, 0.02, 1)), "1 x 20 pixels of 40 x 20"),
        (part("text", "red", weight=0), "its weight is 0"),
        (part("vector", "1 2 3"), "has 3 numbers; a vector of this space has 4 numbers"),
    ]
    with pytest.raises(InvalidInput) as error:
        part_vectors(run[0], [part("text", "red"), *(each for each, _ in wrong)], PIXELS)
    told = error.value.faults
    assert len(told) == len(wrong)
    for place, (fault, (_, words)) in enumerate(zip(told, wrong, strict=True), start=2):
        assert fault.where.startswith(f"part {place}, ") and words in fault.what
    assert run[2].read == []  # nothing is encoded in vain


@pytest.mark.parametrize(("modality", "several"), [("text", "texts"), ("features", "items")])
def test_what_items_are_decides_what_they_can_be_asked_with(
    tmp_path: Path, modality: Modality, several: str
) -> None:
    space, image, text = made_up(tmp_path, modality)
    with pytest.raises(InvalidInput, match=f"this run's items are {several}, not files"):
        part_vectors(space, [part("file", str(tmp_path / "a.png"))], PIXELS)
    with pytest.raises(InvalidInput, match="only pictures can be cropped"):
        part_vectors(space, [part("item", "image:red-red", crop=(0, 0, 0.5, 1))], PIXELS)
    said = part("said", " red\n  blue ")
    if modality == "text":
        (found,) = part_vectors(space, [said], PIXELS)
        np.testing.assert_allclose(found, colour(0.5, 0, 0.5), atol=1e-6)
        assert (image.read, text.read) == ([1], [])
    else:
        with pytest.raises(InvalidInput, match="items cannot be typed"):
            part_vectors(space, [said], PIXELS)


@given(
    numbers=st.lists(st.floats(-1e300, 1e300, width=64), min_size=1, max_size=9),
    written=st.sampled_from(["json", "blanks", "commas", "lines", "brackets"]),
)
def test_numbers_are_read_however_they_are_written(numbers: list[float], written: str) -> None:
    if max(map(abs, numbers)) == 0:
        return
    texts = {
        "json": json.dumps(numbers), "blanks": " ".join(map(repr, numbers)),
        "commas": ",".join(map(repr, numbers)), "lines": "\n".join(map(repr, numbers)),
        "brackets": f"[[{'; '.join(map(repr, numbers))}]]",
    }  # fmt: skip
    found = parse_vector(texts[written], len(numbers))
    scaled = np.array(numbers) / max(map(abs, numbers))
    length = math.sqrt(sum(number**2 for number in scaled))
    np.testing.assert_allclose(found, scaled / length, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has 0 numbers; a vector of this space has 3 numbers"),
        ("1 2 3 4", "has 4 numbers; a vector of this space has 3 numbers"),
        ("1, two, 3", "'two' is no number"),
        ("1 nan 3", "number 2 is nan"),
        ("1 2 -inf", "number 3 is -inf"),
        ("1 2 1e999", "number 3 is 1e999"),
        ("0 0 -0.0", "all numbers are 0"),
        ("1 " * 200_000, "too many to be read"),
    ],
)
def test_what_is_no_vector_is_told(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_vector(text, 3)
