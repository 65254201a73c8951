"""Folders of chains: what is written is read, and everything wrong with one is told at once."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backend.drift.folder import open_chains, write_captions, write_pictures
from backend.drift.names import entry_name, generation_of, safe_stem, side_at, stem_of
from backend.errors import Cancelled, InvalidInput, StorageError

ITEMS = ["image:a b.png", "text:7#0", "../../etc/passwd", "naïve 猫", "con", "v1.2"]


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (6, 8, 3)).astype(np.uint8))


def written(root: Path, generations: int = 4) -> Path:
    """Both protocols; every generation in an order of its own."""
    draw = np.random.default_rng(0)
    for protocol in ("text-first", "image-first"):
        for number in range(generations):
            order = draw.permutation(ITEMS).tolist()
            if side_at(protocol, number) == "text":
                rows = ((item, f'{item}, at\n"{number}"') for item in order)
                assert write_captions(root, protocol, number, rows) == len(ITEMS)
            else:
                pictures = ((item, picture(ITEMS.index(item) + number)) for item in order)
                assert write_pictures(root, protocol, number, pictures) == len(ITEMS)
    return root


def test_what_is_written_is_read(tmp_path: Path) -> None:
    chains = open_chains(written(tmp_path / "chains"))
    assert set(chains.items) == {"text-first", "image-first"}
    assert chains.generations["text-first"] == (0, 1, 2, 3)
    assert chains.missing == {}
    stems = {safe_stem(item): item for item in ITEMS}
    for protocol in ("text-first", "image-first"):
        assert set(chains.items[protocol]) == set(stems)
        for number in range(4):
            if side_at(protocol, number) == "text":
                told = dict(chains.captions(protocol, number))
                assert told == {stem: f'{item}, at\n"{number}"' for stem, item in stems.items()}
            else:
                for stem, path in chains.pictures(protocol, number):
                    seen = np.asarray(Image.open(path))
                    assert (seen == np.asarray(picture(ITEMS.index(stems[stem]) + number))).all()


def test_the_layout_is_the_papers(tmp_path: Path) -> None:
    root = written(tmp_path)
    assert sorted(path.name for path in (root / "text-first").iterdir()) == [
        "gen-0.csv", "gen-1", "gen-2.csv", "gen-3"
    ]  # fmt: skip
    assert sorted(path.name for path in (root / "image-first").iterdir()) == [
        "gen-0", "gen-1.csv", "gen-2", "gen-3.csv"
    ]  # fmt: skip
    with (root / "text-first" / "gen-0.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["filename", "caption"]
    # as the released code looks for them: the file name less .png and .jpg, then .png
    for row in rows:
        name = row["filename"].replace(".png", "").replace(".jpg", "")
        assert (root / "text-first" / "gen-1" / f"{name}.png").is_file()


@given(st.lists(st.text(max_size=300), unique=True, max_size=20))
def test_stems_are_safe_and_every_item_has_its_own(items) -> None:
    stems = [safe_stem(item) for item in items]
    assert len(set(stems)) == len(items)
    for stem in stems:
        assert not set(stem) & set('/\\:*?"<>|\0\n')
        assert stem not in (".", "..")
        assert not stem.startswith(".")
        assert stem[-1] not in ". "
        assert len(stem.encode()) <= 200
        assert stem_of(f"{stem}.png") == stem == stem_of(stem)


def test_names_of_generations() -> None:
    assert entry_name("text-first", 0) == "gen-0.csv"
    assert entry_name("image-first", 20) == "gen-20"
    assert generation_of("gen-13") == (13, "image")
    for name in ("gen-01", "gen-", "gen-1.CSV", "gen-1.csv.bak", "gen-99999", "mygen-1"):
        assert generation_of(name) is None


def test_tables_are_utf8_and_not_latin1(tmp_path: Path) -> None:
    write_captions(tmp_path, "text-first", 0, [("a", "café 猫")])
    assert "café 猫".encode() in (tmp_path / "text-first" / "gen-0.csv").read_bytes()
    assert dict(open_chains(tmp_path).captions("text-first", 0)) == {"a": "café 猫"}


def table(root: Path, name: str, text: str | bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_foreign_tables_are_read(tmp_path: Path) -> None:
    # a byte order mark, another order of columns, columns of one's own, Windows' line ends, no suffix
    text = '\ufeffid,Caption,Filename\r\n1,"one, two",b.JPG\r\n\r\n2,three,v1.2\r\n'
    table(tmp_path, "text-first/gen-0.csv", text)
    assert list(open_chains(tmp_path).captions("text-first", 0)) == [
        ("b", "one, two"),
        ("v1.2", "three"),
    ]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    table(tmp_path, "text-first/gen-0.csv", "filename,caption\na.png,A\nb.png,B\nb.jpg,again\n"
          '"",nothing\n../c.png,C\nd.png\ne.png,E\n')  # fmt: skip
    table(tmp_path, "text-first/gen-1/a.png", b"not empty")
    table(tmp_path, "text-first/gen-1/a.jpg", b"twice")
    table(tmp_path, "text-first/gen-1/b.png", b"")
    table(tmp_path, "text-first/gen-1/notes.txt", b"hello")
    table(tmp_path, "text-first/gen-1/deep/x.png", b"x")
    table(tmp_path, "text-first/gen-1/stranger.png", b"x")
    table(tmp_path, "text-first/gen-1/Thumbs.db", b"clutter")
    table(tmp_path, "text-first/gen-2.csv", b"filename,caption\na.png,caf\xe9\n")
    table(tmp_path, "text-first/gen-4.csv", "file,text\na,b\n")
    table(tmp_path, "text-first/gen-5.csv", "filename,caption\n")
    table(tmp_path, "text-first/gen-06.csv", "filename,caption\n")
    table(tmp_path, "image-first/gen-1.csv", 'filename,caption\na,"unclosed\n')
    table(tmp_path, "image-first/readme.md", "not looked at")
    with pytest.raises(InvalidInput) as told:
        open_chains(tmp_path)
    faults = {(fault.where, fault.what) for fault in told.value.faults}
    expected = [
        ("text-first/gen-0.csv line 4", "'b' is there already"),
        ("text-first/gen-0.csv line 5", "filename is empty"),
        ("text-first/gen-0.csv line 6", "leads to another folder"),
        ("text-first/gen-0.csv line 7", "has 1 fields, the first line 2"),
        ("text-first/gen-1/a.png", "is there already"),
        ("text-first/gen-1/b.png", "is empty"),
        ("text-first/gen-1/notes.txt", "is no picture"),
        ("text-first/gen-1/deep", "is no file"),
        ("text-first/gen-1", "has 1 items that generation 0 has not: 'stranger'"),
        ("text-first/gen-1", "lacks 2 of 3 items: 'b', 'e'"),
        ("text-first/gen-2.csv line 2", "is not UTF-8"),
        ("text-first/gen-4.csv line 1", "must name the columns filename and caption"),
        ("text-first/gen-5.csv", "other modality; gen-5 is expected"),
        ("text-first/gen-06.csv", "is no generation"),
        ("text-first", "lacks 'gen-3'"),
        ("image-first", "lacks 'gen-0'"),
        ("image-first/gen-1.csv line 2", "is not valid CSV"),
    ]
    for where, what in expected:
        assert any(where == one and what in other for one, other in faults), (where, what, faults)
    # two tables of which no row can be read lack everything
    assert len(faults) == len(expected) + 2


def test_what_is_missing_is_missing_where_that_is_allowed(tmp_path: Path) -> None:
    root = written(tmp_path)
    (root / "text-first" / "gen-1" / f"{safe_stem(ITEMS[1])}.png").unlink()
    (root / "image-first" / "gen-1.csv").unlink()
    with pytest.raises(InvalidInput) as told:
        open_chains(root)
    assert {fault.where for fault in told.value.faults} == {"text-first/gen-1", "image-first"}
    chains = open_chains(root, incomplete=True)
    assert chains.missing == {("text-first", 1): (safe_stem(ITEMS[1]),)}
    assert chains.generations["image-first"] == (0, 2, 3)
    (root / "image-first" / "gen-0" / f"{safe_stem(ITEMS[0])}.png").unlink()
    with pytest.raises(InvalidInput, match="generation 0 has not"):
        open_chains(root, incomplete=True)


def test_no_link_leads_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    table(outside, "secret.png", b"secret")
    table(outside, "gen-0.csv", "filename,caption\nsecret,S\n")
    root = tmp_path / "chains"
    table(root, "text-first/gen-0.csv", "filename,caption\nsecret,S\n")
    (root / "text-first" / "gen-1").mkdir()
    (root / "text-first" / "gen-1" / "secret.png").symlink_to(outside / "secret.png")
    (root / "text-first" / "gen-2.csv").symlink_to(outside / "gen-0.csv")
    (root / "image-first").symlink_to(outside)
    with pytest.raises(InvalidInput) as told:
        open_chains(root, incomplete=True)
    assert {fault.where for fault in told.value.faults} == {
        "text-first/gen-1/secret.png", "text-first/gen-2.csv", "image-first"
    }  # fmt: skip


def test_a_folder_without_chains_is_refused(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InvalidInput, match="holds no chains"):
            open_chains(root)


def test_writing_refuses_the_other_modality_and_items_that_come_twice(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no texts"):
        write_captions(tmp_path, "image-first", 0, [("a", "A")])
    with pytest.raises(InvalidInput, match="holds no pictures"):
        write_pictures(tmp_path, "image-first", 1, [("a", picture(0))])
    with pytest.raises(InvalidInput, match="'a' comes twice"):
        write_captions(tmp_path, "text-first", 0, [("a", "A"), ("a", "B")])
    # nothing of it is left
    assert list((tmp_path / "text-first").iterdir()) == []


def test_a_table_that_is_broken_off_leaves_the_one_before(tmp_path: Path) -> None:
    write_captions(tmp_path, "text-first", 0, [("a", "A")])

    def rows():
        yield "a", "B"
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        write_captions(tmp_path, "text-first", 0, rows())
    chains = open_chains(tmp_path)
    assert dict(chains.captions("text-first", 0)) == {"a": "A"}
    assert os.listdir(tmp_path / "text-first") == ["gen-0.csv"]


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "text-first").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="cannot be written"):
        write_captions(tmp_path, "text-first", 0, [("a", "A")])
    with pytest.raises(StorageError, match="cannot be written"):
        write_pictures(tmp_path, "text-first", 1, [("a", picture(0))])


def test_a_table_that_has_changed_is_told_when_it_is_read(tmp_path: Path) -> None:
    write_captions(tmp_path, "text-first", 0, [("a", "A")])
    chains = open_chains(tmp_path)
    table(tmp_path, "text-first/gen-0.csv", "filename,caption\na\n")
    with pytest.raises(InvalidInput, match="have changed"):
        list(chains.captions("text-first", 0))


def test_scores_of_a_folder_are_joined_by_name(tmp_path: Path) -> None:
    """From the folder to the scores: one picture missing, and every order another."""
    from backend.drift.scores.similarity import Embedded, to_start

    names = [f"item {number}" for number in range(12)]  # "item 10" comes before "item 2"
    words = {name: np.random.default_rng(place).normal(size=8) for place, name in enumerate(names)}
    write_captions(tmp_path, "text-first", 0, [(name, name) for name in names])
    write_pictures(tmp_path, "text-first", 1, [(name, picture(0)) for name in names[:0:-1]])
    write_captions(tmp_path, "text-first", 2, [(name, name) for name in reversed(names)])
    chains = open_chains(tmp_path, incomplete=True)

    def embedded(generation: int) -> Embedded:
        rows = list(chains.captions("text-first", generation))
        return Embedded(
            [item for item, _ in rows], np.array([words[caption] for _, caption in rows])
        )

    found = to_start(embedded(0), [(2, embedded(2))])
    assert found.values == pytest.approx(1)
    seen = [item for item, _ in chains.pictures("text-first", 1)]
    pictured = Embedded(seen, np.array([words[item] for item in seen]))
    crossed = to_start(embedded(0), [(1, pictured)]).values[:, 0]
    assert np.isnan(crossed[0])
    assert crossed[1:] == pytest.approx(1)
