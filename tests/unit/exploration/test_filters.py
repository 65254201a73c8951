"""Which rows metadata and a selection leave, against a loop over the items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.exploration.filters import MOST_VALUES, Filters
from tests.unit.exploration.made_up import made_up

VALUES = st.sampled_from(["a", "b", "unknown", "ü\n"])
ITEMS = st.lists(st.dictionaries(st.sampled_from(["one", "two"]), VALUES), min_size=1, max_size=12)


@given(items=ITEMS, where=st.dictionaries(st.sampled_from(["one", "two"]), st.sets(VALUES)))
def test_rows_are_those_of_a_loop(items: list[dict[str, str]], where: dict[str, set[str]]) -> None:
    owners = np.repeat(np.arange(len(items)), [number % 3 for number in range(len(items))])
    filters = Filters(items, owners)
    allowed = {name: tuple(values) for name, values in where.items()}
    there = {name: {item.get(name, "unknown") for item in items} for name in where}
    known = {name for item in items for name in item}
    wrong = [n for n, values in where.items() if n not in known or not values or values - there[n]]
    assert len(filters.faults(allowed)) == len(wrong)
    if wrong or not where:
        return

    def left(item: dict[str, str]) -> bool:
        return all(item.get(name, "unknown") in values for name, values in where.items())

    images = [row for row, item in enumerate(items) if left(item)]
    assert filters.rows("image", allowed).tolist() == images
    texts = [row for row, owner in enumerate(owners.tolist()) if left(items[owner])]
    assert filters.rows("text", allowed).tolist() == texts


def test_attributes_that_tell_items_apart_are_offered_the_frequent_values_first() -> None:
    items = [
        {"kind": "b" if row % 3 else "a", "file": f"{row}.png", "same": "x", "many": str(row // 2)}
        for row in range(600)
    ]
    items[0]["seldom"] = "yes"
    offered = Filters(items, np.arange(600)).values()
    assert list(offered) == ["kind", "many", "seldom"]
    assert offered["kind"] == ("b", "a") and offered["seldom"] == ("unknown", "yes")
    assert len(offered["many"]) == MOST_VALUES == 200


def test_a_fault_says_what_there_is() -> None:
    filters = Filters([{"shape": "star", "n": str(row)} for row in range(40)], np.arange(0))
    faults = filters.faults({"colour": ("red",), "shape": ("round", "star"), "n": ()})
    told = [str(fault) for fault in faults]
    assert told[0] == "filter 'colour': this gallery's items have 'shape', 'n'"
    assert told[1] == "filter 'shape': no 'round'; there are 'star'"
    assert told[2].startswith("filter 'n': no value was given; there are '0', ")
    assert told[2].endswith("'11' and 28 more")
    assert "no attributes" in str(Filters([{}], np.arange(1)).faults({"a": ("b",)})[0])


@pytest.mark.parametrize("points", [[], [0, 3, 15], [15, 16, 17, 47], list(range(48))])
def test_a_selection_and_metadata_are_both_kept_to(tmp_path: Path, points: list[int]) -> None:
    gallery = made_up(tmp_path)[0].gallery
    ids = [*gallery.indexes["image"].ids, *gallery.indexes["text"].ids]
    where = {"left": ("red", "grey"), "odd": ("unknown",)}
    chosen = {ids[point] for point in points}

    def kept(name: str) -> bool:
        told = gallery.entries[gallery.owner(name)].attributes
        return told["left"] in where["left"] and "odd" not in told

    for side in ("image", "text"):
        names = gallery.indexes[side].ids
        array = np.array(points, np.int32)
        found = gallery.among(side, where, array)
        assert found is not None and [names[row] for row in found] == [
            name for name in names if name in chosen and kept(name)
        ]
        alone = gallery.among(side, {}, array)
        assert alone is not None and {names[row] for row in alone} == chosen & set(names)
        assert gallery.among(side, {}, None) is None
