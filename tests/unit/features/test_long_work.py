"""Long texts, large files: as much memory as for short ones, and never silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizer

from backend.catalog.encoders import find_encoder
from backend.errors import Cancelled
from backend.features.extraction import extract_captions
from backend.features.kinds.precomputed import Precomputed
from backend.features.kinds.texts import windows
from backend.features.loading import load_encoder
from backend.features.models import readings
from backend.features.store import FeatureStore
from backend.features.work import Outcome, Work, in_order
from backend.settings import Settings
from tests.unit.features import tiny
from tests.unit.features.close import assert_close


@pytest.fixture
def long_bert(tmp_path: Path) -> Path:
    """A BERT that takes 700 tokens."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tiny.WORDS),
        hidden_size=20,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=700,
    )
    folder = tmp_path / "long"
    BertModel(config).save_pretrained(folder)
    words = {word: number for number, word in enumerate(tiny.WORDS)}
    BertTokenizer(vocab=words, model_max_length=10**30).save_pretrained(folder)
    return folder


def test_a_text_is_read_up_to_the_models_own_limit(long_bert: Path) -> None:
    text = "a red dog runs " * 160
    tokenizer: Any = AutoTokenizer.from_pretrained(long_bert)
    inputs = tokenizer(text, return_tensors="pt")
    assert inputs["input_ids"].shape[1] > 600
    with torch.inference_mode():
        expected = AutoModel.from_pretrained(long_bert).eval()(**inputs).last_hidden_state.mean(1)
    assert_close(load_encoder(tiny.spec(long_bert, "text"), "cpu").encode([text]), expected)


def test_fewer_long_texts_make_a_batch(long_bert: Path) -> None:
    encoder: Any = load_encoder(tiny.spec(long_bert, "text"), "cpu")
    encoder.batch_size = 4
    short, long = ["a red dog"] * 9, ["a red dog runs " * 170] * 5
    sizes = [len(work.items) for work in encoder.works(short + long, [True] * 14)]
    assert sizes == [4, 4, 3, 3]  # of 682 tokens three are as many as four of 512


def test_few_long_texts_are_tokenised_together() -> None:
    texts = ["x" * 300_000] * 20 + ["y" * 50] * 5000 + ["z" * 5_000_000] * 2
    found = list(windows(texts, [True] * len(texts)))
    assert sorted(index for window in found for index in window) == list(range(len(texts)))
    assert max(map(len, found)) == 4096
    for window in found:
        assert len(window) == 1 or sum(len(texts[index]) for index in window) <= 2_000_000


def test_slow_drawing_of_work_is_told() -> None:
    told = []

    def works() -> Iterator[Work]:
        time.sleep(1.2)
        yield Work((0,), lambda: Outcome((0,), (np.zeros((1, 2), np.float32),)))

    with in_order(works(), lambda: told.append(time.monotonic())) as outcomes:
        assert [outcome.items for outcome in outcomes] == [(0,)]
    assert len(told) >= 3 and max(np.diff(told)) < 1


def test_slow_drawing_of_work_can_be_stopped() -> None:
    def works() -> Iterator[Work]:
        time.sleep(2)
        yield Work((0,), lambda: Outcome((), ()))

    began = time.monotonic()
    with pytest.raises(Cancelled), in_order(works(), _stop) as outcomes:
        next(outcomes)
    assert time.monotonic() - began < 1.5


def _stop() -> None:
    raise Cancelled("enough")


def _slowly(call: Callable[..., Any]) -> Callable[..., Any]:
    def slow(*given: Any) -> Any:
        time.sleep(1)
        return call(*given)

    return slow


def test_reading_a_large_file_of_features_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", np.eye(3, dtype=np.float32))
    (tmp_path / "x.ids.txt").write_text("a\nb\nc\n")
    encoder = load_encoder(find_encoder(str(tmp_path / "x.npy"), "text", Settings()), "cpu")
    assert isinstance(encoder, Precomputed)
    monkeypatch.setattr(Precomputed, "prepare", _slowly(Precomputed.prepare))
    told: list[tuple[int, int, str]] = []
    store = FeatureStore(tmp_path / "store")
    extract_captions(encoder, ["1", "2"], store, lambda *each: told.append(each), ["b", "a"])
    assert told.count((0, 2, "captions")) >= 3 and told[-1] == (2, 2, "captions")


def test_hashing_large_weights_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, digest = _slowly(readings.digest), readings.digest
    monkeypatch.setattr(
        readings, "digest", lambda path: (slow if path.suffix == ".safetensors" else digest)(path)
    )
    spec, told = tiny.spec(tiny.bert(tmp_path / "model"), "text"), []
    load_encoder(spec, "cpu", report=lambda *each: told.append(each))
    assert len(told) >= 3 and set(told) == {(0, 0, "weights checked")}
