"""Pairs that are not image and text go the same way, from data set to search and drift."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from backend.errors import InvalidInput
from backend.runs.pipeline import run_pipeline
from backend.runs.store import Store
from backend.schemas import RunDetail, RunRequest
from backend.services import Services
from backend.settings import Settings
from tests.integration.asking import ask

RATE = 16_000
WORDS = "red blue circle star near dog runs left".split()
SPLITS = ["train"] * 30 + ["val"] * 6 + ["test"] * 6


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


def _sentences(seed: int) -> list[str]:
    draw = np.random.default_rng(seed)
    # numbered, so that no two items are byte for byte the same
    return [f"{' '.join(draw.choice(WORDS, 3))} {n}" for n in range(len(SPLITS))]


def _write(folder: Path, item: Callable[[int, str], dict[str, Any]]) -> Path:
    """A captions file whose items are told by ``item(number, sentence)``."""
    rows = [
        {**item(n, words), "split": split, "captions": [words, f"{words} again"]}
        for n, (split, words) in enumerate(zip(SPLITS, _sentences(0), strict=True))
    ]
    folder.mkdir(exist_ok=True)
    (folder / "captions.json").write_text(json.dumps(rows))
    return folder


def _run(dataset: Path, encoder: object, text: object = "bag-of-words") -> RunDetail:
    settings = Settings()
    request = RunRequest(
        dataset=str(dataset),
        image_encoder=str(encoder),
        text_encoder=str(text),
        method="ridge-cca",
        options={"dimension": 8},
    )
    detail = run_pipeline(settings, Store(settings), request, with_map=False)
    assert detail.summary.status == "finished", detail.summary.error
    return detail


def test_text_and_text(tmp_path: Path, services: Services) -> None:
    from tests.unit.features import tiny

    dataset = _write(tmp_path / "texts", lambda n, words: {"text": f"a {words} on the left {n}"})
    detail = _run(dataset, tiny.bert(tmp_path / "bert"))
    run = detail.summary
    assert run.modality == "text" and detail.retrieval["test"].images == 6
    hit = ask(services, run.id, "red star", k=3).hits[0]
    assert hit.item.text.startswith("a ") and hit.item.thumbnail is None
    assert ask(services, run.id, hit.item.id, "item", target="text").truth_rank is not None
    assert len(services.drift(run.id, hit.item.id, 4).steps) == 5
    assert services.cycles(run.id)[0].seed == hit.item
    with pytest.raises(InvalidInput, match="search by words"):
        ask(services, run.id, dataset / "captions.json", "file")


def test_audio_and_text(tmp_path: Path, services: Services) -> None:
    from tests.unit.features import zoo

    folder = tmp_path / "sounds"
    folder.mkdir()

    def record(number: int, words: str) -> dict[str, Any]:
        time = np.arange(RATE // 4) / RATE
        pitches = [200 + 150 * WORDS.index(word) for word in words.split()[:3]]
        wave = sum(np.sin(2 * np.pi * pitch * time) for pitch in pitches) / 4
        noise = np.random.default_rng(number).normal(0, 0.01, len(time))
        soundfile.write(folder / f"{number}.wav", wave + noise, RATE)
        return {"audio": f"{number}.wav"}

    dataset = _write(folder, record)
    (folder / "31.wav").write_bytes((folder / "31.wav").read_bytes()[:60])
    encoder = zoo.sound(tmp_path / "wav2vec2", "wav2vec2")
    detail = _run(dataset, encoder)
    run = detail.summary
    assert run.modality == "audio" and detail.configuration["images"]["val"] == 5
    assert any("31.wav" in note for note in detail.notes)
    found = ask(services, run.id, folder / "40.wav", "file", k=1).hits[0]
    assert found.item.image_id == "40.wav" and found.score > 0.99
    assert found.item.recording is not None and soundfile.info(found.item.recording).duration > 0.2
    assert found.item.thumbnail is not None and found.item.thumbnail.suffix == ".webp"


def test_code_and_text(tmp_path: Path, services: Services) -> None:
    from tests.unit.features import zoo

    dataset = _write(tmp_path / "code", lambda n, words: {"code": f"red ( {words} ) # {n}"})
    encoder = zoo.text(tmp_path / "roberta", "roberta")
    run = _run(dataset, f"{encoder}?pooling=cls+mean&layers=1,2").summary
    assert run.modality == "code"
    assert ask(services, run.id, "dog runs", k=1).hits[0].item.text.startswith("red (")


def test_precomputed_features_on_both_sides(tmp_path: Path, services: Services) -> None:
    """Trials of which nothing but a recorded response is known, and an API's text embeddings."""
    dataset = _write(tmp_path / "trials", lambda n, words: {"id": f"trial-{n}"})
    draw = np.random.default_rng(3)
    shared = draw.normal(size=(len(SPLITS), 6))
    response = (shared @ draw.normal(size=(6, 20))).astype(np.float32)
    np.save(tmp_path / "responses.npy", response[:-1])
    ids = [f"trial-{n}" for n in range(len(SPLITS) - 1)]
    (tmp_path / "responses.ids.json").write_text(json.dumps(ids))
    spoken = np.repeat(shared @ draw.normal(size=(6, 10)), 2, axis=0).astype(np.float32)
    np.save(tmp_path / "spoken.npy", spoken[1:])
    captions = [f"trial-{n}#{k}" for n in range(len(SPLITS)) for k in range(2)]
    (tmp_path / "spoken.ids.json").write_text(json.dumps(captions[1:]))

    detail = _run(dataset, tmp_path / "responses.npy", tmp_path / "spoken.npy")
    run = detail.summary
    assert run.modality == "features"
    # one trial and one caption have no feature: both are told, the rest is used
    assert detail.configuration["images"] == {"train": 30, "val": 6, "test": 5}
    assert any("trial-41" in note for note in detail.notes)
    assert any("trial-0#0" in note for note in detail.notes)
    assert detail.retrieval["test"].text_to_image.recall_at_1 == 1.0
    assert services.stored_features() == []
    assert ask(services, run.id, "text:trial-38#0", "item").truth_rank == 1
    with pytest.raises(InvalidInput, match="search from an item"):
        ask(services, run.id, "red star")
