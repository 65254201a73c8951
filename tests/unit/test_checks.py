"""docs/checks.md: every check is answered, and what is said to prove it is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def rows() -> list[list[str]]:
    text = (REPOSITORY / "docs" / "checks.md").read_text("utf-8")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
             if re.match(r"\| \d+ \|", line)]  # fmt: skip
    return cells


def test_all_forty_are_answered_and_at_least_36_hold() -> None:
    found = rows()
    assert [int(number) for number, *_ in found] == list(range(1, 41))
    assert all(re.match(r"yes$|in part: |no: ", holds) for _, _, holds, _ in found)
    assert sum(holds == "yes" for _, _, holds, _ in found) >= 36


def test_what_proves_a_check_is_there() -> None:
    for number, _, holds, proofs in rows():
        named = re.findall(r"`([^`]+)`", proofs)
        assert named or holds.startswith("no: "), number
        for proof in named:
            file, _, test = proof.partition("::")
            path = REPOSITORY / file
            assert path.is_file(), f"{number}: {file}"
            if test:
                tree = ast.parse(path.read_text("utf-8"))
                defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
                assert test in defined, f"{number}: {proof}"
