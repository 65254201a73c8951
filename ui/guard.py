"""Errors for people: handlers let only sentences out, never a traceback."""

from __future__ import annotations

import inspect
import logging
import math
import secrets
from collections.abc import Callable, Sequence
from functools import wraps
from html import escape
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from backend.errors import IsthmusError
from backend.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

READONLY = (
    "This place is read-only: runs can be explored but not made or changed. "
    "Start the app on your own machine to make runs."
)


def told(handler: Callable[P, R]) -> Callable[P, R]:
    """A handler whose :class:`IsthmusError` becomes a message on the page.

    Gradio shows messages as HTML, so the sentence is escaped: it may quote a file name or a caption.
    """

    @wraps(handler)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except IsthmusError as error:
            message = escape(str(error)).replace("\n", "<br>")
            raise gr.Error(
                message, title="That did not work", duration=12, print_exception=False
            ) from error

    return guarded


def shelter(demo: gr.Blocks) -> None:
    """Lets no handler be given what its fields cannot hold, and none end with anything but a sentence.

    A browser can send any values to any event, also to those that are private. What no handler has
    foreseen is written to the log under a number, and the number is told.
    """
    for each in demo.fns.values():
        if each.fn is not None and not inspect.isgeneratorfunction(each.fn):
            each.fn = _sheltered(each.fn, each.inputs, len(each.outputs) > 1)


def _sheltered(
    handler: Callable[..., Any], inputs: Sequence[Any], many: bool
) -> Callable[..., Any]:
    """The handler in its shelter.

    Args:
        inputs: the fields that it is given.
        many: whether it has several outputs; an answer by output may then be empty, which Gradio
            would take for an answer that is too short.
    """
    answered, sources = told(handler), _sources(handler, inputs)

    @wraps(handler)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        fitting = [_fitting(*each) for each in zip(sources, args, strict=False)]
        try:
            answer = answered(*fitting, *args[len(sources) :], **kwargs)
            empty = many and isinstance(answer, dict) and not answer
            return gr.skip() if empty else answer
        except gr.Error:
            raise
        except Exception as error:
            number = secrets.token_hex(3)
            log.exception("fault %s in %s", number, getattr(handler, "__qualname__", handler))
            raise gr.Error(
                f"Isthmus made a mistake here. Load the page again; what the app wrote to its log "
                f"under {number} says more.",
                title="That did not work",
                print_exception=False,
            ) from error

    return guarded


def _sources(handler: Callable[..., Any], inputs: Sequence[Any]) -> list[Any]:
    """The field that each argument comes from; None for what Gradio adds by itself."""
    sources: list[Any] = list(inputs)
    hints: dict[str, Any] = gr.utils.get_type_hints(handler)  # type: ignore[no-untyped-call]
    for position, argument in enumerate(inspect.signature(handler).parameters.values()):
        if argument.kind is argument.VAR_POSITIONAL:
            break
        hint = hints.get(argument.name)
        if inspect.isclass(hint) and issubclass(hint, gr.Request | gr.EventData):
            sources.insert(position, None)
    return sources


class _Sent(dict[str, Any]):
    """What an event tells of itself; whatever it was meant to tell and does not is an empty text."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return ""


def _fitting(source: Any, value: Any) -> Any:
    """What was sent where the field can hold it, else what it holds when nothing is chosen."""
    if isinstance(value, gr.EventData):
        value._data = _Sent(value._data if isinstance(value._data, dict) else {})
        return value
    if isinstance(source, gr.Textbox):
        return value if isinstance(value, str) else ""
    if isinstance(source, gr.Checkbox):
        return value is True
    if isinstance(source, gr.CheckboxGroup) or getattr(source, "multiselect", False):
        return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
    if isinstance(source, gr.Dropdown | gr.Radio):
        offered = [each for _, each in source.choices or ()]
        if offered and not any(isinstance(each, str) for each in offered):
            return value if _is_number(value) else source.value
        return value if isinstance(value, str) else None
    if isinstance(source, gr.Slider):
        fits = _is_number(value)
        return min(max(value, source.minimum), source.maximum) if fits else source.value
    if isinstance(source, gr.BrowserState):
        kept = source.default_value
        return value if isinstance(value, type(kept)) else kept
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def may_change(settings: Settings) -> bool:
    """Whether runs may be made and changed here."""
    return settings.mode == "full"


def require_changes(settings: Settings) -> None:
    """Stops a handler in a read-only place; hidden buttons can still be called by hand.

    Raises:
        gr.Error: always in a read-only place.
    """
    if not may_change(settings):
        raise gr.Error(READONLY, title="Read-only", print_exception=False)
