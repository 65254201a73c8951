"""What the feature store holds, through the door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.catalog.encoders import find_encoder
from backend.errors import InvalidInput
from backend.features.extraction import extract_captions
from backend.features.loading import load_encoder
from backend.features.store import FeatureStore
from backend.runs.store import Store
from backend.schemas import RunRequest
from backend.services import Services
from backend.settings import Settings
from tests.unit.features import tiny


@pytest.fixture
def bert(tmp_path: Path) -> str:
    return str(tiny.bert(tmp_path / "bert"))


@pytest.fixture
def services(bert: str) -> Iterator[Services]:
    """Five captions of two layers are stored."""
    settings = Settings()
    settings.make_dirs()
    encoder = load_encoder(find_encoder(f"{bert}?layers=1,2", "text", settings), "cpu")
    captions = [f"a red star {number}" for number in range(5)]
    extract_captions(encoder, captions, FeatureStore(settings.features_dir))
    opened = Services(settings)
    yield opened
    opened.stop()


def _request(bert: str) -> RunRequest:
    return RunRequest(dataset="scenes", image_encoder="scene-resnet-ssl", text_encoder=bert)


def test_each_layer_is_listed_and_can_be_removed(services: Services) -> None:
    first, second = services.stored_features()
    assert first.items == second.items == 5 and first.dimension == 20 and first.bytes > 0
    assert first.output != second.output and first.runs == ()
    assert services.remove_features([first.key]) > 0
    assert services.stored_features() == [second]


def test_runs_that_use_features_are_named(services: Services, bert: str) -> None:
    key = services.stored_features()[0].key
    store = Store(services.settings)
    configuration = {"text_features": [key]}
    run_id = store.create_run(_request(bert), configuration, {}).run_id
    assert {entry.key: entry.runs for entry in services.stored_features()}[key] == (run_id,)


def test_features_of_a_live_run_stay(services: Services, bert: str) -> None:
    entry = services.stored_features()[0]
    Store(services.settings).create_run(
        _request(entry.encoder), {}, {}
    )  # queued: its features may be asked for at any moment
    with pytest.raises(InvalidInput, match="live"):
        services.remove_features([entry.key])
    assert len(services.stored_features()) == 2


@pytest.mark.parametrize("key", ["", "..", "../../runs", "0" * 32, "locks"])
def test_what_is_no_entry_is_told_and_nothing_removed(services: Services, key: str) -> None:
    entry = services.stored_features()[0]
    with pytest.raises(InvalidInput, match="not in the feature store"):
        services.remove_features([entry.key, key])
    assert len(services.stored_features()) == 2


def test_features_of_a_live_run_stay_whatever_its_other_options(
    services: Services, bert: str
) -> None:
    """Stored by ?layers=1,2; ?layers=2 asks for one of the same."""
    Store(services.settings).create_run(_request(f"{bert}?layers=2"), {}, {})
    with pytest.raises(InvalidInput, match="live"):
        services.remove_features([services.stored_features()[0].key])
