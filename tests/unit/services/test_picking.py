"""Looking at data sets, and what was added, through the door."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.errors import DatasetError, InvalidInput, NotAllowed, NotFound
from backend.runs.store import Store
from backend.schemas import InspectionState, RunRequest
from backend.services import Services
from backend.settings import Settings


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty pictures: one that cannot be decoded, two alike, one row without a file."""
    made = tmp_path / "pictures"
    (made / "images").mkdir(parents=True)
    draw = np.random.default_rng(0)
    rows = []
    for number in range(30):
        pixels = draw.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(made / "images" / f"{number}.png")
        split = "train" if number < 20 else "val" if number < 25 else "test"
        rows.append({"file": f"{number}.png", "split": split, "captions": [f"picture {number}"]})
    (made / "images" / "1.png").write_bytes((made / "images" / "0.png").read_bytes())
    (made / "images" / "3.png").write_bytes((made / "images" / "29.png").read_bytes())
    (made / "images" / "5.png").write_bytes(b"no picture")
    rows.append({"file": "gone.png", "split": "train", "captions": ["gone"]})
    (made / "captions.json").write_text(json.dumps(rows))
    return made


def _wait(met: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not met():
        assert time.monotonic() < until
        time.sleep(0.01)


def _ended(services: Services, dataset: str) -> InspectionState:
    def over() -> bool:
        state = services.inspection(dataset)
        return state is not None and state.state != "running"

    _wait(over)
    state = services.inspection(dataset)
    assert state is not None
    return state


def test_an_inspection_goes_on_by_itself_and_its_report_stays(
    services: Services, folder: Path
) -> None:
    address = str(folder)
    assert services.inspection(address) is None
    assert services.inspect_dataset(address).state == "running"
    state = _ended(services, address)
    assert state.state == "finished" and state.report is not None, state.error
    counts = state.report.counts
    assert counts["broken row"] == 1 and counts["unreadable"] == 1
    assert counts["duplicate"] == 1 and counts["crosses splits"] == 1
    # 20 rows of train, less the copy of a test picture and the one that cannot be read
    assert state.report.info.splits["train"].images == 18
    assert state.report.listing is not None and "gone.png" in state.report.listing.read_text()
    # a person comes back after a restart
    again = Services(Settings())
    assert again.inspection(address) == InspectionState(
        dataset=address, state="finished", report=state.report
    )
    assert address in {info.id for info in again.datasets()}
    again.forget_dataset(address)
    assert again.inspection(address) is None and folder.is_dir()
    assert address not in {info.id for info in again.datasets()}


def test_a_data_set_that_cannot_be_used_is_told(services: Services, tmp_path: Path) -> None:
    services.inspect_dataset(str(tmp_path / "nothing"))
    state = _ended(services, str(tmp_path / "nothing"))
    assert state.state == "failed" and "nothing" in (state.error or "")
    with pytest.raises(DatasetError):
        services.check_dataset(str(tmp_path / "nothing"))


def test_an_inspection_can_be_stopped_and_begun_again(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is held in its first picture until it was told to stop."""
    from backend.catalog.datasets import inspection

    stopped, looked = threading.Event(), inspection.inspect_dataset

    def held(address, settings, report):  # type: ignore[no-untyped-def]
        assert stopped.wait(60)
        return looked(address, settings, report)

    monkeypatch.setattr(inspection, "inspect_dataset", held)
    services.inspect_dataset(str(folder))
    assert services.inspect_dataset(str(folder)).state == "running"  # joined, not begun twice
    services.cancel_inspection(str(folder))
    stopped.set()
    assert _ended(services, str(folder)).state == "cancelled"
    services.inspect_dataset(str(folder))
    assert _ended(services, str(folder)).state == "finished"


def test_encoders_that_were_added_can_be_forgotten(services: Services, tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.zeros((3, 4), np.float32))
    (tmp_path / "mine.ids.txt").write_text("a\nb\nc\n")
    info = services.check_encoder(str(tmp_path / "mine.npy"), "image")
    assert info.dimension == 4
    assert info.added and info in services.encoders("image")
    services.remove_encoder(info.id, "image")
    assert info.id not in {each.id for each in services.encoders("image")}
    with pytest.raises(NotFound):
        services.remove_encoder("minilm", "text")


def test_a_pooling_of_a_known_encoder_is_not_listed_by_itself(services: Services) -> None:
    listed = services.encoders("text")
    info = services.check_encoder("minilm?pooling=cls", "text")
    assert info.pooling == "cls" and not info.added
    assert services.encoders("text") == listed


def test_faults_of_a_request_are_told_at_their_fields(services: Services, tmp_path: Path) -> None:
    request = RunRequest(
        dataset=str(tmp_path / "nothing"),
        image_encoder=str(tmp_path / "no-encoder"),
        text_encoder="minilm?pooling=sideways",
        options={"epochs": -1},
    )
    with pytest.raises(InvalidInput) as caught:
        services.check(request)
    fields = [fault.where for fault in caught.value.faults]
    assert fields[:3] == ["dataset", "image_encoder", "text_encoder"] and len(fields) > 3


def test_a_read_only_place_changes_nothing(folder: Path) -> None:
    services = Services(Settings(mode="readonly"))
    for change in (
        lambda: services.inspect_dataset(str(folder)),
        lambda: services.look_at_dataset(str(folder), lambda *_: None),
        lambda: services.forget_dataset(str(folder)),
        lambda: services.import_zip(folder / "captions.json", "captions.json"),
        lambda: services.remove_encoder("minilm", "text"),
        lambda: services.remove_features(["0" * 32]),
    ):
        with pytest.raises(NotAllowed):
            change()


def test_a_report_is_not_shown_for_what_has_changed_since(services: Services, folder: Path) -> None:
    address = str(folder)
    services.inspect_dataset(address)
    assert _ended(services, address).state == "finished"
    services.check_dataset(address)
    assert services.inspection(address) is not None  # nothing has changed
    rows = json.loads((folder / "captions.json").read_text())
    (folder / "captions.json").write_text(json.dumps(rows[1:]))
    services.check_dataset(address)
    assert services.inspection(address) is None
    services.inspect_dataset(address)
    assert _ended(services, address).state == "finished"
    services.forget_dataset(address)
    assert services.inspection(address) is None


def test_one_that_was_told_to_stop_is_not_joined(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.catalog.datasets import inspection

    go, looked = threading.Event(), inspection.inspect_dataset

    def held(address, settings, report):  # type: ignore[no-untyped-def]
        assert go.wait(60)
        return looked(address, settings, report)

    monkeypatch.setattr(inspection, "inspect_dataset", held)
    services.inspect_dataset(str(folder))
    services.cancel_inspection(str(folder))
    services.inspect_dataset(str(folder))
    go.set()
    assert _ended(services, str(folder)).state == "finished"


def test_an_upload_that_a_run_uses_by_another_address_stays(
    services: Services, folder: Path, tmp_path: Path
) -> None:
    archive = shutil.make_archive(str(tmp_path / "up"), "zip", folder)
    address = services.import_zip(Path(archive), "up")
    services.check_dataset(address)
    request = RunRequest(
        dataset=f"{address}/captions.json?caption=captions",
        image_encoder="scene-resnet-ssl",
        text_encoder="minilm",
    )
    Store(services.settings).create_run(request, {}, {})
    with pytest.raises(InvalidInput, match="it is in use"):
        services.forget_dataset(address)
    assert Path(address).is_dir()


def test_looking_in_a_read_only_place_remembers_nothing(folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", np.zeros((3, 4), np.float32))
    (tmp_path / "mine.ids.txt").write_text("a\nb\nc\n")
    services = Services(Settings(mode="readonly"))
    assert services.check_dataset(str(folder)).splits
    assert services.check_encoder(str(tmp_path / "mine.npy"), "image").dimension == 4
    assert all(info.built_in for info in services.datasets())
    assert str(tmp_path / "mine.npy") not in {info.id for info in services.encoders("image")}
