"""Prompt templates: the published sets against facts of their sources, and what people write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.catalog import prompts as module
from backend.catalog.prompts import (
    guess_set,
    parse_templates,
    prompt_set,
    prompt_sets,
    prompts,
)
from backend.errors import InvalidInput, NotFound

#: templates of each data set in CLIP's own list, counted there
PUBLISHED = {
    "birdsnap": 1, "cifar": 18, "clevr-counts": 1, "caltech101": 34, "country211": 5, "dtd": 8,
    "eurosat": 3, "aircraft": 2, "fer2013": 6, "flowers": 1, "food101": 1, "gtsrb": 3,
    "hateful-memes": 1, "kitti": 1, "kinetics700": 28, "mnist": 1, "pets": 1, "voc2007": 1,
    "pcam": 1, "resisc45": 18, "sst2": 1, "stl10": 2, "sun397": 2, "cars": 8, "ucf101": 48,
}  # fmt: skip


def test_the_sets_have_as_many_templates_as_their_sources() -> None:
    sets = {each.id: each for each in prompt_sets()}
    plain = {"simple": 1, "sound": 1, "name-alone": 1}
    expected = {"clip-80": 80, "clip-7": 7} | plain | PUBLISHED
    assert {name: len(each.templates) for name, each in sets.items()} == expected
    assert len(sets) == len(prompt_sets())
    table = Path(module.__file__).parent / "tables" / "prompts.json"
    for row in json.loads(table.read_text("utf-8")):
        assert row["count"] == len(row["templates"]) and row["source"] and row["name"]


def test_every_published_template_could_have_been_written_by_hand() -> None:
    for each in prompt_sets():
        assert parse_templates("\n".join(each.templates)) == each.templates


def test_the_seven_are_of_the_eighty_and_the_first_and_last_are_known() -> None:
    eighty, seven = prompt_set("clip-80").templates, prompt_set("clip-7").templates
    assert set(seven) < set(eighty)
    assert (eighty[0], eighty[-1]) == ("a bad photo of a {}.", "a tattoo of the {}.")
    assert seven[0] == "itap of a {}." and seven[-1] == "a photo of the small {}."
    with pytest.raises(NotFound, match="no set of templates 'clip-81'; there are clip-80, clip-7"):
        prompt_set("clip-81")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/data/caltech101", "caltech101"),
        ("/data/Caltech-101/images", "caltech101"),
        ("/data/caltech101/labels.json?template=a {}", "caltech101"),
        ("hf://nelorth/oxford-flowers", "flowers"),
        ("hf://somebody/Oxford_Flowers_102?split=train", "flowers"),
        ("hf://ethz/food101", "food101"),
        ("/data/cars/flowers", "flowers"),
        ("cifar100", "cifar"),
        ("CIFAR-10", "cifar"),
        ("/data/StanfordCars/", "cars"),
        ("hf://blanchon/EuroSAT_RGB", "eurosat"),
        ("/data/stl10", "stl10"),
        ("imagenet-1k", "clip-80"),
        ("scenes-small", "clip-80"),
        ("/data/oscars", "clip-80"),
        ("/data/carpets", "clip-80"),
        ("", "clip-80"),
        ("?", "clip-80"),
    ],
)
def test_a_set_is_guessed_by_the_name_of_the_data(address: str, expected: str) -> None:
    assert guess_set(address) == expected


@given(st.text())
def test_any_name_gives_a_set(name: str) -> None:
    assert prompt_set(guess_set(name))


def test_lines_are_templates() -> None:
    text = "  a photo of a {}.  \n\n\tthe {} in a video game.\r\n"
    assert parse_templates(text) == ("a photo of a {}.", "the {} in a video game.")


def test_all_faults_of_templates_are_told_at_once() -> None:
    lines = ["a {}", "no place", "{} and {}", "a {}", f"{'x' * 300}{{}}", "half \ud800 of {}"]
    with pytest.raises(InvalidInput) as caught:
        parse_templates("\n".join(lines))
    told = {fault.where: fault.what for fault in caught.value.faults}
    assert list(told) == ["line 2", "line 3", "line 4", "line 5", "line 6"]
    assert told["line 2"].endswith("not 0 times") and told["line 3"].endswith("not 2 times")
    assert "same as line 1" in told["line 4"] and "302 characters" in told["line 5"]
    with pytest.raises(InvalidInput, match="at most 200, not 201"):
        parse_templates("\n".join(f"{number} {{}}" for number in range(201)))
    assert len(parse_templates("\n".join(f"{number} {{}}" for number in range(200)))) == 200
    for empty in ("", " \n "):
        with pytest.raises(InvalidInput, match="at least one"):
            parse_templates(empty)


def test_prompts_come_class_by_class_and_names_are_no_formats() -> None:
    assert prompts(["cat", "{0}", "a {} b"], ["a {}.", "the {}"]) == [
        "a cat.", "the cat", "a {0}.", "the {0}", "a a {} b.", "the a {} b",
    ]  # fmt: skip


def test_what_no_photograph_shows_is_not_asked_for_as_a_photograph() -> None:
    for modality in ("audio", "text", "code", "features"):
        found = prompt_set(guess_set("/data/caltech101", modality))
        assert not any("photo" in template for template in found.templates)
    assert guess_set("/data/esc50", "audio") == "sound"
