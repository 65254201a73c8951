"""Every method: learns, repeats itself, survives saving, and says what is wrong with its options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.alignment.base import load_alignment
from backend.alignment.methods import METHODS, fit, resolve_options
from backend.alignment.pairs import PairedFeatures
from backend.errors import InvalidInput, NotFound
from backend.evaluation.retrieval import mean_recall
from tests.unit.alignment.pairs_of import IMAGE, context, pairs

TRAIN, VAL, TEST = pairs(300, 0), pairs(60, 1), pairs(100, 2)
#: mini-vec2vec is told no pairs, so neither right nor shuffled ones can move it: see test_unpaired
PAIRED = [name for name, method in METHODS.items() if method.info.family != "unpaired"]
QUICK = {"epochs": 8, "batch": 64, "dimension": 16, "learning_rate": 0.01, "least_steps": 0}
QUICK |= {"matchings": 2, "restarts": 2, "refinements": 2, "preparation": "centred"}


def options_of(method: str) -> dict[str, int | float | str]:
    known = {option.name for option in METHODS[method].info.options}
    return {name: value for name, value in QUICK.items() if name in known}


@pytest.mark.parametrize("method", PAIRED)
def test_a_method_aligns_held_out_pairs_and_can_be_kept(method: str, tmp_path: Path) -> None:
    alignment = fit(method, TRAIN, VAL, context(tmp_path, method, **options_of(method)))
    image = alignment.transform("image", TEST.image)
    text = alignment.transform("text", TEST.text)
    assert image.shape == (100, alignment.dimension) and image.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(text, axis=1), 1, atol=1e-5)
    recall = mean_recall(image, text, TEST.image_of_text)["text_to_image/recall_at_1"]
    assert recall > 0.5  # chance is 0.01

    alignment.save(tmp_path / "heads")
    again = load_alignment(tmp_path / "heads")
    np.testing.assert_array_equal(again.transform("image", TEST.image), image)
    assert again.details == alignment.details and again.method == method


@pytest.mark.parametrize("method", PAIRED)
def test_shuffled_pairs_align_nothing(method: str, tmp_path: Path) -> None:
    order = np.random.default_rng(5).permutation(len(TRAIN.image))
    shuffled = PairedFeatures(np.asarray(TRAIN.image)[order], TRAIN.text, TRAIN.image_of_text)
    alignment = fit(method, shuffled, VAL, context(tmp_path, method, **options_of(method)))
    recall = mean_recall(
        alignment.transform("image", TEST.image),
        alignment.transform("text", TEST.text),
        TEST.image_of_text,
    )["text_to_image/recall_at_1"]
    assert recall < 0.1


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_heads(method: str, tmp_path: Path) -> None:
    first, second = (
        fit(method, TRAIN, VAL, context(tmp_path / name, method, seed=3, **options_of(method)))
        for name in ("a", "b")
    )
    np.testing.assert_array_equal(
        first.transform("text", TEST.text), second.transform("text", TEST.text)
    )


def test_closed_forms_ignore_the_features_scale(tmp_path: Path) -> None:
    scaled = PairedFeatures(np.asarray(TRAIN.image) * 1000 - 7, TRAIN.text, TRAIN.image_of_text)
    plain = fit("ridge-cca", TRAIN, VAL, context(tmp_path, "ridge-cca", ridge=0.1))
    other = fit("ridge-cca", scaled, VAL, context(tmp_path, "ridge-cca", ridge=0.1))
    mine = plain.transform("image", TEST.image) @ plain.transform("text", TEST.text).T
    theirs = (
        other.transform("image", np.asarray(TEST.image) * 1000 - 7)
        @ other.transform("text", TEST.text).T
    )
    np.testing.assert_allclose(mine, theirs, atol=2e-3)


def test_unknown_methods_and_all_bad_options_are_named_at_once() -> None:
    with pytest.raises(InvalidInput, match="linear-infonce"):
        resolve_options("lineer", {})
    with pytest.raises(InvalidInput) as error:
        resolve_options("linear-infonce", {"epochs": 0, "batch": "many", "colour": 1})
    assert {fault.where for fault in error.value.faults} == {"epochs", "batch", "colour"}
    assert "1 to 1000" in str(error.value)


@pytest.mark.parametrize("value", ["7", 7, 7.0])
def test_options_are_read_from_text_and_numbers(value: object) -> None:
    assert resolve_options("linear-infonce", {"epochs": value})["epochs"] == 7


@pytest.mark.parametrize("value", [float("nan"), 1.5, "", None])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        resolve_options("linear-infonce", {"epochs": value})


def test_too_few_pairs_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="val split has 1 usable"):
        fit("ridge", TRAIN, pairs(1, 0), context(tmp_path, "ridge"))


def test_features_of_another_encoder_are_refused(tmp_path: Path) -> None:
    alignment = fit("ridge", TRAIN, VAL, context(tmp_path, "ridge"))
    with pytest.raises(ValueError, match=f"expected {IMAGE}"):
        alignment.transform("image", TEST.text)


def test_a_folder_without_heads_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="resume the run"):
        load_alignment(tmp_path)
