"""All layer pairs against published best ones and against every pair done anew under each permutation."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import Cancelled, InvalidInput
from backend.evaluation.calibration import calibrate, calibrated, permutations
from backend.evaluation.layers import layer_similarity
from backend.evaluation.similarity import (
    cka,
    cknna,
    clamp_outliers,
    cycle_knn,
    mutual_knn,
    svcca,
    unit_rows,
)
from backend.schemas import LayerMeasure, LayerSimilarity
from tests.unit.golden import arrays, assert_golden

MEASURES: tuple[LayerMeasure, ...] = get_args(LayerMeasure)
WHOLE = {
    "mutual_knn": mutual_knn,
    "cycle_knn": cycle_knn,
    "cka": lambda a, b, _: cka(a, b),
    "unbiased_cka": lambda a, b, _: cka(a, b, unbiased=True),
    "cknna": cknna,
    "svcca": lambda a, b, _: svcca(a, b),
}


def depths(seed: int, n: int = 60, shared: tuple[int, int] = (2, 1), texts: int = 16):
    """Four image layers and three text layers; one of each, in the middle, holds the same latent."""
    draw = np.random.default_rng(seed)
    latent = draw.normal(size=(n, 5))

    def layers(count: int, width: int, place: int):
        return [
            (number == place) * 2 * (latent @ draw.normal(size=(5, width)))
            + draw.normal(size=(n, width))
            for number in range(count)
        ]

    return layers(4, 24, shared[0]), layers(3, texts, shared[1])


def prepared(layers):
    """One threshold for all of them, then unit rows."""
    clamped = clamp_outliers(np.stack(layers, axis=1))
    return [unit_rows(clamped[:, number]) for number in range(len(layers))]


@pytest.mark.parametrize("measure", ["mutual_knn", "cka", "unbiased_cka", "cknna"])
def test_the_best_layers_are_the_published_ones(measure: LayerMeasure) -> None:
    image, text = (list(np.moveaxis(arrays()[side], 1, 0)) for side in ("x_layers", "y_layers"))
    found = layer_similarity(image, text, measure, permutations=19)
    assert (found.neighbours, found.pairs) == (10, 128)
    best = [found.score, found.image, found.text]
    assert_golden(best, f"platonic/layers/best/{measure}/exact_True")


@pytest.mark.parametrize("measure", MEASURES)
def test_every_pair_and_permutation_is_as_if_done_anew(measure: LayerMeasure) -> None:
    image, text = depths(3)
    found = layer_similarity(image, text, measure, k=4, permutations=22, seed=6)
    orders = np.concatenate([np.arange(60)[None], permutations(60, 22, (6, 1))])
    slow = np.array(
        [[[WHOLE[measure](a, b[order], 4) for b in prepared(text)] for a in prepared(image)]
         for order in orders]
    )  # fmt: skip
    assert np.array(found.scores) == pytest.approx(slow[0], abs=1e-9)
    nulls = slow[1:].max(axis=(1, 2))
    expected = calibrate(slow[0].max(), nulls)
    assert (found.image, found.text) == np.unravel_index(slow[0].argmax(), (4, 3)) == (2, 1)
    assert found.score == pytest.approx(expected.observed)
    assert found.calibrated_score == pytest.approx(expected.score)
    assert found.p == expected.p == 1 / 23
    assert found.null_mean == pytest.approx(expected.null_mean)
    assert found.threshold == pytest.approx(expected.threshold)
    assert np.array(found.calibrated) == pytest.approx(calibrated(slow[0], nulls), abs=1e-9)
    assert found.last == found.scores[-1][-1]
    assert found.chance == {"mutual_knn": 4 / 59, "unbiased_cka": 0.0}.get(measure)


def test_layers_of_unequal_width_have_a_threshold_each() -> None:
    image, text = depths(4)
    text[0] = 50 * np.random.default_rng(0).normal(size=(60, 3))
    found = layer_similarity(image, text, "cka", permutations=19)
    for column, layer in enumerate(text):
        alone = unit_rows(clamp_outliers(layer))
        assert found.scores[2][column] == pytest.approx(cka(prepared(image)[2], alone))


@pytest.mark.parametrize("measure", MEASURES)
def test_unrelated_encoders_have_no_best_layers(measure: LayerMeasure) -> None:
    told = 0
    for seed in range(30):
        draw = np.random.default_rng(seed)
        image, text = ([draw.normal(size=(24, 6)) for _ in range(3)] for _ in range(2))
        found = layer_similarity(image, text, measure, k=3, permutations=39, seed=seed)
        told += found.calibrated_score > 0
        assert (found.calibrated_score > 0) == (np.max(found.calibrated) > 0)
    assert told <= 5  # 1.5 expected; more than 5 come once in 300 times


def test_of_equal_layers_the_later_ones_are_told() -> None:
    (_, _, a, _), (_, b, _) = depths(5)
    found = layer_similarity([a, a, a], [b, b], permutations=19)
    assert (found.image, found.text) == (2, 1)


@settings(max_examples=6)
@given(seed=st.integers(0, 10_000))
def test_the_same_seed_gives_the_same_numbers(seed: int) -> None:
    sides = [[layer.astype(np.float16) for layer in side] for side in depths(seed)]
    found = layer_similarity(*sides, "cknna", permutations=19, seed=seed)
    assert found == layer_similarity(*sides, "cknna", permutations=19, seed=seed)
    assert LayerSimilarity.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize("measure", MEASURES)
def test_work_is_told_in_layer_pairs_and_can_be_cancelled(measure: LayerMeasure) -> None:
    told: list[tuple[int, int, str]] = []
    layer_similarity(*depths(0), measure, permutations=19, report=lambda *step: told.append(step))
    assert {step[1:] for step in told} == {(12, "layer pairs")}
    done = [step[0] for step in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 12)
    assert len(done) > 7

    def stop(done: int, total: int, unit: str) -> None:
        if done >= 11:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        layer_similarity(*depths(0), measure, permutations=19, report=stop)


def test_what_cannot_be_compared_is_named() -> None:
    image, text = depths(0)
    with pytest.raises(InvalidInput, match="text layer 2: 59 rows, but 60 in image layer 0"):
        layer_similarity(image, [*text[:2], text[2][:59]])
    with pytest.raises(InvalidInput, match="mutual_knn, cycle_knn, cka"):
        layer_similarity(image, text, "likeness")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="both sides"):
        layer_similarity(image, [])
    with pytest.raises(InvalidInput, match="at least 19"):
        layer_similarity(
            image, text, permutations=9, report=lambda *_: pytest.fail("work was done")
        )
    image[3][17, 2] = np.inf
    with pytest.raises(InvalidInput, match="image layer 3, row 17"):
        layer_similarity(image, text)
