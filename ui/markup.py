"""HTML as values: everything that is not markup already is escaped on its way in.

Captions, names and error messages come from people and files. They pass through :func:`tag` as plain
strings, so none of them can become an element.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

#: elements without a closing tag
_VOID = frozenset({"img", "br", "hr", "input"})

Child = str | int | None | Iterable["Child"]
Attribute = str | int | float | bool | None


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, *children: Child, **attributes: Attribute) -> Html:
    """One element.

    Args:
        name: ``"div"``, or with classes ``"div.card.wide"``.
        children: markup (:class:`Html`), text (escaped), nested lists of these; None is left out.
        attributes: ``class_`` and ``for_`` lose the underscore, others turn ``_`` into ``-``;
            True gives a bare attribute, None and False leave it out.
    """
    element, *classes = name.split(".")
    if "class_" in attributes:
        classes.append(str(attributes.pop("class_")))
    written = f' class="{escape(" ".join(classes))}"' if any(classes) else ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        written += f" {label}" if value is True else f' {label}="{escape(str(value))}"'
    if element in _VOID:
        return Html(f"<{element}{written}>")
    return Html(f"<{element}{written}>{join(children)}</{element}>")


def join(children: Iterable[Child], between: str = "") -> Html:
    """Children one after the other, escaped where they are plain text."""
    return Html(between.join(_written(child) for child in children if child is not None))


def _written(child: Child) -> str:
    if isinstance(child, Html):
        return child
    if isinstance(child, str | int):
        return escape(str(child))
    return "" if child is None else join(child)
