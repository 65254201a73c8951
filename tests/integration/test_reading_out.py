"""A finished run's space read out as words, and a game whose pictures are told by its decoder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.drift.decoder import training
from backend.drift.journal import Journal
from backend.drift.playing import play
from backend.errors import Cancelled, NotAllowed
from backend.reporting import silent
from backend.runs.decoding import decoder_folder, surroundings, training_captions
from backend.runs.evaluations.opened import open_run
from backend.runs.pipeline import run_pipeline
from backend.runs.store import Store
from backend.schemas import GameRequest, OperatorChoice, Query, QueryPart, RunRequest
from backend.services.decoding import ReadingOut
from backend.settings import Settings
from tests.integration.conftest import paint


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_vit: Path) -> tuple[Settings, str, Path]:
    """A home with a finished run."""
    root = tmp_path_factory.mktemp("read")
    (root / "pictures").mkdir()
    pictures = paint(root / "pictures", {"train": 60, "val": 6, "test": 8})
    settings, request = (
        Settings(home=root / "home"),
        RunRequest(
            dataset=str(pictures), image_encoder=str(tiny_vit), text_encoder="bag-of-words",
            method="ridge-cca", options={"dimension": 12},
        ),
    )  # fmt: skip
    store = Store(settings)
    run = run_pipeline(settings, store, request, with_map=False).summary
    assert run.status == "finished", run.error
    store.database.close()
    return settings, run.id, pictures


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(training, "_STEPS", 120)
    yield


def test_a_decoder_learns_from_the_training_captions_alone(
    made: tuple[Settings, str, Path],
) -> None:
    settings, run_id, pictures = made
    run = open_run(settings, Store(settings), run_id)
    texts, vectors = training_captions(run, silent)
    rows = json.loads((pictures / "captions.json").read_text())
    expected = sorted(c for row in rows if row["split"] == "train" for c in row["captions"])
    assert sorted(texts) == expected
    np.testing.assert_allclose(vectors, run.embed_texts(list(texts)), atol=1e-5)


def test_points_are_read_out_and_the_decoder_is_kept(made: tuple[Settings, str, Path]) -> None:
    settings, run_id, _ = made
    readonly = ReadingOut(settings.model_copy(update={"mode": "readonly"}))
    text = Query(parts=(QueryPart(kind="text", value="red beside blue"),))
    if not decoder_folder(settings, run_id).is_dir():
        with pytest.raises(NotAllowed, match="no decoder yet"):
            readonly.read_out(run_id, text)
    door = ReadingOut(settings)

    def stop(done: int, total: int, unit: str) -> None:
        if done == 2:
            raise Cancelled("stopped")

    if not door.has_decoder(run_id):
        with pytest.raises(Cancelled):
            door.read_out(run_id, text, stop)
        assert not door.has_decoder(run_id), "nothing half-trained is kept"
    steps: list[int] = []
    found = door.read_out(run_id, text, lambda done, total, unit: steps.append(done))
    assert found.words and not found.projected
    assert door.has_decoder(run_id)
    items = [item.id for item in door.random_items(run_id, "image", 2, 0)]
    between = Query(parts=tuple(QueryPart(kind="item", value=item) for item in items))
    midpoint = door.read_out(run_id, between)
    assert midpoint.words and midpoint.projected
    assert readonly.read_out(run_id, text) == found, "what is kept is read again, and the same"
    colours = {"red", "green", "blue", "yellow", "grey", "white"}
    assert colours & {*found.words.split()}, "it speaks of what captions speak of"


def test_a_game_told_by_the_decoder_goes_on_to_the_same_end(
    made: tuple[Settings, str, Path], tmp_path: Path
) -> None:
    settings, run_id, _ = made
    door = ReadingOut(settings)
    gallery = door._space(run_id).gallery
    around = surroundings(settings, open_run(settings, Store(settings), run_id), gallery)
    seeds = (*gallery.indexes["image"].ids[:3], *gallery.indexes["text"].ids[:3])
    request = GameRequest(
        seeds=seeds,
        generations=5,
        image_to_text=OperatorChoice(kind="decoder", temperature=0.8),
        seed=2,
    )

    def steps(journal: Journal) -> dict[tuple[str, int], tuple[str, str, int | None]]:
        told = (line.step for line in journal.read())
        return {(s.seed, s.generation): (s.item, s.text, s.drawn_with) for s in told}

    def stop(done: int, total: int, unit: str) -> None:
        if unit == "steps" and done >= 14:
            raise Cancelled("enough")

    whole, torn = Journal(tmp_path / "a" / "steps.jsonl"), Journal(tmp_path / "b" / "steps.jsonl")
    play(around, request, whole)
    with pytest.raises(Cancelled):
        play(around, request, torn, stop)
    assert 0 < len(steps(torn)) < len(steps(whole)) == 36
    play(around, request, torn)
    assert steps(torn) == steps(whole)
    told = [text for item, text, _ in steps(whole).values() if text]
    assert len(told) == 15 and not any(not text.strip() for text in told)
