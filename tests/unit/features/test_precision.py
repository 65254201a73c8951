"""What a model computes in is what was asked for, and numbers that are none are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.catalog.encoders import Precision
from backend.errors import EncoderError
from backend.features.loading import load_encoder
from backend.features.models.checkpoints import precise
from tests.unit.features import tiny, zoo
from tests.unit.features.close import assert_close


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("auto", torch.float32),
        ("float32", torch.float32),
        ("bfloat16", torch.bfloat16),
        ("float16", torch.float16),
    ],
)
def test_a_cpu_computes_in_what_is_asked_for(precision: Precision, expected: torch.dtype) -> None:
    layer = torch.nn.Linear(4, 4)
    with precise(precision, "cpu"):
        assert layer(torch.ones(1, 4)).dtype == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_computes_in_half_precision_unless_asked_otherwise(tmp_path: Path) -> None:
    layer = torch.nn.Linear(4, 4).cuda()
    for precision, expected in (("auto", torch.bfloat16), ("float32", torch.float32)):
        with precise(precision, "cuda:0"):  # type: ignore[arg-type]
            assert layer(torch.ones(1, 4).cuda()).dtype == expected
    folder = zoo.text(tmp_path / "model", "bert")
    texts = ["a red dog near the star", "dog runs", ""]
    exact = load_encoder(tiny.spec(folder, "text"), "cpu").encode(texts)
    single = load_encoder(tiny.spec(folder, "text", precision="float32"), "cuda").encode(texts)
    assert_close(single, exact, 1e-5)
    half = load_encoder(tiny.spec(folder, "text"), "auto").encode(texts)
    assert half.dtype == np.float32 and not np.array_equal(half, exact)
    assert_close(half, exact, 2e-2)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_close_and_comes_back_in_single(
    tmp_path: Path, precision: Precision
) -> None:
    folder = zoo.text(tmp_path / "model", "bert")
    texts = ["a red dog near the star", "dog runs"]
    exact = load_encoder(tiny.spec(folder, "text"), "cpu").encode(texts)
    half = load_encoder(tiny.spec(folder, "text", precision=precision), "cpu").encode(texts)
    assert half.dtype == np.float32 and not np.array_equal(half, exact)
    assert_close(half, exact, 3e-2)


def test_numbers_beyond_half_precision_are_told_with_what_to_do(tmp_path: Path) -> None:
    folder = zoo.text(tmp_path / "model", "bert")
    weights = load_file(folder / "model.safetensors")
    name = "encoder.layer.1.intermediate.dense.weight"
    weights[name] = weights[name] * 1e7
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    single = load_encoder(tiny.spec(folder, "text", precision="float32"), "cpu")
    assert np.isfinite(single.encode(["dog"])).all()
    half = load_encoder(tiny.spec(folder, "text", precision="float16"), "cpu")
    with pytest.raises(EncoderError, match="not finite.*precision float32"):
        half.encode(["dog"])
