"""What a copied link says, and what comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.errors import StorageError
from backend.schemas import PageState, Query, QueryPart, pack
from backend.services import Services
from backend.settings import Settings
from ui import links


@pytest.fixture
def services() -> Services:
    return Services(Settings())


def fields(**given: str) -> list[str]:
    return [given.get(name, "") for name in links.FIELDS]


TEXT = QueryPart(kind="text", value="a red circle")
FILE = QueryPart(kind="file", value="/tmp/gradio/own.png", weight=0.5)


def test_what_is_shown_comes_back_as_it_was(services: Services) -> None:
    query = Query(parts=(TEXT,), target="both", where={"colour": ("red",)})
    given = {
        "run": "r-1", "other": "r-2", "asked": query.model_dump_json(),
        "selection": pack("r-1", 40, [3, 9]), "view": '{"camera": {"x": [0.5, 1.25]}}',
    }  # fmt: skip
    kept = links.keep(services, "evaluate gap", fields(**given))
    assert kept["note"] == "" and kept["address"].startswith("?link=")
    state, told = links.opened(services, kept["address"].removeprefix("?link="), {"r-1"})
    assert (state.page, state.part, told) == ("evaluate", "gap", "")
    back = links.texts(state)
    assert json.loads(back.pop("asked")) == json.loads(given.pop("asked"))
    assert json.loads(back.pop("view")) == json.loads(given.pop("view"))
    assert back == {"opened": "", "sweep": "", **given}


def test_a_file_of_ones_own_is_left_out_and_that_is_told(services: Services) -> None:
    both = Query(parts=(TEXT, FILE)).model_dump_json()
    kept = links.keep(services, "explore", fields(asked=both))
    assert "not part of it" in kept["note"]
    state, _ = links.opened(services, kept["address"].removeprefix("?link="), set())
    assert state.asked is not None and state.asked.parts == (TEXT,)
    alone = links.keep(services, "explore", fields(asked=Query(parts=(FILE,)).model_dump_json()))
    assert links.opened(services, alone["address"].removeprefix("?link="), set())[0] == PageState(
        page="explore"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"asked": "{"},
        {"asked": "[" * 100_000},
        {"view": "[" * 100_000},
        {"view": "7"},
        {"selection": "r-1:8:zzz"},
        {"opened": "../../etc/passwd"},
    ],
)
def test_what_cannot_be_kept_leaves_the_plain_address_and_a_sentence(
    services: Services, given: dict[str, str]
) -> None:
    kept = links.keep(services, "map", fields(run="r-1", **given))
    assert kept["address"] == "?tab=map&run=r-1"
    assert kept["note"].endswith(".") and "\n" not in kept["note"]


def test_a_place_that_cannot_be_written_gives_the_plain_address(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(state: Any) -> str:
        raise StorageError("This place cannot keep links: its database cannot be written.")

    monkeypatch.setattr(services, "keep_link", refuse)
    kept = links.keep(services, "map", fields(run="r-1"))
    assert kept["address"] == "?tab=map&run=r-1" and "cannot keep links" in kept["note"]


def test_in_a_space_the_link_leads_to_its_page_at_the_hub(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "someone/isthmus")
    address = links.keep(services, "map", fields())["address"]
    assert address.startswith("https://huggingface.co/spaces/someone/isthmus?link=")
