"""Forms as data: a method's options, what was typed, and what of it is passed on."""

from __future__ import annotations

from typing import Any

import pytest

from backend.schemas import MethodInfo, MethodOption
from ui import forms
from ui.pages.method_field import MethodField


def option(name: str, default: int | float | str, **more: Any) -> MethodOption:
    """An option whose kind follows from its default."""
    kinds = {int: "int", float: "float", str: "choice"}
    return MethodOption(
        name=name, label=name, help="", kind=kinds[type(default)],
        default=default, **more,
    )  # fmt: skip


def method(id: str, *options: MethodOption, family: str = "trained") -> MethodInfo:
    """A method with options."""
    return MethodInfo(
        id=id, name=id.upper(), summary=f"when {id}", paper="", family=family,
        trained=family == "trained", options=options,
    )  # fmt: skip


FEW = method(
    "few", option("ridge", 0.5, minimum=0, maximum=1), option("kind", "a", choices=("a", "b"))
)
MANY = method(
    "many", option("dimension", 8), option("epochs", 20), option("batch", 4), option("rate", 0.1),
    option("warmup", 0.05), option("noise", 0.25), option("patience", 5), option("levels", 1),
    option("fifth", 1), option("sixth", 1), option("seventh", 1),
)  # fmt: skip


def test_rare_options_are_folded_only_where_there_are_many() -> None:
    few, many = forms.method_form(FEW), forms.method_form(MANY)
    assert [each["more"] for each in few["fields"]] == [False, False]
    folded = [each["name"] for each in many["fields"] if each["more"]]
    assert folded == ["warmup", "noise", "patience", "sixth", "seventh"]
    assert many["values"]["noise"] == "0.25"


def test_what_was_typed_for_a_method_is_there_again_and_goes_to_no_other() -> None:
    typed = forms.method_form(FEW)
    typed["drafts"] = {"few": typed["values"] | {"ridge": "0.7", "gone": "1"}}
    other = forms.method_form(MANY, typed["drafts"])
    assert "ridge" not in other["values"]
    again = forms.method_form(FEW, other["drafts"])
    assert again["values"] == {"ridge": "0.7", "kind": "a"}


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ({"ridge": "0.5", "kind": "a"}, {}),
        ({"ridge": " 0.25 ", "kind": "b"}, {"ridge": 0.25, "kind": "b"}),
        ({"ridge": "", "kind": ""}, {}),
        ({"ridge": "many"}, {"ridge": "many"}),
        ({"ridge": ["x"], "kind": {"a": 1}, "else": "1"}, {}),
    ],
)
def test_only_options_that_were_changed_are_passed_on(
    said: dict[str, Any], given: dict[str, Any]
) -> None:
    assert forms.options(FEW, {"values": said}) == given


@pytest.mark.parametrize("said", ["1e400", "nan", "2.5", "7"])
def test_a_whole_number_is_made_of_whole_numbers_alone(said: str) -> None:
    found = forms.options(MANY, {"values": {"epochs": said}})["epochs"]
    assert isinstance(found, int) == (said == "7")


@pytest.mark.parametrize("sent", [None, "text", [], {"values": 3}, {"values": ["a"]}])
def test_nonsense_from_the_browser_is_an_empty_form(sent: Any) -> None:
    assert forms.typed(sent) == {}
    assert forms.options(FEW, sent) == {}


def test_ticks_keep_the_order_offered_and_nothing_else_comes_in() -> None:
    assert forms.chosen({"m": ["c", "x", "a"]}, "m", ["a", "b", "c"]) == ["a", "c"]
    assert forms.chosen({"m": "abc"}, "m", ["a"]) == []


def test_methods_stand_by_family_with_their_line() -> None:
    methods = [method("z"), method("a", family="closed form"), method("y")]
    groups = forms.method_groups(methods, told=True)
    assert [[each["value"] for each in group["choices"]] for group in groups] == [["z", "y"], ["a"]]
    assert groups[0]["choices"][0]["about"] == "when z"
    assert groups[1]["label"].startswith("Closed form")


def test_options_of_the_method_before_are_not_taken_for_those_of_the_chosen_one() -> None:
    import gradio as gr

    with gr.Blocks():
        field = MethodField([FEW, MANY])
    picked = {"values": {"method": "many"}}
    late = forms.method_form(FEW) | {"values": {"ridge": "0.9"}}
    assert field.given(picked, late) == ("many", {})
    about, update = field.choose(picked, late)
    assert "when many" in about
    assert update["value"]["key"] == "many"
    assert "value" not in field.choose({"values": {"method": "few"}}, late)[1]
    assert field.given(picked, update["value"] | {"values": {"epochs": "3"}}) == (
        "many",
        {"epochs": 3},
    )
