"""Every trained method: goes on after a kill bit for bit, and its options do what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend.alignment.base import Alignment, load_alignment
from backend.alignment.methods import METHODS, Context, fit
from backend.alignment.pairs import PairedFeatures, Unpaired
from backend.alignment.register.trained import TRAINED
from backend.alignment.rows import FeatureRows, TokenRows
from backend.errors import Cancelled, InvalidInput
from backend.evaluation.retrieval import mean_recall
from tests.unit.alignment.pairs_of import IMAGE, TEXT, context, pairs

TRAIN, VAL, TEST = pairs(120, 0), pairs(50, 1), pairs(80, 2)
QUICK = {"epochs": 6, "batch": 64, "dimension": 12, "least_steps": 0, "validate_every": 10}
SMALL = {
    "sail": {"width": 2},
    "structure": {
        "unpaired": 40,
        "unpaired_batch": 16,
        "head": "low-rank",
        "rank": 4,
        "start": "random",
    },
    "sotalign": {"unpaired_batch": 16, "iterations": 20},
    "fusemix": {"head": "mlp", "hidden": 16},
    "mlp-infonce": {"hidden": 16},
}
IDS = [method.info.id for method in TRAINED]
WITH_SIBLINGS = [
    (method, how)
    for method in IDS
    for option in METHODS[method].info.options
    if option.name == "siblings"
    for how in option.choices
]


def unpaired() -> Unpaired:
    more = pairs(90, 4, captions=1)
    image, text = more.vectors()
    return Unpaired(image.only(np.arange(45)), text.only(np.arange(45, 90)))


def fitted(
    method: str,
    folder: Path,
    train: PairedFeatures = TRAIN,
    val: PairedFeatures = VAL,
    **changes: object,
) -> Alignment:
    report = changes.pop("report", None)
    options = QUICK | SMALL.get(method, {}) | changes
    plain = context(folder, method, **options)
    others = {"unpaired": unpaired()} | ({"report": report} if report else {})
    return fit(method, train, val, Context(**(vars(plain) | others)))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., np.ndarray]:
    """Image embeddings of a method with some options, fitted once."""
    made: dict[str, np.ndarray] = {}

    def of(method: str, **changes: object) -> np.ndarray:
        key = f"{method} {sorted(changes.items())}"
        if key not in made:
            made[key] = image_of(fitted(method, tmp_path_factory.mktemp("plain"), **changes))
        return made[key]

    return of


def image_of(alignment: Alignment) -> np.ndarray:
    return alignment.transform("image", TEST.image)


class Kill:
    """A report that fails at a step, as a killed process would, or cancels."""

    def __init__(self, step: int, error: type[Exception]) -> None:
        self.step, self.error = step, error
        self.first: int | None = None

    def __call__(self, done: int, total: int, unit: str) -> None:
        if unit != "steps":
            return
        self.first = done if self.first is None else self.first
        if done == self.step:
            raise self.error("stop")


@pytest.mark.parametrize("method", IDS)
def test_a_killed_and_a_cancelled_training_end_like_an_undisturbed_one(
    method: str, tmp_path: Path
) -> None:
    changes = {"noise": 0.3}
    whole = fitted(method, tmp_path / "whole", **changes)
    with pytest.raises(RuntimeError):
        fitted(method, tmp_path / "parts", report=Kill(13, RuntimeError), **changes)
    with pytest.raises(Cancelled):
        fitted(method, tmp_path / "parts", report=Kill(17, Cancelled), **changes)
    listener = Kill(-1, Cancelled)
    again = fitted(method, tmp_path / "parts", report=listener, **changes)
    assert listener.first == 18, "it did not go on where it was"
    np.testing.assert_array_equal(image_of(again), image_of(whole))
    assert again.details == whole.details


@pytest.mark.parametrize(("method", "how"), WITH_SIBLINGS)
def test_siblings_are_treated_as_asked(
    method: str, how: str, images: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    given = fitted(method, tmp_path / "given", siblings=how, learning_rate=0.01)
    scores = mean_recall(image_of(given), given.transform("text", TEST.text), TEST.image_of_text)
    assert scores["text_to_image/recall_at_1"] > 0.2  # chance is 0.0125
    plain = images(method, learning_rate=0.01)
    assert (how == "apart") == np.array_equal(image_of(given), plain)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("linear-infonce", {"extra_captions": "yes"}),
        ("mlp-infonce", {"start": "random"}),
        ("sail", {"extra_captions": "no"}),
        ("sail", {"head": "linear"}),
        ("sail", {"head": "mlp"}),
        ("sail", {"logit_bias": -2}),
        ("sail-probe", {"logit_scale": 5}),
        ("freeze-align", {"dropout": 0.5}),
        ("freeze-align", {"hidden": 5}),
        ("structure", {"base": "sigmoid"}),
        ("structure", {"base": "infonce-learned"}),
        ("structure", {"structure_weight": 0}),
        ("structure", {"structure_warmup": 5}),
        ("structure", {"structure_temperature": 0.5}),
        ("structure", {"levels": 2}),
        ("structure", {"levels": 2, "weighting": "inverse"}),
        ("structure", {"divergence": "jensen-shannon"}),
        ("structure", {"margin": 100}),
        ("structure", {"unpaired": 0}),
        ("structure", {"head": "linear"}),
        ("structure", {"gate": 0.9, "dropout": 0.0}),
        ("sotalign", {"plan_weight": 1}),
        ("sotalign", {"unpaired": 0}),
        ("sotalign", {"ridge": 1, "plan_weight": 1}),
        ("fusemix", {"alpha": 0}),
        ("fusemix", {"head": "linear"}),
        ("sdm", {"temperature": 0.5}),
        ("barlow", {"off_diagonal": 1}),
    ],
)
def test_an_option_changes_the_heads(
    method: str, changes: dict[str, object], images: Callable[..., np.ndarray]
) -> None:
    quick = {"epochs": 1, "validate_every": 1}
    assert not np.array_equal(images(method, **quick), images(method, **(quick | changes)))


@pytest.mark.parametrize("method", IDS)
def test_bfloat16_is_as_good_as_float32_here(method: str, tmp_path: Path) -> None:
    scores = []
    for precision in ("bfloat16", "float32"):
        changes = {"precision": precision, "learning_rate": 0.01}
        alignment = fitted(method, tmp_path / precision, **changes)
        shared = image_of(alignment), alignment.transform("text", TEST.text)
        scores.append(mean_recall(*shared, TEST.image_of_text)["mean_recall"])
    assert abs(scores[0] - scores[1]) < 0.1 and scores[1] > 0.4


WITH_START = [m for m in IDS if any(o.name == "start" for o in METHODS[m].info.options)]


@pytest.mark.parametrize("method", WITH_START)
def test_heads_can_start_from_the_closed_form(method: str, tmp_path: Path) -> None:
    at_once = {"epochs": 1, "validate_every": 1, "patience": 1, "learning_rate": 1e-6}
    settings = {"start": "cca", "dimension": 20, "noise": 0, "dropout": 0}
    known = {option.name for option in METHODS[method].info.options}
    settings = {name: value for name, value in settings.items() if name in known}
    alignment = fitted(method, tmp_path / "trained", **(at_once | settings))
    closed = fit("ridge-cca", TRAIN, VAL, context(tmp_path, "ridge-cca", dimension=20, ridge=1.0))
    for side, rows in (("image", TEST.image), ("text", TEST.text)):
        mine, theirs = (one.transform(side, rows) for one in (alignment, closed))
        np.testing.assert_allclose(mine @ mine.T, theirs @ theirs.T, atol=0.01)


def as_tokens(features: FeatureRows, seed: int) -> TokenRows:
    """One to four tokens an item whose mean is the item's feature, but for noise."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, 5, len(features))
    values = np.repeat(np.asarray(features), lengths, axis=0)
    return TokenRows(values + 0.3 * draw.normal(size=values.shape), lengths)


