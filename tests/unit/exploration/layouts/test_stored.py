"""Layouts on disk: whole or not there, and only those of the heads that there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.errors import NotFound
from backend.exploration.layouts.graphs import Block
from backend.exploration.layouts.stored import (
    Card,
    Layout,
    load,
    load_blocks,
    load_ranks,
    save,
    save_blocks,
    save_ranks,
)
from backend.schemas import LayoutReport, LayoutRequest


def layout(key: str = "k1", made_of: str = "heads") -> Layout:
    report = LayoutReport(key=key, points=5, graph="in words", seconds=1.5, trustworthiness=0.9)
    card = Card(made_of=made_of, request=LayoutRequest(seed=0), report=report, made_by={"a": "1"})
    return Layout(card=card, coordinates=np.arange(10, dtype=np.float32).reshape(5, 2))


def test_a_layout_comes_back_as_it_was(tmp_path: Path) -> None:
    save(tmp_path, layout())
    found = load(tmp_path, "k1")
    assert found is not None and found.card == layout().card
    np.testing.assert_array_equal(found.coordinates, layout().coordinates)
    assert load(tmp_path, "k2") is None and load(tmp_path / "nowhere", "k1") is None


@pytest.mark.parametrize("damage", ["no card", "no coordinates", "half", "others", "pickled"])
def test_what_is_not_whole_does_not_count(tmp_path: Path, damage: str) -> None:
    save(tmp_path, layout())
    card, numbers = tmp_path / "map-k1.json", tmp_path / "map-k1.npy"
    if damage == "no card":
        card.unlink()
    elif damage == "no coordinates":
        numbers.unlink()
    elif damage == "half":
        numbers.write_bytes(numbers.read_bytes()[:50])
    elif damage == "others":
        np.save(numbers, np.zeros((4, 2), np.float32))
    else:
        np.save(numbers, np.array([{}], object), allow_pickle=True)
    assert load(tmp_path, "k1") is None


def test_layouts_of_other_heads_and_older_versions_are_removed(tmp_path: Path) -> None:
    save(tmp_path, layout("k1"))
    save(tmp_path, layout("k2"))
    np.save(tmp_path / "map-umap.npy", np.zeros((5, 2)))
    (tmp_path / "map-umap.json").write_text('{"points": 5, "seed": 0}')
    save(tmp_path, layout("k3", "other heads"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map-k3.json", "map-k3.npy"]


def test_nothing_is_written_where_the_run_is_gone(tmp_path: Path) -> None:
    for write in (
        lambda folder: save(folder, layout()),
        lambda folder: save_ranks(folder, "heads", np.ones(3, np.float32)),
    ):
        with pytest.raises(NotFound, match="deleted"):
            write(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


def test_neighbours_and_ranks_are_kept_for_their_own_gallery(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    blocks = tuple(
        Block(draw.integers(9, size=(9, 4)).astype(np.int32), draw.random((9, 4), np.float32))
        for _ in range(2)
    )
    save_blocks(tmp_path, "shared-cross-modal", "a" * 64, blocks)
    save_ranks(tmp_path, "a" * 64, np.arange(9, dtype=np.float32))
    found = load_blocks(tmp_path, "shared-cross-modal", "a" * 64)
    assert found is not None and len(found) == 2
    for one, other in zip(blocks, found, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(one.distances, other.distances)
    assert load_blocks(tmp_path, "shared-joint", "a" * 64) is None
    assert load_blocks(tmp_path, "shared-cross-modal", "b" * 64) is None
    np.testing.assert_array_equal(load_ranks(tmp_path, "a" * 64), np.arange(9))
    assert load_ranks(tmp_path, "b" * 64) is None

    path = next(tmp_path.glob("neighbours-*"))
    path.write_bytes(path.read_bytes()[:100])
    assert load_blocks(tmp_path, "shared-cross-modal", "a" * 64) is None
    save_blocks(tmp_path, "shared-joint", "b" * 64, blocks[:1])
    assert len(list(tmp_path.glob("neighbours-*"))) == 1
