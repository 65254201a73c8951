"""No handler is given what its fields cannot hold, and none ends with anything but a sentence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from backend.errors import InvalidInput
from ui.guard import shelter


def laid(fields: Callable[[], list[Any]], handler: Callable[..., Any]) -> gr.Blocks:
    with gr.Blocks() as demo:
        inputs, answer = fields(), gr.JSON()
        gr.Button().click(handler, inputs, answer, preprocess=False, api_visibility="private")
    shelter(demo)
    return demo


def sent(demo: gr.Blocks, *values: Any, event: Any = None) -> Any:
    """What comes back for values as a browser sends them."""
    data = gr.EventData(None, event) if event is not None else None
    called = demo.process_api(
        demo.fns[0], list(values), state=SessionState(demo), event_data=data, request=None
    )
    return asyncio.run(called)["data"][0].root


FIELDS: list[tuple[Callable[[], Any], Any, Any]] = [
    (lambda: gr.Textbox(), "words", "words"),
    (lambda: gr.Textbox(), None, ""),
    (lambda: gr.Textbox(), {"a": 1}, ""),
    (lambda: gr.Checkbox(), "yes", False),
    (lambda: gr.Checkbox(), True, True),
    (lambda: gr.Radio([("A tenth", 0.1), ("A half", 0.5)], value=0.1), 0.5, 0.5),
    (lambda: gr.Radio([("A tenth", 0.1), ("A half", 0.5)], value=0.1), "'; --", 0.1),
    (lambda: gr.Radio(["image", "text"], value="image"), ["text"], None),
    (lambda: gr.Dropdown([]), "r-1", "r-1"),
    (lambda: gr.Dropdown([]), 7, None),
    (lambda: gr.Dropdown([], multiselect=True, value=[]), ["a", None, {"b": 1}], ["a"]),
    (lambda: gr.Dropdown([], multiselect=True, value=[]), "a", []),
    (lambda: gr.Slider(2, 40, value=10), 99, 40),
    (lambda: gr.Slider(2, 40, value=10), "many", 10),
    (lambda: gr.BrowserState(""), ["kept"], ""),
]


@pytest.mark.parametrize(("field", "given", "got"), FIELDS)
def test_a_handler_is_given_what_its_field_can_hold(
    field: Callable[[], Any], given: Any, got: Any
) -> None:
    assert sent(laid(lambda: [field()], lambda value: {"got": value}), given) == {"got": got}


def test_what_gradio_adds_by_itself_does_not_shift_the_fields() -> None:
    def handler(words: str, event: gr.EventData, ticked: bool) -> dict[str, Any]:
        return {"words": words, "act": str(event.act), "ticked": ticked}

    demo = laid(lambda: [gr.Textbox(), gr.Checkbox()], handler)
    assert sent(demo, 7, "x", event={"act": "open"}) == {
        "words": "",
        "act": "open",
        "ticked": False,
    }


def test_an_empty_answer_by_output_changes_nothing() -> None:
    def nothing() -> dict[Any, Any]:
        return {}

    with gr.Blocks() as demo:
        gr.Button().click(nothing, None, [gr.JSON(), gr.JSON()], api_visibility="private")
    shelter(demo)
    called = demo.process_api(demo.fns[0], [], state=SessionState(demo), request=None)
    assert asyncio.run(called)["data"] == [gr.skip(), gr.skip()]


@pytest.mark.parametrize("event", [{}, {"arg": 7}, "nonsense", None, [1]])
def test_what_an_event_does_not_tell_is_empty(event: Any) -> None:
    def handler(event: gr.EventData) -> dict[str, Any]:
        return {"act": event.act}

    demo = laid(list, handler)
    data = gr.EventData(None, event)
    called = demo.process_api(
        demo.fns[0], [], state=SessionState(demo), event_data=data, request=None
    )
    assert asyncio.run(called)["data"][0].root == {"act": ""}


def test_what_nobody_foresaw_is_told_under_the_number_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def handler(words: str) -> str:
        raise KeyError("/home/someone/secret")

    demo = laid(lambda: [gr.Textbox()], handler)
    with caplog.at_level(logging.ERROR, "ui.guard"), pytest.raises(gr.Error) as caught:
        sent(demo, "words")
    told = str(caught.value)
    assert "secret" not in told and "KeyError" not in told
    number = str(caplog.records[0].args[0])  # type: ignore[index]
    assert number in told and "secret" in caplog.text


def test_a_sentence_for_a_person_stays_one() -> None:
    def handler(words: str) -> str:
        raise InvalidInput("Type <b>something</b> first.")

    with pytest.raises(gr.Error, match="Type &lt;b&gt;something"):
        sent(laid(lambda: [gr.Textbox()], handler), "")