def with_tokens(given: PairedFeatures, image: bool = True, text: bool = True) -> PairedFeatures:
    vectors = given.vectors()
    return PairedFeatures(
        as_tokens(vectors[0], 1) if image else vectors[0],
        as_tokens(vectors[1], 2) if text else vectors[1],
        given.image_of_text,
    )


@pytest.mark.parametrize(("image", "text"), [(True, True), (True, False), (False, True)])
def test_freeze_align_learns_from_tokens_where_there_are_any(
    image: bool, text: bool, tmp_path: Path
) -> None:
    train, val, test = (with_tokens(given, image, text) for given in (TRAIN, VAL, TEST))
    changes = {"learning_rate": 0.005, "epochs": 10, "noise": 0.2}
    alignment = fitted("freeze-align", tmp_path / "a", train, val, **changes)
    shared = [alignment.transform("image", test.image), alignment.transform("text", test.text)]
    scores = mean_recall(*shared, test.image_of_text)
    assert scores["text_to_image/recall_at_1"] > 0.2  # chance is 0.0125
    with pytest.raises(Cancelled):
        fitted("freeze-align", tmp_path / "b", train, val, report=Kill(13, Cancelled), **changes)
    again = fitted("freeze-align", tmp_path / "b", train, val, **changes)
    np.testing.assert_array_equal(again.transform("image", test.image), shared[0])
    alignment.save(tmp_path / "kept")
    kept = load_alignment(tmp_path / "kept")
    np.testing.assert_array_equal(kept.transform("text", test.text), shared[1])


@pytest.mark.parametrize("method", [method for method in IDS if method != "freeze-align"])
def test_the_others_say_that_they_take_one_vector_an_item(method: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="another pooling"):
        fitted(method, tmp_path, with_tokens(TRAIN), with_tokens(VAL))


def test_sotalign_without_unpaired_rows_says_so_and_still_aligns(tmp_path: Path) -> None:
    plain = context(tmp_path, "sotalign", **(QUICK | {"iterations": 20, "learning_rate": 0.01}))
    alignment = fit("sotalign", TRAIN, VAL, plain)
    shared = image_of(alignment), alignment.transform("text", TEST.text)
    assert mean_recall(*shared, TEST.image_of_text)["text_to_image/recall_at_1"] > 0.2
    assert not alignment.details["unpaired"] and "without partners" in alignment.details["note"]
    assert fitted("sotalign", tmp_path / "with").details["unpaired"]


def test_every_trained_method_says_when_to_use_it_and_names_its_paper() -> None:
    for method in TRAINED:
        info = method.info
        assert info.trained and info.family == "trained"
        assert len(info.summary) > 40 and any(mark.isdigit() for mark in info.paper)
        assert all(option.help for option in info.options)
    assert (IMAGE, TEXT) == (TRAIN.image.width, TRAIN.text.width)
