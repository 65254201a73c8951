"""Errors for people: handlers let only sentences out, never a traceback."""

from __future__ import annotations

import inspect
import logging
import secrets
from collections.abc import Callable
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
    """Lets no handler end with anything but a sentence.

    A browser can send any values to any event, also to those that are private. What no handler has
    foreseen is written to the log under a number, and the number is told.
    """
    for each in demo.fns.values():
        if each.fn is not None and not inspect.isgeneratorfunction(each.fn):
            each.fn = _sheltered(each.fn)


def _sheltered(handler: Callable[..., Any]) -> Callable[..., Any]:
    answered = told(handler)

    @wraps(handler)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return answered(*args, **kwargs)
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
