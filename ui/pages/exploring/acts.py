"""Clicks within the results: what each changes of what is asked. A browser can send any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from backend.errors import InvalidInput
from backend.schemas import PartKind, QueryPart
from ui.pages.exploring.asked import Asked, Box

_LONGEST: Final = 500


def changed(asked: Asked, act: str, arg: str, kind: PartKind = "text") -> Asked:
    """What is asked after a click.

    Args:
        act: what was clicked.
        arg: of what.
        kind: how words are read.

    Raises:
        InvalidInput: there is no such thing to be clicked, or not any more.
    """
    if act not in _ACTS:
        raise InvalidInput("This button is of another version of the page; load it again.")
    if act == "example":
        return asked.only(QueryPart(kind=kind, value=arg[:_LONGEST]))
    return _ACTS[act](asked, arg)


def _item(arg: str, weight: float = 1.0) -> QueryPart:
    return QueryPart(kind="item", value=arg[:_LONGEST], weight=weight)


def _alone(asked: Asked, arg: str) -> Asked:
    at = asked.spoken
    return asked if at is None else asked.only(asked.parts[at].model_copy(update={"weight": 1.0}))


def _clear(asked: Asked, arg: str) -> Asked:
    return replace(asked.only(None), where={}, within="")


def _weigh(asked: Asked, arg: str) -> Asked:
    at, _, steps = arg.partition(":")
    return asked.weighed(_number(at), _number(steps))


def _crop(asked: Asked, arg: str) -> Asked:
    at, _, edges = arg.partition(":")
    return asked.cropped(_number(at), _box(edges))


def _open(asked: Asked, arg: str) -> Asked:
    at = _number(arg)
    return replace(asked, cropping=None if asked.cropping == at else at)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InvalidInput("This part of the query is gone.") from error


def _box(text: str) -> Box:
    try:
        left, top, right, bottom = (float(edge) for edge in text.split(","))
    except ValueError as error:
        raise InvalidInput("This is no region of the picture; draw it anew.") from error
    return left, top, right, bottom


_ACTS: Final[Mapping[str, Callable[[Asked, str], Asked]]] = {
    "example": lambda asked, arg: asked,  # in `changed`: it alone depends on how words are read
    "pick": lambda asked, arg: asked.only(_item(arg)),
    "plus": lambda asked, arg: asked.plus(_item(arg)),
    "minus": lambda asked, arg: asked.plus(_item(arg, -1.0)),
    "alone": _alone,
    "clear": _clear,
    "remove": lambda asked, arg: asked.without(_number(arg)),
    "turn": lambda asked, arg: asked.turned(_number(arg)),
    "weigh": _weigh,
    "crop-open": _open,
    "crop-close": lambda asked, arg: replace(asked, cropping=None),
    "crop": _crop,
    "unfilter": lambda asked, arg: asked.filtered(arg, ()),
    "everywhere": lambda asked, arg: replace(asked, within=""),
    "deeper": lambda asked, arg: asked.deeper(_number(arg)),
}
