"""What was picked before."""

from __future__ import annotations

import pytest

from backend.runs.database import Database
from backend.runs.library import Library
from backend.schemas import DatasetInfo, DatasetReport, EncoderInfo, Finding, SplitCount
from backend.settings import Settings

INFO = DatasetInfo(
    id="/mine",
    name="mine",
    description="mine, in a folder",
    built_in=False,
    modality="audio",
    splits={"train": SplitCount(images=2, captions=4)},
    set_aside=("row 3: no such file",),
)


@pytest.fixture
def library(settings: Settings) -> Library:
    return Library(settings, Database(settings))


def _report(settings: Settings) -> DatasetReport:
    found = Finding(kind="broken row", where="row 3", what="no such file", set_aside=True)
    return DatasetReport(
        info=INFO,
        captions_per_item={2: 2},
        counts={"broken row": 1},
        findings=(found,),
        listing=settings.data_dir / "reports" / "mine.csv",
        seconds=1.5,
    )


def test_data_sets_are_remembered_once_and_forgotten(library: Library) -> None:
    ours = INFO.model_copy(update={"description": "ours"})
    library.remember_dataset(INFO, "f" * 64)
    library.remember_dataset(ours, "f" * 64)
    assert library.list_datasets() == [ours]
    library.forget_dataset("/mine")
    assert library.list_datasets() == []


def test_encoders_are_remembered_by_modality(library: Library) -> None:
    image = EncoderInfo(
        id="/clip", name="clip", modality="image", description="In /clip", built_in=False
    )
    text = image.model_copy(update={"modality": "text"})
    for info in (image, text, image):
        library.remember_encoder(info)
    assert library.list_encoders("image") == [image] and library.list_encoders("text") == [text]
    library.forget_encoder("/clip", "image")
    assert library.list_encoders("image") == [] and library.list_encoders("text") == [text]


def test_a_report_stays_until_the_data_set_has_changed(
    settings: Settings, library: Library
) -> None:
    library.keep_report(_report(settings), "f" * 64)
    library.remember_dataset(INFO, "f" * 64)
    assert library.dataset_report("/mine") == _report(settings)
    library.remember_dataset(INFO, "0" * 64)
    assert library.dataset_report("/mine") is None
    assert library.list_datasets() == [INFO]


def test_a_report_moves_with_the_home(settings: Settings, library: Library) -> None:
    library.keep_report(_report(settings), "f" * 64)
    elsewhere = Settings(home=settings.home.parent / "moved")
    moved = Library(elsewhere, library.database).dataset_report("/mine")
    assert moved is not None and moved.listing == elsewhere.data_dir / "reports" / "mine.csv"
