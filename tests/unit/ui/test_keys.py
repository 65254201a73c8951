"""The list of keys is what the scripts listen to."""

from __future__ import annotations

import re

from ui import theme
from ui.keys import KEYS, dialog

#: heading -> the script that hears its keys
HEARD = {
    "Everywhere": ("shell", "map-pointer"),
    "Explore": ("search", "results"),
    "Map, when it has the focus": ("map-pointer",),
    "A region of a picture": ("crop",),
    "A duel": ("duel",),
}
NAMES = {
    "←": "ArrowLeft",
    "→": "ArrowRight",
    "↑": "ArrowUp",
    "↓": "ArrowDown",
    "Esc": "Escape",
    "−": "-",
}


def test_every_key_that_is_listed_is_heard() -> None:
    assert set(HEARD) == set(KEYS)
    for heading, entries in KEYS.items():
        heard = "\n".join(theme.script(name) for name in HEARD[heading])
        for key in {key for keys, _ in entries for key in keys} - {"…", "Enter"}:
            name = NAMES.get(key, key)
            assert re.search(rf"(?i)[\"']{re.escape(name)}[\"']|\b{re.escape(name)}:", heard), (
                heading,
                key,
            )


def test_the_dialog_is_named_and_lists_all() -> None:
    said = dialog()
    assert said.startswith('<dialog class="i-help"') and 'aria-labelledby="i-help-title"' in said
    for heading, entries in KEYS.items():
        assert heading in said
        assert all(what.replace("'", "&#x27;") in said for _, what in entries)
