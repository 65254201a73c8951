"""The decoder: what it learns from vectors of captions alone, and that what it reads out is theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.drift.decoder import Decoder, load_decoder, save_decoder, train_decoder
from backend.drift.decoder.model import WordModel
from backend.drift.decoder.tokens import END, Tokens
from backend.errors import Cancelled, InvalidInput
from tests.unit import golden

COLOURS = ["red", "blue", "green", "white", "black"]
SHAPES = ["circle", "star", "heart", "ring"]
NAMES = [(colour, shape) for colour in COLOURS for shape in SHAPES]


def space(pairs: list[tuple[str, str]], noise: float, seed: int = 0) -> np.ndarray:
    """(n, 32) vectors in which a colour and a shape have a direction each."""
    axes = np.random.default_rng(0).normal(size=(len(COLOURS) + len(SHAPES), 32))
    rows = [axes[COLOURS.index(c)] + axes[len(COLOURS) + SHAPES.index(s)] for c, s in pairs]
    draw = np.random.default_rng(seed).normal(size=(len(pairs), 32))
    return golden.unit(np.array(rows) + noise * draw).astype(np.float32)


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    # (green, ring) and (red, star) are never told
    pairs = [each for each in NAMES if each not in [("green", "ring"), ("red", "star")]] * 12
    texts = [f"a {colour} {shape}" for colour, shape in pairs]
    return train_decoder(texts, space(pairs, 0.2), steps=160)


def test_held_out_vectors_are_read_out_as_their_words(decoder: Decoder) -> None:
    pairs = [each for each in NAMES if each not in [("green", "ring"), ("red", "star")]]
    said = decoder.decode(space(pairs, 0.15, seed=1))
    right = sum(text == f"a {c} {s}" for text, (c, s) in zip(said, pairs, strict=True))
    assert right >= 16, said


def test_a_vector_far_from_captions_is_put_among_them(decoder: Decoder) -> None:
    gap = np.random.default_rng(9).normal(size=32)
    pairs = NAMES[::3]
    away = golden.unit(space(pairs, 0.0) + 0.7 * gap / np.linalg.norm(gap)).astype(np.float32)
    projected = decoder.project(away)
    memory = decoder.memory.astype(np.float64)
    for point, mine in zip(away.astype(np.float64), projected, strict=True):
        cosines = np.array([float(point @ row) for row in memory])
        weights = np.exp(cosines / 0.03 - (cosines / 0.03).max())
        mean = sum(weight * row for weight, row in zip(weights, memory, strict=True))
        np.testing.assert_allclose(mine, mean / np.linalg.norm(mean), atol=2e-4)
    near = (projected @ memory.T).max(axis=1)
    assert (near > (away @ memory.T).max(axis=1)).all()
    said = decoder.decode(away, projected=True)
    told = [(c, s) for c, s in pairs if (c, s) not in [("green", "ring"), ("red", "star")]]
    right = sum(f"a {c} {s}" in said for c, s in told)
    assert right >= len(told) - 1, said


def test_words_do_not_depend_on_company(decoder: Decoder) -> None:
    points = space(NAMES, 0.3, seed=4)
    seeds = list(range(100, 120))
    for temperature in (0.0, 1.5):
        together = decoder.decode(points, temperature, seeds)
        alone = [
            decoder.decode(points[at : at + 1], temperature, seeds[at : at + 1])[0]
            for at in range(20)
        ]
        assert alone == together
    drawn = {decoder.decode(points[:1], 1.5, [seed])[0] for seed in range(30)}
    assert len(drawn) > 3


def test_what_is_remembered_of_a_text_is_what_reading_it_all_again_gives() -> None:
    generator = torch.Generator().manual_seed(0)
    model = WordModel(8, 20, 6, width=16, blocks=3)
    model.start(generator)
    vectors = torch.randn(3, 8, generator=generator)
    words = torch.randint(2, 20, (3, 6), generator=generator)
    whole = model(vectors, words)
    logits, seen = model.first(vectors)
    torch.testing.assert_close(logits, whole[:, 0])
    for place in range(6):
        torch.testing.assert_close(model.next(words[:, place], seen), whole[:, place + 1])


def test_no_piece_sees_what_follows() -> None:
    model = WordModel(8, 20, 6, width=16)
    model.start(torch.Generator().manual_seed(1))
    vectors, words = torch.ones(1, 8), torch.tensor([[2, 3, 4, 5, 6, 7]])
    changed = words.clone()
    changed[0, 3] = 19
    before, after = model(vectors, words), model(vectors, changed)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_the_same_seed_gives_the_same_decoder_and_touches_no_other_generator() -> None:
    texts, points = ["a red star", "a blue ring", "two"] * 4, space(NAMES[:12], 0.1)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, two = (train_decoder(texts, points, seed=5, steps=4) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    for mine, other in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert torch.equal(mine, other)
    other = train_decoder(texts, points, seed=6, steps=4)
    assert not torch.equal(other.model.out.weight, one.model.out.weight)


def test_any_script_is_told() -> None:
    texts = [
        "ein großer roter Stern",
        "一只红色的狗在海滩上",
        "🎈 balloon",
        "a red  star,\twith spaces",
    ]
    tokens = Tokens.of(texts)
    for text, numbers in zip(texts, tokens.numbers(texts, 200), strict=True):
        assert numbers[-1] == END
        assert tokens.text(numbers) == text
    assert tokens.text(Tokens(tokens.to_json()).numbers(["日本 new"], 90)[0]) == "日本 new"
    assert len(tokens.numbers(["a very long text " * 30], 12)[0]) == 12


def test_it_is_kept_and_found_again(decoder: Decoder, tmp_path: Path) -> None:
    folder = tmp_path / "decoder"
    save_decoder(decoder, folder, "heads-1")
    save_decoder(decoder, folder, "heads-1")  # over the one that is there
    again = load_decoder(folder, "heads-1")
    points = space(NAMES, 0.2, seed=8)
    assert again is not None and again.decode(points, projected=True) == decoder.decode(
        points, projected=True
    )
    assert again.facts == decoder.facts
    assert load_decoder(folder, "heads-2") is None
    assert load_decoder(tmp_path / "nowhere", "heads-1") is None
    (folder / "model.safetensors").write_bytes(b"torn")
    assert load_decoder(folder, "heads-1") is None
    assert [each.name for each in tmp_path.iterdir()] == ["decoder"]


def test_training_is_told_and_can_be_stopped() -> None:
    told: list[tuple[int, int, str]] = []

    def report(done: int, total: int, unit: str) -> None:
        told.append((done, total, unit))
        if done == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        train_decoder(["a", "b"], space(NAMES[:2], 0), steps=9, report=report)
    assert told == [(0, 9, "decoder steps"), (1, 9, "decoder steps"), (2, 9, "decoder steps")]


def test_too_few_captions_or_broken_vectors_are_refused() -> None:
    with pytest.raises(InvalidInput, match="two are needed"):
        train_decoder(["a"], space(NAMES[:1], 0))
    broken = space(NAMES[:2], 0)
    broken[1, 3] = np.nan
    with pytest.raises(InvalidInput, match="no numbers"):
        train_decoder(["a", "b"], broken)
