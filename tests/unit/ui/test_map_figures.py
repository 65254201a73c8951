"""What the map is sent is what the services gave, and small."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.schemas import (
    ClusterLabel,
    Colouring,
    Frames,
    Hit,
    Item,
    LayoutRequest,
    MapView,
    Neighbours,
    Query,
    QueryPart,
    Side,
)
from ui import map_figures as figures


def view(xy: NDArray[np.float32], points: list[int] | None = None, total: int = 0) -> MapView:
    shown = list(range(len(xy))) if points is None else points
    return MapView(
        run="r",
        layout=LayoutRequest(dimensions=xy.shape[1]),
        graph="g",
        points=np.array(shown, np.int32),
        images=1,
        xy=xy.astype(np.float32),
        total=total or len(xy),
        total_images=1,
    )


def numbers(text: str, kind: str = "<f4") -> list[float]:
    return np.frombuffer(base64.b64decode(text), kind).tolist()  # type: ignore[no-any-return]


def item(name: str) -> Item:
    side: Side = "image" if name.startswith("image") else "text"
    return Item(side=side, id=name, image_id="a", thumbnail=None, captions=())


def test_geometry_keeps_order_and_says_which_points_a_sample_has() -> None:
    xy = np.array([[1.5, -2.0], [0.25, 4.0]], np.float32)
    sent = figures.geometry(view(xy))
    assert numbers(sent["xy"]) == [1.5, -2.0, 0.25, 4.0]
    assert (sent["n"], sent["images"], sent["dims"], sent["points"]) == (2, 1, 2, "")
    some = figures.geometry(view(xy, [1, 9], 12))
    assert figures.read_bits(some["points"], 12).nonzero()[0].tolist() == [1, 9]
    assert figures.geometry(view(np.zeros((2, 3), np.float32)))["dims"] == 3


def test_the_key_differs_where_the_layout_or_the_number_of_points_does() -> None:
    one = view(np.zeros((2, 2), np.float32))
    other = one.model_copy(update={"layout": LayoutRequest(neighbours=30)})
    fewer = view(np.zeros((1, 2), np.float32))
    assert len({figures.key_of(each) for each in (one, other, fewer)}) == 3


def test_frames_hold_all_stops() -> None:
    xy = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    moving = Frames(
        run="r", kind="training", points=np.array([0, 1], np.int32), images=1, total=2,
        stops=(0, 10, 20), names=("start", "10", "20"), xy=xy,
    )  # fmt: skip
    sent = figures.frames(moving)
    assert numbers(sent["frames"]["xy"]) == xy.ravel().tolist()
    assert sent["frames"]["stops"] == [0, 10, 20]
    again = moving.model_copy(update={"xy": xy + 1})
    assert figures.frames(again)["key"] != sent["key"]


def test_colouring_a_hundred_thousand_points_sends_less_than_200_kilobytes() -> None:
    random = np.random.default_rng(0)
    for values, labels in (
        (random.normal(size=100_000), ()),
        (random.integers(0, 40, 100_000), tuple(f"label {i}" for i in range(40))),
    ):
        column = Colouring(name="x", labels=labels, values=values.astype(np.float32))
        assert len(json.dumps(figures.colours("key", column))) < 200_000


def test_more_than_twelve_categories_leave_the_rarest_as_other() -> None:
    labels = tuple(f"c{i}" for i in range(20))
    codes = np.repeat(np.arange(20), np.arange(1, 21)).astype(np.float32)
    sent = figures.colours("r", Colouring(name="kind", labels=labels, values=codes))
    assert len(sent["labels"]) == 12
    assert sent["labels"][-1] == "other"
    assert "c19" in sent["labels"]
    assert "c0" not in sent["labels"]
    named = [sent["labels"][int(code)] for code in numbers(sent["values"], "u1")]
    assert all(name in (f"c{int(code)}", "other") for name, code in zip(named, codes, strict=True))


def test_an_attribute_of_colours_is_shown_in_them() -> None:
    colouring = Colouring(name="colour", labels=("red", "blue"), values=np.zeros(3, np.float32))
    sent = figures.colours("r", colouring)
    assert sent["colours"] == [figures.NAMED["red"], figures.NAMED["blue"]]


def test_numbers_rise_with_their_bytes_and_a_missing_one_is_told_apart() -> None:
    values = np.array([0.0, 1.0, np.nan, 0.5, 2.0], np.float32)
    sent = figures.colours("r", Colouring(name="similarity", labels=(), values=values))
    codes = numbers(sent["values"], "u1")
    assert codes[2] == 255
    assert codes[0] < codes[3] < codes[1] < codes[4] == 254
    assert sent["high_text"] == "+2.0"
    ranks = Colouring(name="rank error", labels=(), values=np.array([0, 1, 2], np.float32))
    assert figures.colours("r", ranks)["high_text"] == "100"
    nothing = Colouring(name="similarity", labels=(), values=np.full(3, np.nan, np.float32))
    assert numbers(figures.colours("r", nothing)["values"], "u1") == [255, 255, 255]


@pytest.mark.parametrize("count", [1, 8, 9, 1000])
def test_bits_come_back_as_they_went(count: int) -> None:
    chosen = np.random.default_rng(count).random(count) < 0.3
    chosen[0] = True
    assert figures.read_bits(figures.bits(chosen), count).tolist() == chosen.tolist()
    assert figures.bits(np.zeros(count, bool)) == ""


@pytest.mark.parametrize("sent", ["", "!", "AAAA", "<img src=x>", None])
def test_what_is_no_selection_has_no_row(sent: str) -> None:
    assert not figures.read_bits(sent, 1000).any()


def test_rays_lead_to_rows_that_are_shown() -> None:
    points = np.array([0, 2, 5, 6, 9], np.int32)
    ids = {"image:a": 2, "image:b": 0, "image:c": 1, "text:a#0": 6, "text:b#0": 9, "text:c#0": 7}

    def hits(*names: str) -> tuple[Hit, ...]:
        return tuple(Hit(rank=i, score=1, item=item(name)) for i, name in enumerate(names, 1))

    near = Neighbours(
        item=item("image:a"), images=hits("image:b", "image:c"), texts=hits("text:b#0", "text:c#0"),
        partners=("text:a#0",), retrieved="text:b#0",
    )  # fmt: skip
    assert figures.rays("key", points, near, ids.__getitem__) == {
        "key": "key", "centre": 1, "images": [0], "texts": [4], "partners": [3], "retrieved": 4,
    }  # fmt: skip
    elsewhere = near.model_copy(update={"item": item("image:c")})
    assert figures.rays("key", points, elsewhere, ids.__getitem__) == figures.NO_RAYS


def test_a_query_is_marked_where_it_lands_and_by_what_it_is_made_of() -> None:
    text, file = QueryPart(kind="text", value="a"), QueryPart(kind="file", value="b")
    assert figures.marks(Query(parts=(text,)), (1.0, 2.0), "a") == [
        {"x": 1.0, "y": 2.0, "label": "a", "kind": "text"}
    ]
    assert figures.marks(Query(parts=(file,)), (1.0, 2.0, 3.0), "b")[0]["z"] == 3.0
    assert figures.marks(Query(parts=(file, text)), (1.0, 2.0), "ab")[0]["kind"] == "mixed"


def test_names_of_large_clusters_come_first() -> None:
    labels = [ClusterLabel(text=f"{n}", x=0, y=0, points=n) for n in (3, 9, 5)]
    assert [each["text"] for each in figures.names(labels)] == ["9", "5", "3"]
