"""What is sent to the browser is what the services gave."""

from __future__ import annotations

import base64

import numpy as np

from backend.schemas import Colouring, MapView, Series
from ui import figures


def unpacked(text: str) -> list[float]:
    return np.frombuffer(base64.b64decode(text), "<f4").tolist()  # type: ignore[no-any-return]


def test_geometry_keeps_order_and_sides() -> None:
    view = MapView(
        run="r",
        layout="pca",
        graph="g",
        ids=("image:a", "text:a#0"),
        side=np.array([0, 1], np.uint8),
        xy=np.array([[1.5, -2.0], [0.25, 4.0]], np.float32),
        total=2,
    )
    sent = figures.geometry(view)
    assert unpacked(sent["xy"]) == [1.5, -2.0, 0.25, 4.0]
    assert sent["side"] == "01"
    assert sent["ids"] == ["image:a", "text:a#0"]
    assert sent["key"] != figures.geometry(view.model_copy(update={"layout": "umap"}))["key"]


def test_more_than_twelve_categories_leave_the_rarest_as_other() -> None:
    labels = tuple(f"c{i}" for i in range(20))
    codes = np.repeat(np.arange(20), np.arange(1, 21)).astype(np.float32)
    sent = figures.colours("r", Colouring(name="kind", labels=labels, values=codes))
    assert len(sent["labels"]) == 12
    assert sent["labels"][-1] == "other"
    assert "c19" in sent["labels"]
    assert "c0" not in sent["labels"]
    named = [sent["labels"][int(code)] for code in unpacked(sent["values"])]
    assert all(name in (f"c{int(code)}", "other") for name, code in zip(named, codes, strict=True))


def test_an_attribute_of_colours_is_shown_in_them() -> None:
    colouring = Colouring(name="colour", labels=("red", "blue"), values=np.zeros(3, np.float32))
    assert figures.colours("r", colouring)["colours"] == [
        figures.NAMED["red"],
        figures.NAMED["blue"],
    ]


def test_numbers_are_scaled_from_what_is_finite() -> None:
    values = np.array([0.0, 1.0, np.nan], np.float32)
    sent = figures.colours("r", Colouring(name="similarity", labels=(), values=values))
    assert sent["low"] < sent["high"] == 1.0


def test_a_long_series_is_thinned_and_keeps_its_ends() -> None:
    steps = tuple(range(50_000))
    x, y = figures.thinned(Series(name="train/loss", steps=steps, values=steps))
    assert len(x) <= 600
    assert (x[0], x[-1], y[0], y[-1]) == (0, 49_999, 0, 49_999)
