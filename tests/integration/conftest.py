"""A home with a real database and a real worker process, and input small enough to be quick."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.schemas import RunRequest
from backend.settings import Settings
from tests.integration.home import Home

COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 180, 60),
    "blue": (40, 60, 220),
    "yellow": (230, 210, 40),
    "grey": (128, 128, 128),
    "white": (245, 245, 245),
}


@pytest.fixture
def place() -> Iterator[Home]:
    """A home whose worker is not started yet: ``place.supervisor.start()``."""
    opened = Home()
    yield opened
    opened.close()


def paint(folder: Path, splits: dict[str, int]) -> Path:
    """A folder data set: noisy pictures of two colours, with captions that name them."""
    (folder / "images").mkdir()
    random = np.random.default_rng(5)
    names, rows = list(COLOURS), []
    for split, count in splits.items():
        for number in range(count):
            first, second = random.choice(names, 2, replace=False)
            pixels = np.empty((40, 40, 3))
            pixels[:, :20], pixels[:, 20:] = COLOURS[first], COLOURS[second]
            noisy = (pixels + random.normal(0, 20, pixels.shape)).clip(0, 255).astype(np.uint8)
            file = f"{split}-{number}.png"
            Image.fromarray(noisy).save(folder / "images" / file, compress_level=0)
            captions = [f"{first} beside {second}", f"a {second} half, {number % 9} times"]
            rows.append({"file": file, "split": split, "captions": captions})
    (folder / "captions.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set."""
    return paint(tmp_path_factory.mktemp("pictures"), {"train": 90, "val": 12, "test": 6})


@pytest.fixture(scope="session")
def many_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More pictures than go into one part of the feature store."""
    return paint(tmp_path_factory.mktemp("many"), {"train": 2500, "val": 12, "test": 6})


@pytest.fixture(scope="session")
def tiny_vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained image encoder of a few thousand weights, saved as any Hub model is."""
    import torch
    from transformers import ViTConfig, ViTImageProcessorPil, ViTModel

    folder = tmp_path_factory.mktemp("encoders") / "tiny-vit"
    with torch.random.fork_rng():
        torch.manual_seed(1)
        config = ViTConfig(
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=96,
            image_size=32,
            patch_size=8,
        )
        ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def small(pictures: Path, tiny_vit: Path) -> RunRequest:
    """A run of a second or two."""
    return RunRequest(
        dataset=str(pictures),
        image_encoder=str(tiny_vit),
        text_encoder="bag-of-words",
        options={"epochs": 5, "batch": 32, "dimension": 16, "patience": 1000, "least_steps": 0},
    )


@pytest.fixture
def long(small: RunRequest) -> RunRequest:
    """A run with enough epochs to be caught in the middle of them."""
    return small.model_copy(update={"options": {**small.options, "epochs": 150}})


def two_runs(settings: Settings, folder: Path, vit: Path) -> list[str]:
    """Two finished runs of the same painted pictures, which lie in ``folder``; their ids."""
    from backend.runs.pipeline import run_pipeline
    from backend.runs.store import Store

    folder.mkdir()
    pictures = paint(folder, {"train": 60, "val": 12, "test": 20})
    store, ids = Store(settings), []
    for dimension in (16, 8):
        request = RunRequest(
            dataset=str(pictures), image_encoder=str(vit), text_encoder="bag-of-words",
            method="ridge-cca", options={"dimension": dimension},
        )  # fmt: skip
        run = run_pipeline(settings, store, request, with_map=False).summary
        assert run.status == "finished", run.error
        ids.append(run.id)
    store.database.close()
    return ids


@pytest.fixture(scope="session")
def played_once(tmp_path_factory: pytest.TempPathFactory, tiny_vit: Path) -> tuple[Path, list[str]]:
    """A home with two finished runs, and their ids; for :func:`played` alone, which copies it."""
    root = tmp_path_factory.mktemp("played")
    ids = two_runs(Settings(home=root / "home"), root / "pictures", tiny_vit)
    return root / "home", ids


@pytest.fixture
def played(played_once: tuple[Path, list[str]], tmp_path: Path) -> tuple[Path, list[str]]:
    """A home of one's own with two finished runs, and their ids."""
    home = tmp_path / "played"
    shutil.copytree(played_once[0], home)
    return home, played_once[1]
