"""The style sheets together: they follow one another in one page, so a name means one thing in all."""

from __future__ import annotations

import re
from collections import defaultdict

from ui.theme import ASSETS

_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_PLAIN = re.compile(r"[.#]i-[a-z0-9-]+")


def _outside_blocks(sheet: str) -> str:
    """Without what holds on narrow screens, for printing or between frames of a motion only."""
    kept, depth, start = [], 0, 0
    for found in re.finditer(r"@[^{;]+\{|[{}]", sheet):
        opened = found.group() != "}"
        if depth == 0 and found.group().startswith("@"):
            kept.append(sheet[start : found.start()])
            depth = 1
        elif depth:
            depth += 1 if opened else -1
            start = found.end()
    kept.append(sheet[start:])
    return "".join(kept)


def test_no_two_sheets_say_the_same_of_one_name() -> None:
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in sorted(ASSETS.glob("*.css")):
        sheet = _outside_blocks(_COMMENT.sub("", path.read_text(encoding="utf-8")))
        for selectors, body in _RULE.findall(sheet):
            properties = {line.split(":")[0].strip() for line in body.split(";") if ":" in line}
            for selector in (each.strip() for each in selectors.split(",")):
                if _PLAIN.fullmatch(selector):
                    for each in properties:
                        said[selector, each].add(path.name)
    assert len(said) > 1000  # they were read
    assert {name: sheets for name, sheets in said.items() if len(sheets) > 1} == {}
