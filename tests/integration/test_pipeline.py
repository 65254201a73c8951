"""The same steps in this process, as a command in a terminal carries them out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

from backend.errors import InvalidInput
from backend.runs.pipeline import run_pipeline
from backend.runs.store import Store
from backend.schemas import RunRequest
from backend.services import Services
from backend.settings import REPOSITORY, Settings
from tests.integration.conftest import paint


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings)
    yield opened
    opened.database.close()


def test_progress_is_told_step_by_step(settings: Settings, store: Store, small: RunRequest) -> None:
    told: dict[str, list[tuple[int, int, str]]] = {}

    def listen(step: str, done: int, total: int, unit: str) -> None:
        told.setdefault(step, []).append((done, total, unit))

    detail = run_pipeline(settings, store, small, listen, with_map=False)
    assert detail.summary.status == "finished", detail.summary.error
    assert list(told) == [
        "Prepare the data set",
        "Encode items",
        "Encode captions",
        "Align",
        "Evaluate",
        "Build the index",
    ]
    assert told["Encode items"][-1] == (108, 108, "images")
    done, total, unit = told["Align"][-1]
    assert done == total > 0 and unit == "steps"


def test_a_fitted_text_encoder_is_kept_with_the_run(
    settings: Settings, store: Store, small: RunRequest
) -> None:
    from backend.features.loading import load_fitted

    detail = run_pipeline(settings, store, small, with_map=False)
    encoder = load_fitted(Path(detail.artefacts["text_encoder"]))
    assert encoder.fingerprint == detail.configuration["text_fingerprint"]
    shape = encoder.encode(["red beside green"]).shape
    assert shape == (1, detail.configuration["text_dimension"])


def test_a_damaged_picture_is_left_out_and_told(
    settings: Settings, store: Store, small: RunRequest, pictures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(pictures, folder)
    for name in ("train-3.png", "test-2.png"):
        path = folder / "images" / name
        path.write_bytes(path.read_bytes()[:500])
    request = small.model_copy(update={"dataset": str(folder)})
    detail = run_pipeline(settings, store, request, with_map=False)
    assert detail.summary.status == "finished", detail.summary.error
    assert detail.configuration["images"] == {"train": 89, "val": 12, "test": 5}
    assert detail.retrieval["test"].images == 5 and detail.retrieval["test"].captions == 10
    assert any("left out" in note or "set aside" in note for note in detail.notes)


def test_the_geometry_of_the_test_split_is_kept_with_the_run(
    settings: Settings, store: Store, small: RunRequest
) -> None:
    detail = run_pipeline(settings, store, small, with_map=False)
    geometry = detail.retrieval["test"].geometry
    assert geometry is not None and detail.retrieval["val"].geometry is None
    assert (geometry.image.items, geometry.text.items) == (6, 12)
    assert geometry.neighbours == 2
    assert 0 <= (geometry.image.trustworthiness or -1) <= 1
    kept = json.loads(Path(detail.artefacts["result"]).read_text("utf-8"))
    assert kept["retrieval"]["test"]["geometry"] == geometry.model_dump(mode="json")


def test_runs_are_compared_query_by_query_where_their_items_are_the_same(
    settings: Settings, store: Store, small: RunRequest, tmp_path: Path
) -> None:
    ridge = small.model_copy(update={"method": "ridge-cca", "options": {}})
    elsewhere = paint(tmp_path, {"train": 40, "val": 8, "test": 7})
    other = ridge.model_copy(update={"dataset": str(elsewhere)})
    first, second, third = (
        run_pipeline(settings, store, request, with_map=False) for request in (small, ridge, other)
    )
    services = Services(settings)
    ids = [run.summary.id for run in (first, second, third)]
    compared, apart = services.compare(ids)
    assert (compared.baseline, compared.run, compared.images) == (ids[0], ids[1], 6)
    assert not apart.differences
    for way in ("text_to_image", "image_to_text"):
        before, after = (getattr(run.retrieval["test"], way) for run in (first, second))
        gained = compared.differences[f"{way}/recall_at_1"]
        assert gained.difference == pytest.approx(after.recall_at_1 - before.recall_at_1)
        gained = compared.differences[f"{way}/reciprocal_rank"]
        assert gained.difference == pytest.approx(
            after.mean_reciprocal_rank - before.mean_reciprocal_rank
        )
    retold = tmp_path / "retold"
    shutil.copytree(small.dataset, retold)
    captions = retold / "captions.json"
    captions.write_text(captions.read_text("utf-8").replace("beside", "next to"), "utf-8")
    renamed = ridge.model_copy(update={"dataset": str(retold)})
    fourth = run_pipeline(settings, store, renamed, with_map=False)
    assert not services.compare([ids[0], fourth.summary.id])[0].differences

    told = tmp_path / "compared.json"
    command = [sys.executable, "-m", "backend", "compare", *ids[:2], "--json", str(told)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0 and "paired bootstrap" in done.stdout, done.stderr
    assert json.loads(told.read_text("utf-8")) == [compared.model_dump(mode="json")]
    for kind, begins in (("csv", b"run,name"), ("parquet", b"PAR1"), ("tex", b"\\begin{table}")):
        assert services.runs_table(kind, ids).startswith(begins)
        written = tmp_path / f"runs.{kind}"
        command = [sys.executable, "-m", "backend", "runs", "--table", str(written)]
        subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=180)
        assert written.read_bytes() == services.runs_table(kind)
    for too_few in ([ids[0]], [ids[0], ids[0]], []):
        with pytest.raises(InvalidInput, match="two different runs"):
            services.compare(too_few)


def test_nothing_before_the_evaluation_depends_on_the_test_split(
    settings: Settings, store: Store, small: RunRequest, pictures: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(pictures, other)
    records = json.loads((other / "captions.json").read_text("utf-8"))
    for record in records:
        if record["split"] == "test":
            record["captions"] = [
                f"nothing of the kind {caption}" for caption in record["captions"]
            ]
            with Image.open(other / "images" / record["file"]) as picture:
                ImageOps.invert(picture.convert("RGB")).save(other / "images" / record["file"])
    (other / "captions.json").write_text(json.dumps(records), encoding="utf-8")
    first, second = (
        run_pipeline(
            settings, store, small.model_copy(update={"dataset": str(folder)}), with_map=False
        )
        for folder in (pictures, other)
    )
    heads = [
        load_file(Path(run.artefacts["heads"]) / "heads.safetensors", "cpu")
        for run in (first, second)
    ]
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[0])
    assert first.retrieval["val"] == second.retrieval["val"]
    assert first.configuration["fit"] == second.configuration["fit"]
    assert first.retrieval["test"] != second.retrieval["test"]


def test_a_part_of_the_training_images_is_told(
    settings: Settings, store: Store, small: RunRequest
) -> None:
    request = small.model_copy(update={"train_images": 40})
    detail = run_pipeline(settings, store, request, with_map=False)
    assert detail.configuration["images"] == {"train": 40, "val": 12, "test": 6}
    assert detail.notes == ("Trained on 40 of 90 training images with 80 captions.",)


def test_the_app_can_stop_what_a_terminal_does(
    settings: Settings, store: Store, small: RunRequest
) -> None:
    def stop(step: str, done: int, total: int, unit: str) -> None:
        if step == "Encode captions":
            store.request_cancel(store.list_runs()[0].id)

    detail = run_pipeline(settings, store, small, stop, with_map=False)
    assert detail.summary.status == "cancelled" and not detail.retrieval


def test_bad_options_are_told_before_anything_is_done(
    settings: Settings, store: Store, small: RunRequest
) -> None:
    with pytest.raises(InvalidInput, match="correct them"):
        run_pipeline(settings, store, small.model_copy(update={"options": {"epochs": 0}}))
    assert store.list_runs() == []


def test_a_run_that_fails_is_kept_with_its_reason(
    settings: Settings, store: Store, small: RunRequest, tmp_path: Path
) -> None:
    request = small.model_copy(update={"image_encoder": str(tmp_path / "nothing")})
    detail = run_pipeline(settings, store, request, with_map=False)
    assert detail.summary.status == "failed" and detail.summary.resumable
    assert str(tmp_path / "nothing") in (detail.summary.error or "")
