"""The keys of every page, and the dialog that lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ui.markup import Html, tag

#: heading -> keys and what they do; keys that are pressed one or the other stand side by side
KEYS: Final[dict[str, tuple[tuple[tuple[str, ...], str], ...]]] = {
    "Everywhere": (
        (("/",), "type a search"),
        (("1", "…", "9"), "the pages, in the order of their tabs"),
        (("?",), "this list"),
        (("Esc",), "closes what is open, or lets go of what is chosen"),
    ),
    "Explore": (
        (("Enter",), "searches at once, or from the answer that is marked"),
        (("↓",), "from the search bar to the answers"),
        (("←", "→", "↑", "↓"), "from answer to answer"),
        (("Home", "End"), "the first answer, the last one"),
        (("+", "−"), "take the marked answer into the query, or away from it"),
        (("Esc",), "empties the search bar, or leads back to it"),
    ),
    "Map, when it has the focus": (
        (("←", "→", "↑", "↓"), "move it, or turn it in space"),
        (("+", "−"), "nearer, further away"),
        (("Home",), "all of it"),
    ),
    "A region of a picture": (
        (("←", "→", "↑", "↓"), "move it; with Shift, make it larger or smaller"),
        (("Enter",), "done"),
    ),
    "A duel": (
        (("←", "→"), "the left answers are better, the right ones are"),
        (("↑", "↓"), "both are as good, both are bad"),
        (("N",), "the next query"),
    ),
}


def dialog(keys: dict[str, Sequence[tuple[Sequence[str], str]]] | None = None) -> Html:
    """All keys, in a dialog that ``assets/shell.js`` opens."""
    groups = [
        tag(
            "section",
            tag("h3", name),
            tag("dl", [_entry(pressed, what) for pressed, what in entries]),
        )
        for name, entries in (keys or KEYS).items()
    ]
    # a native dialog keeps the focus inside, closes on Esc and gives the focus back
    return tag(
        "dialog.i-help",
        tag(
            "div.i-help-top",
            tag("h2", "Keys", id="i-help-title"),
            tag("button.i-button.quiet", "Close", type="button", data_help_close=True),
        ),
        tag("div.i-help-groups", groups),
        id="i-help-dialog",
        aria_labelledby="i-help-title",
    )


def _entry(pressed: Sequence[str], what: str) -> Html:
    keys = [tag("kbd", key) for key in pressed]
    return tag("div", tag("dt", keys), tag("dd", what))
