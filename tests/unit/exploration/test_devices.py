"""Which device FAISS works on. A machine with a GPU is stood in for: FAISS's own index of the processor
plays the copy on the GPU, so that what is chosen is tested, and not the GPU."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from backend.exploration.indexes import Budget, build_index, devices, open_index

N, D = 600, 16
IDS = [f"item {number}" for number in range(N)]
ROWS = np.random.default_rng(0).normal(size=(N, D))
VECTORS = (ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)).astype(np.float32)
CODES = Budget(memory_bytes=1, exact_until=0, device="auto")


class Gpus:
    """Two GPUs as FAISS's build for them has them; ``moved`` counts what was copied there and back."""

    def __init__(self) -> None:
        self.moved: list[str] = []
        self.full = False

    def to_gpu(self, resources: Any, number: int, index: Any, options: Any = None) -> Any:
        if self.full:
            raise RuntimeError("Error: out of memory")
        self.moved.append(f"{type(index).__name__} to {number}")
        return faiss.clone_index(index)

    def to_processor(self, index: Any) -> Any:
        self.moved.append(f"{type(index).__name__} back")
        return index


class Options:
    """In place of GpuClonerOptions."""

    useFloat16 = False


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Gpus:
    found = Gpus()
    names = {
        "StandardGpuResources": object,
        "GpuClonerOptions": Options,
        "get_num_gpus": lambda: 2,
        "index_cpu_to_gpu": found.to_gpu,
        "index_gpu_to_cpu": found.to_processor,
    }
    for name, stand_in in names.items():
        monkeypatch.setattr(faiss, name, stand_in, raising=False)
    monkeypatch.setattr(devices, "_free", lambda number: 10**9)
    devices._resources.cache_clear()
    return found


def test_the_settings_say_which_gpu(gpus: Gpus) -> None:
    asked = ("auto", "cuda", "cuda:1", "cuda:2", "cpu")
    assert [devices.gpu_of(device) for device in asked] == [0, 0, 1, None, None]


def test_without_faiss_for_gpus_it_is_the_processor() -> None:
    if hasattr(faiss, "StandardGpuResources"):
        pytest.skip("FAISS's build for GPUs is installed")
    assert devices.gpu_of("auto") is None and devices.gpu_of("cuda:0") is None


def test_vectors_are_copied_once_by_the_first_search_and_found_exactly(
    gpus: Gpus, tmp_path: Path
) -> None:
    index = build_index(tmp_path, IDS, VECTORS, budget=Budget(device="cuda:1"))
    index.vectors()
    assert gpus.moved == []
    best = np.argsort(-(VECTORS[:9] @ VECTORS.T), axis=1)
    for _ in range(2):
        rows, scores = index.search(VECTORS[:9], 5)
        np.testing.assert_array_equal(rows, best[:, :5])
        np.testing.assert_allclose(scores[:, 0], 1, atol=1e-6)
    assert gpus.moved == ["IndexFlatIP to 1"]


def test_what_a_gpu_does_not_select_is_left_to_the_processor(
    gpus: Gpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "MOST", 10)
    index = build_index(tmp_path, IDS, VECTORS, budget=Budget(device="auto"))
    assert index.search(VECTORS[:2], 11)[0].shape == (2, 11)
    assert index.search(VECTORS[:2], 3, np.arange(50))[0].max() < 50
    assert gpus.moved == []
    index.search(VECTORS[:2], 10)
    assert gpus.moved == ["IndexFlatIP to 0"]


@pytest.mark.parametrize("why", ["too large", "out of memory"])
def test_what_does_not_fit_is_searched_on_the_processor_with_a_word(
    gpus: Gpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    why: str,
) -> None:
    if why == "too large":
        monkeypatch.setattr(devices, "_free", lambda number: VECTORS.nbytes)
    else:
        gpus.full = True
    build_index(tmp_path, IDS, VECTORS)
    index = open_index(tmp_path, "auto")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert index.search(VECTORS[3:4], 1)[0].tolist() == [[3]]
    assert [line for line in caplog.messages if "stays on the processor" in line] == caplog.messages
    assert len(caplog.messages) == 1 and gpus.moved == []


def test_an_inverted_file_is_trained_and_filled_there_and_saved_from_the_processor(
    gpus: Gpus, tmp_path: Path
) -> None:
    there = build_index(tmp_path / "there", IDS, VECTORS, budget=CODES)
    assert gpus.moved == ["IndexIVFPQ to 0", "IndexIVFPQ back"]
    here = build_index(tmp_path / "here", IDS, VECTORS, budget=CODES._replace(device="cpu"))
    assert len(gpus.moved) == 2 and there.facts == here.facts
    np.testing.assert_array_equal(
        open_index(tmp_path / "there").search(VECTORS, 5)[0], here.search(VECTORS, 5)[0]
    )


def test_one_that_fails_there_is_built_here_with_a_word(
    gpus: Gpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(index: Any) -> Any:
        raise RuntimeError("Error: this number of sub-quantizers is not supported")

    monkeypatch.setattr(faiss, "index_gpu_to_cpu", fails)
    with caplog.at_level(logging.WARNING):
        index = build_index(tmp_path, IDS, VECTORS, budget=CODES)
    assert "built on the processor" in caplog.text and index.facts.kind == "ivf-pq"
    assert index.search(VECTORS[3:4], 1)[0].tolist() == [[3]]
