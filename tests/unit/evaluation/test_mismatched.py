"""Mismatched captions against a slow loop, numbers by hand, and planted errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, zscore
from sklearn.metrics import roc_auc_score

from backend.errors import Cancelled, InvalidInput
from backend.evaluation import mismatched as module
from backend.evaluation.mismatched import mismatched, standings
from tests.unit.golden import unit


def embedded(image, text, owner):
    return image.astype(np.float32), text.astype(np.float32), owner


def spaces(seed: int, runs: int = 3, noise: float = 0.8, images: int = 60, captions: int = 3):
    """The same items in the spaces of several runs, each of its own dimension."""
    draw = np.random.default_rng(seed)
    owner = draw.permutation(np.repeat(np.arange(images), captions))
    told = []
    for run in range(runs):
        image = unit(draw.normal(size=(images, 24 + run)))
        text = unit(image[owner] + noise * draw.normal(size=(len(owner), 24 + run)))
        told.append(embedded(image, text, owner))
    return told


def shuffled(seed: int, share: float = 0.05):
    """Spaces in which some captions say what is to be seen on another image; and which these are."""
    draw = np.random.default_rng(seed)
    images, captions = 300, 5
    owner = np.repeat(np.arange(images), captions)
    planted = draw.permutation(len(owner))[: int(share * len(owner))]
    true = owner.copy()
    true[planted] = (true[planted] + draw.integers(1, images, len(planted))) % images
    told = []
    for _ in range(3):
        image = unit(draw.normal(size=(images, 32)))
        text = unit(image[true] + 0.3 * draw.normal(size=(len(owner), 32)))
        told.append(embedded(image, text, owner))
    return told, np.isin(np.arange(len(owner)), planted)


@pytest.mark.parametrize(("seed", "threshold"), [(0, 0.02), (1, 0.1), (2, 0.4)])
def test_rows_equal_a_slow_loop(seed: int, threshold: float) -> None:
    runs = spaces(seed, noise=2.0)
    owner = runs[0][2]
    quantile, z = np.empty((3, 180)), np.empty((3, 180))
    for number, (image, text, _) in enumerate(runs):
        for caption in range(180):
            scores = (image.astype(np.float64) @ text[caption]).round(9)
            quantile[number, caption] = (rankdata(-scores)[owner[caption]] - 1) / 59
            z[number, caption] = zscore(scores)[owner[caption]]
    best, middle = quantile.min(axis=0), np.median(z, axis=0)
    suspected = np.flatnonzero(best > threshold)
    found = mismatched(runs, threshold)
    assert (found.runs, found.images, found.captions) == (3, 60, 180)
    assert found.suspected == len(suspected) == len(found.rows)
    assert [row.z for row in found.rows] == pytest.approx(sorted(middle[suspected]), abs=1e-5)
    for row in found.rows:
        assert row.image == owner[row.caption]
        assert row.quantile == pytest.approx(best[row.caption])
        assert row.rank == pytest.approx(1 + 59 * row.quantile)
        own = [c for c in np.flatnonzero(owner == row.image) if c != row.caption]
        assert row.siblings == 2
        assert row.siblings_quantile == pytest.approx(np.median(best[own]))
        assert row.suspicion == ("image" if row.siblings_quantile > threshold else "caption")


def test_planted_errors_are_found() -> None:
    runs, planted = shuffled(0)
    standing = standings(runs)
    assert roc_auc_score(planted, -standing.z) > 0.99
    assert roc_auc_score(planted, standing.quantile) > 0.95
    found = mismatched(runs)
    told = {row.caption for row in found.rows}
    right = sum(bool(planted[caption]) for caption in told)
    # each of 3 unrelated runs finds a wrong image among the best tenth by chance, once in ten
    assert right / len(told) > 0.95
    assert right / planted.sum() == pytest.approx(0.9**3, abs=0.1)
    assert all(row.suspicion == "caption" for row in found.rows if planted[row.caption])


def test_a_wrong_image_is_suspected_by_all_its_captions() -> None:
    runs, _ = shuffled(1, share=0.0)
    owner = runs[0][2]
    swapped = [
        embedded(np.concatenate([image[[1, 0]], image[2:]]), text, owner) for image, text, _ in runs
    ]
    found = mismatched(swapped, threshold=0.02)
    assert {row.image for row in found.rows[:8]} == {0, 1}
    assert all(row.suspicion == "image" for row in found.rows if row.image in (0, 1))


def test_one_run_that_finds_the_image_is_enough() -> None:
    image, text, owner = spaces(2, runs=1, noise=0.1)[0]
    wrong = text.copy()
    wrong[7] = -image[owner[7]]
    alone = mismatched([(image, wrong, owner)])
    assert [row.caption for row in alone.rows] == [7]
    assert (alone.rows[0].rank, alone.rows[0].quantile) == (60, 1.0)
    assert mismatched([(image, wrong, owner), (image, text, owner)]).suspected == 0


def test_equal_scores_stand_in_the_middle_and_one_caption_has_no_siblings() -> None:
    image, text = np.tile(np.array([[1, 0]], np.float32), (11, 1)), np.eye(2, dtype=np.float32)
    found = mismatched([(image, text[:1], np.array([4]))])
    row = found.rows[0]
    assert (row.rank, row.quantile, row.z) == (6.0, 0.5, 0.0)
    assert (row.siblings, row.siblings_quantile, row.suspicion) == (0, None, "pair")


def test_blocks_and_counts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = spaces(3, noise=2.0)
    whole = mismatched(runs)
    assert mismatched(runs, count=4).rows == whole.rows[:4]
    monkeypatch.setattr(module, "_CELLS", 500)
    parts = mismatched(runs)
    assert [row.caption for row in parts.rows] == [row.caption for row in whole.rows]
    # single precision, summed in another order: of a z near 0 only the absolute error is small
    expected = pytest.approx([row.z for row in whole.rows], rel=1e-5, abs=1e-6)
    assert [row.z for row in parts.rows] == expected


def test_what_cannot_be_looked_at_is_said_and_progress_may_cancel() -> None:
    runs = spaces(4)
    with pytest.raises(InvalidInput, match="at least one"):
        mismatched([])
    image, text, owner = runs[0]
    with pytest.raises(InvalidInput, match="different items"):
        mismatched([runs[0], (image, text, np.roll(owner, 1))])
    with pytest.raises(InvalidInput, match="at least 2 images"):
        mismatched([(image[:1], text[:1], np.zeros(1, np.int64))])

    def stop(done: int, total: int, unit: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        mismatched(runs, report=stop)
