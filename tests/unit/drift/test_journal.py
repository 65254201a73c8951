"""A game's journal: what was appended is there, what was torn is not, and lines are found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.drift.journal import Journal, Made
from backend.errors import StorageError

STEPS = [
    Made("text:a#0", 0, 0, "text", item="text:a#0"),
    Made("text:a#0", 0, 1, "image", picture="text-first/gen-1/a.png", drawn_with=7, operator="x"),
    Made("text:a#0", 0, 2, "text", text='ein "Kreis"\nünd mehr', to_start=0.5, to_previous=-0.25),
]


def read(journal: Journal, offset: int = 0) -> list[Made]:
    return [line.step for line in journal.read(offset)]


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "game" / "steps.jsonl")
    assert read(journal) == []
    journal.append(STEPS[:1])
    journal.append(STEPS[1:])
    journal.append([])
    assert read(journal) == STEPS
    assert len(journal.path.read_bytes().splitlines()) == 3, "a newline in a text is no line"


def test_reading_goes_on_where_it_was_and_lines_are_found_by_their_places(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    journal.append(STEPS[:2])
    first = list(journal.read())
    assert read(journal, first[-1].end) == []
    journal.append(STEPS[2:])
    later = list(journal.read(first[-1].end))
    assert [line.step for line in later] == STEPS[2:]
    begins = [line.begin for line in (*first, *later)]
    assert begins[0] == 0
    assert journal.at(begins[::-1]) == STEPS[::-1]
    assert journal.at([]) == []


@pytest.mark.parametrize("left", range(1, 40, 3))
def test_a_torn_last_line_counts_for_nothing_and_is_cut_off(tmp_path: Path, left: int) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    journal.append(STEPS)
    whole = journal.path.read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    journal.path.write_bytes(whole[: last + left])
    assert read(journal) == STEPS[:2]
    journal.append(STEPS[2:])
    assert journal.path.read_bytes() == whole


def test_a_first_line_that_was_torn_leaves_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    journal.path.write_bytes(b'{"seed": "text' + b" " * 100_000)
    assert read(journal) == []
    journal.append(STEPS)
    assert read(journal) == STEPS


@pytest.mark.parametrize(
    "line",
    [b"{}", b"[]", b"null", b"\xff\xfe", b'{"seed":"a","repeat":-1,"generation":0,"side":"text"}',
     b'{"seed":"a","repeat":0,"generation":true,"side":"text"}',
     b'{"seed":"a","repeat":0,"generation":0,"side":"sound"}'],
)  # fmt: skip
def test_a_line_that_is_no_step_is_passed_over(tmp_path: Path, line: bytes) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    journal.path.write_bytes(line + b"\n")
    journal.append(STEPS)
    assert read(journal) == STEPS


def test_what_a_newer_version_adds_to_a_step_does_no_harm(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    line = b'{"seed":"a","repeat":0,"generation":0,"side":"text","mood":"good"}\n'
    journal.path.write_bytes(line)
    assert read(journal) == [Made("a", 0, 0, "text")]


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="press Resume"):
        Journal(tmp_path / "file" / "steps.jsonl").append(STEPS)
