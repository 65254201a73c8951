"""What may be in a link, and what is told where it may not."""

from __future__ import annotations

from typing import Any

import pytest

from backend.errors import InvalidInput, NotFound
from backend.schemas import PageState, Query, QueryPart, pack
from backend.services import Services
from backend.settings import Settings


@pytest.fixture
def services() -> Services:
    return Services(Settings())


def test_everything_that_is_shown_comes_back(services: Services) -> None:
    asked = Query(
        parts=(QueryPart(kind="text", value="a red circle"),
               QueryPart(kind="item", value="image:7", weight=-0.5, crop=(0.0, 0.0, 0.5, 1.0))),
        target="both",
        where={"colour": ("red", "blue")},
        within=pack("r-1", 50, [1, 2, 3]),
    )  # fmt: skip
    state = PageState(
        page="map", part="", run="r-1", other="r-2", opened="r-2", sweep="s-1", asked=asked,
        selection=pack("r-1", 50, [4, 49]),
        view={"colour": "cluster", "camera": {"x": [-1.5, 2.25], "y": [0.0, 1e-3]}},
    )  # fmt: skip
    code = services.keep_link(state.model_dump())
    assert services.link(code) == state
    assert services.keep_link(state.model_dump(mode="json")) == code


FILE = {"parts": [{"kind": "file", "value": "/etc/passwd"}]}


@pytest.mark.parametrize(
    "state",
    [
        {"page": "Map"},
        {"page": "../map"},
        {"run": "a/b"},
        {"run": "'; --"},
        {"run": 7},
        {"selection": "r-1:8:no-selection"},
        {"selection": "x" * 70_000},
        {"view": {"colour": "c" * 9_000}},
        {"view": {"camera": {"x": float("nan")}}},
        {"view": [1, 2]},
        {"asked": FILE},
        {"asked": {"parts": []}},
        {"other_field": "x"},
    ],
)
def test_what_is_no_state_is_refused(services: Services, state: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="cannot be put into a link"):
        services.keep_link(state)


def test_a_state_that_is_too_large_says_what_to_do(services: Services) -> None:
    import numpy as np

    chosen = np.flatnonzero(np.random.default_rng(0).integers(0, 2, 600_000))
    with pytest.raises(InvalidInput, match="Select fewer points"):
        services.keep_link({"selection": pack("r-1", 600_000, chosen)})


@pytest.mark.parametrize("code", ["", "abcdefgh", "ABCDEFGH", "a" * 60, "../../x", "%00"])
def test_an_unknown_code_is_told(services: Services, code: str) -> None:
    with pytest.raises(NotFound):
        services.link(code)


def test_a_read_only_place_keeps_links_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_MODE", "readonly")
    services = Services(Settings())
    assert services.link(services.keep_link({"run": "r-1"})).run == "r-1"


def test_a_state_of_another_version_is_told(services: Services) -> None:
    code = services._links.keep({"page": "map", "what_came_later": 1})
    with pytest.raises(NotFound, match="another version"):
        services.link(code)
