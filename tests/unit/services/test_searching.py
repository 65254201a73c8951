"""The calls of search, over a made-up run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.errors import InvalidInput
from backend.exploration.space import SharedSpace
from backend.schemas import Query, QueryPart, pack
from backend.services.searching import Searching
from backend.settings import Settings
from tests.unit.exploration.made_up import made_up


class Door(Searching):
    """Search in a run that is open already."""

    def __init__(self, space: SharedSpace) -> None:
        self.settings = Settings()
        self.space = space

    def _space(self, run_id: str) -> SharedSpace:
        return self.space


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(made_up(tmp_path)[0])


def asked(value: str, kind: str = "item", **more: Any) -> Query:
    part = QueryPart.model_validate({"kind": kind, "value": value})
    return Query(parts=(part,), **more)


def ids(door: Door, query: Query) -> list[list[str]]:
    return [[hit.item.id for hit in each.hits] for each in door.search("r", query).answers]


def test_both_modalities_are_ranked_each_by_itself(door: Door) -> None:
    found = door.search("r", asked("red", "text", target="both", k=5)).answers
    assert [each.side for each in found] == ["image", "text"]
    assert [(each.gallery, each.searched, len(each.hits)) for each in found] == [
        (16, 16, 5),
        (32, 32, 5),
    ]
    assert all(each.truth_rank is None and each.index.exact for each in found)
    for side in ("image", "text"):
        assert ids(door, asked("red", "text", target=side, k=5)) == [
            [hit.item.id for hit in each.hits] for each in found if each.side == side
        ]
    assert found[0].hits[0].item.id == "image:red-red" and found[0].hits[0].score > 0.999


def test_an_item_alone_has_a_pair_and_a_mixture_has_none(door: Door) -> None:
    alone = asked("image:red-blue", target="text")
    (found,) = door.search("r", alone).answers
    assert found.truth_rank == 1 and sum(hit.ground_truth for hit in found.hits) == 2
    whole = alone.parts[0].model_copy(update={"crop": None})
    others = [
        (whole.model_copy(update={"crop": (0, 0, 0.5, 1)}),),
        (whole.model_copy(update={"weight": -1.0}),),
        (whole, QueryPart(kind="text", value="red")),
        (QueryPart(kind="vector", value=str(door.embed("r", whole))),),
    ]
    for parts in others:
        (found,) = door.search("r", Query(parts=parts, target="text")).answers
        assert found.truth_rank is None and not any(hit.ground_truth for hit in found.hits)


def test_filters_and_a_selection_narrow_what_is_searched(door: Door) -> None:
    red = {"left": ("red",)}
    query = asked("blue", "text", target="both", where=red, k=200)
    images, texts = door.search("r", query).answers
    assert (images.searched, texts.searched) == (4, 8)
    assert {hit.item.attributes["left"] for hit in (*images.hits, *texts.hits)} == {"red"}
    within = pack("r", 48, [0, 1, 5, 40])
    narrowed = query.model_copy(update={"within": within})
    assert ids(door, narrowed) == [["image:red-green", "image:red-red"], []]
    assert [each.searched for each in door.search("r", narrowed).answers] == [2, 0]
    own = asked("image:blue-blue", target="image", where=red)
    (found,) = door.search("r", own).answers
    assert found.truth_rank == 1 and not any(hit.ground_truth for hit in found.hits)


def test_near_duplicates_are_left_out_when_asked(door: Door) -> None:
    query = asked("red", "text", target="both", k=200)
    plain, fewer = ids(door, query), ids(door, query.model_copy(update={"hide_duplicates": True}))
    assert [len(each) for each in plain] == [16, 32]
    for left, every in zip(fewer, plain, strict=True):
        assert left == [name for name in every if name in left] and len(left) < len(every)


def test_what_is_wrong_anywhere_is_told_at_once(door: Door) -> None:
    query = Query(
        parts=(QueryPart(kind="text", value=""), QueryPart(kind="item", value="image:nobody")),
        where={"shape": ("star",), "left": ("pink", "red")},
        within=pack("another", 48, [1]),
    )
    with pytest.raises(InvalidInput) as error:
        door.search("r", query)
    told = [str(fault) for fault in error.value.faults]
    assert len(told) == 5
    assert "'left', 'file', 'same', 'odd'" in told[0] and "no 'pink'" in told[1]
    assert told[2].startswith("part 1, text: is empty") and "image:nobody" in told[3]
    assert told[4].startswith("selection: it was made in the run another")
    for within, words in (
        (pack("r", 47, [1]), "47 points and this gallery has 48"),
        ("r:x", "no sel"),
    ):
        with pytest.raises(InvalidInput, match=words):
            door.search("r", asked("red", "text", within=within))
    opposite = (QueryPart(kind="text", value="red"), QueryPart(kind="text", value="red", weight=-1))
    with pytest.raises(InvalidInput, match="cancel each other out"):
        door.search("r", Query(parts=opposite))


def test_what_can_be_filtered_by_and_what_searches(door: Door) -> None:
    assert door.attributes("r") == {
        "left": ("red", "green", "blue", "grey"),
        "odd": ("unknown", "yes"),
    }
    notes = door.index_notes("r")
    assert set(notes) == {"image", "text"} and notes["image"].kind == "flat"


@pytest.mark.parametrize("weight", [1.0, -2.0, 0.0])
def test_a_vector_that_is_given_can_be_pasted(door: Door, weight: float) -> None:
    part = QueryPart(kind="text", value="blue", weight=weight)
    vector = door.embed("r", part)
    assert np.linalg.norm(vector) == pytest.approx(1) and len(vector) == 4
    pasted, typed = asked(str(vector), "vector"), asked("blue", "text")
    assert ids(door, pasted) == ids(door, typed)
