"""What the pages say of encoders, data sets and stored features."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.schemas import (
    DatasetInfo,
    DatasetReport,
    EncoderInfo,
    Finding,
    InspectionState,
    Modality,
    Progress,
    RunSummary,
    SplitCount,
    StoredFeatures,
)
from tests.unit.ui.test_markup import HOSTILE, read
from ui import dataset_cards, encoder_cards, store_cards

DINO = EncoderInfo(
    id="facebook/dinov2-small", name="DINOv2 small", modality="image", family="DINOv2",
    description="Self-distilled.", built_in=False, dimension=384, layers=12, parameters=22_056_576,
    licence="Apache-2.0", revision="ed25f3a31f01632728cabb09d1542f84ab7b0056",
    download_bytes=88_200_000, pooling="cls", poolings=("cls", "mean"),
    input_size="224 x 224 pixels", available=False,
)  # fmt: skip
GATED = DINO.model_copy(update={"id": "g", "name": "G", "gated": True, "licence": "own licence"})


def test_every_figure_is_told_before_anything_is_fetched() -> None:
    told = read(encoder_cards.about(GATED)).text
    for figure in ("384 dimensions", "12 layers", "22.1 M parameters", "224 x 224 pixels",
                   "pooling cls", "own licence", "88 MB to fetch", "Gated"):  # fmt: skip
        assert figure in told
    assert "Gated" not in read(encoder_cards.about(DINO)).text
    assert encoder_cards.choice(DINO) == (
        "DINOv2 small  ·  384 d  ·  22.1 M  ·  88 MB to fetch", "facebook/dinov2-small",
    )  # fmt: skip
    other = DINO.model_copy(update={"id": f"{DINO.id}?pooling=mean"})
    assert encoder_cards.choice(other)[0].startswith("DINOv2 small (pooling=mean)  ·")


def test_filters_need_every_word_and_the_disk() -> None:
    here = DINO.model_copy(update={"id": "here", "name": "MAE", "family": "MAE", "available": True})
    assert encoder_cards.matching([DINO, here], "dino small", False) == [DINO]
    assert encoder_cards.matching([DINO, here], "apache", True) == [here]
    assert encoder_cards.matching([DINO, here], "nothing", False) == []


def test_the_opened_row_shows_everything_and_only_what_was_added_can_be_forgotten() -> None:
    added = DINO.model_copy(update={"id": "mine", "added": True})
    acts = [
        a["data-act"] for n, a in read(encoder_cards.detail(added, True)).found if n == "button"
    ]
    assert acts == ["use-image", "forget"]
    assert "forget" not in encoder_cards.detail(DINO, True)
    assert "<button" not in encoder_cards.detail(added, False)
    table = read(encoder_cards.table([DINO, added], "mine", True))
    assert [a["data-detail"] for n, a in table.found if "data-detail" in a] == ["mine"]
    assert DINO.revision is not None and DINO.revision in table.text


@pytest.mark.parametrize(
    ("modality", "sides"), [("image", 1), ("audio", 1), ("text", 2), ("code", 2)]
)
def test_an_encoder_of_words_can_stand_on_both_sides(modality: Modality, sides: int) -> None:
    info = DINO.model_copy(update={"modality": modality})
    found = read(encoder_cards.detail(info, True)).found
    assert len([1 for name, _ in found if name == "button"]) == sides


def _report(*findings: Finding, listing: Path | None = None) -> DatasetReport:
    info = DatasetInfo(
        id="/d", name="d", description="", built_in=False, modality="audio", set_aside=("a", "b"),
        splits={"test": SplitCount(images=10, captions=20), "train": SplitCount(images=90, captions=180)},
    )  # fmt: skip
    kinds = [finding.kind for finding in findings]
    counts = {kind: kinds.count(kind) + (5 if kind == "duplicate" else 0) for kind in kinds}
    return DatasetReport(info=info, captions_per_item={2: 100}, counts=counts, findings=findings,
                         listing=listing, seconds=3.0)  # fmt: skip


def test_a_report_tells_counts_splits_and_what_was_set_aside() -> None:
    report = _report(
        Finding(kind="broken row", where="line 12", what=HOSTILE, set_aside=True),
        Finding(kind="duplicate", where=HOSTILE, what="as b.wav", set_aside=False),
        listing=Path("/r/findings.csv"),
    )
    found = read(dataset_cards.report(report))
    for text in ("100 recordings", "200 captions", "7 findings", "1 broken row", "line 12", HOSTILE,
                 "set aside", "used, a warning", "and 5 more in the CSV file"):  # fmt: skip
        assert text in found.text
    assert found.text.index("training") < found.text.index("test")
    assert "img" not in [name for name, _ in found.found]
    link = next(attributes for name, attributes in found.found if name == "a")
    assert link["href"] == "gradio_api/file=/r/findings.csv"


def test_a_flawless_set_says_so_and_a_stopped_one_why_there_is_no_report() -> None:
    fine = read(dataset_cards.report(_report())).text
    assert "Nothing is broken" in fine
    state = InspectionState(dataset="/d", state="failed", error=f"No folder.\n- {HOSTILE}")
    told = read(dataset_cards.outcome(_report().info, state))
    assert HOSTILE in told.text
    assert "img" not in [name for name, _ in told.found]


def test_stop_takes_the_place_of_the_button_that_began() -> None:
    info = _report().info
    progress = Progress(stage="Reading items", done=5, total=10, unit="items", seconds_left=4)
    running = InspectionState(dataset="/d", state="running", progress=progress)
    acts = [read(dataset_cards.actions(info, state, True) or "").found for state in (None, running)]
    names = [[a["data-act"] for n, a in each if n == "button"] for each in acts]
    assert names == [["use", "inspect", "forget"], ["use", "stop", "forget"]]
    assert dataset_cards.actions(info, running, False) is None
    assert "5 of 10 items · about 4 s left" in read(dataset_cards.outcome(info, running)).text


def test_removing_features_says_who_uses_them_and_what_must_be_encoded_again() -> None:
    run = RunSummary(
        id="r", name=HOSTILE, status="finished", dataset="d", image_encoder="e", text_encoder="t",
        method="m", seed=0, created_at=datetime.now(UTC), finished_at=None, progress=None,
        error=None, demonstration=False,
    )  # fmt: skip
    stored = StoredFeatures(
        key="k", encoder=HOSTILE, output="layer 6, CLS", modality="image", items=1200, dimension=384,
        bytes=2_000_000, runs=("r",),
    )  # fmt: skip
    unused = stored.model_copy(update={"key": "u", "runs": (), "bytes": 500_000_000})
    asked = read(store_cards.question([stored], {"r": run}))
    for text in (
        "free 2 MB",
        "1,200 images have to be encoded again",
        f"{HOSTILE} goes on working",
    ):
        assert text in asked.text
    table = read(store_cards.table([stored, unused], {"r": run}, ["u"], True))
    assert "502 MB in 2 outputs; no run uses 500 MB of them" in table.text
    assert [a["data-key"] for n, a in table.found if "data-key" in a] == ["u", "k"]
    assert [a["aria-checked"] for n, a in table.found if "aria-checked" in a] == ["true", "false"]
    assert "img" not in [name for name, _ in [*asked.found, *table.found]]
    assert "<button" not in store_cards.table([stored], {}, [], False)
