"""An index that is missing, of other heads or of an older version is built again by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from backend.errors import NotFound
from backend.runs.pipeline import run_pipeline
from backend.schemas import RunRequest
from backend.services import Services
from backend.settings import Settings
from tests.integration.asking import ask
from tests.integration.home import Home


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


def test_a_missing_or_stale_index_is_built_again_from_what_is_stored(
    place: Home, services: Services, small: RunRequest
) -> None:
    run_id = run_pipeline(place.settings, place.store, small, with_map=False).summary.id
    found = [hit.item.id for hit in ask(services, run_id, "red beside blue").hits]
    folder = place.settings.indexes_dir / run_id
    place.supervisor.start()

    def again() -> bool:
        try:
            hits = ask(fresh, run_id, "red beside blue").hits
        except NotFound:
            return False
        assert [hit.item.id for hit in hits] == found
        return True

    shutil.rmtree(folder)
    fresh = Services(Settings())
    with pytest.raises(NotFound, match="built again"):
        ask(fresh, run_id, "red beside blue")
    place.wait(again, "the index is there again")
    place.wait(lambda: place.store.map_state(run_id) == "ready", "and so is the map")
    fresh.stop()

    facts = folder / "text" / "index.json"
    facts.write_text(facts.read_text().replace('"version": 2', '"version": 1'))
    fresh = Services(Settings())
    with pytest.raises(NotFound, match="built again"):
        fresh.map_view(run_id)
    place.wait(again, "the older one was replaced")
    fresh.stop()

    heads = next((place.settings.runs_dir / run_id / "heads").glob("*.safetensors"))
    before = facts.read_text()
    place.wait(lambda: place.store.map_state(run_id) == "ready", "the map is there")
    heads.write_bytes(heads.read_bytes() + b" ")
    fresh = Services(Settings())
    with pytest.raises(NotFound, match="of other heads"):
        fresh.neighbours(run_id, found[0])
    fresh.stop()
    assert facts.read_text() == before
