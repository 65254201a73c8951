"""SugarCrepe, SugarCrepe++ and Winoground: by hand, against plain loops, every order of ties, chance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, bootstrap

from backend.errors import InvalidInput
from backend.evaluation import compositional, subset_shares
from backend.evaluation.compositional import Scored, sugarcrepe, triplets, winoground
from tests.unit.golden import unit

Rows = NDArray[np.float64]
TAGS = ("Object", "Relation", "Both")


def rows(draw: np.random.Generator, *shape: int) -> Rows:
    values = draw.normal(size=shape)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def quadruple(seed: int, n: int = 60, dimension: int = 8) -> tuple[Rows, Rows, Rows, Rows]:
    """Pictures, two captions near them, and one as near as those."""
    draw = np.random.default_rng(seed)
    image = rows(draw, n, dimension)
    near = [unit(image + 0.8 * draw.normal(size=image.shape)) for _ in range(3)]
    return image, near[0], near[1], near[2]


def names_of(seed: int, n: int) -> list[str]:
    return [str(name) for name in np.random.default_rng(seed).choice(TAGS, n)]


def values(scored: Scored) -> dict[str, float]:
    """Every share by its place and task."""
    told = {f"all/{task}": share.value for task, share in scored.shares.overall.items()}
    told |= {f"mean/{task}": share.value for task, share in scored.shares.mean_of_subsets.items()}
    for subset in scored.shares.subsets:
        told |= {f"{subset.name}/{task}": share.value for task, share in subset.scores.items()}
    return told


def expected_values(right: dict[str, list[bool]], names: Sequence[str]) -> dict[str, float]:
    """The same from plain lists of what is right."""
    told = {}
    for task, given_right in right.items():
        by_name = {
            name: [ok for ok, own in zip(given_right, names, strict=True) if own == name]
            for name in names
        }
        told |= {f"{name}/{task}": sum(ok) / len(ok) for name, ok in by_name.items()}
        told[f"all/{task}"] = sum(given_right) / len(given_right)
        told[f"mean/{task}"] = sum(sum(ok) / len(ok) for ok in by_name.values()) / len(by_name)
    return told


# --- against numbers by hand and plain loops -------------------------------------------------------


def at(*degrees: float) -> Rows:
    """Rows in the plane."""
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1)


def test_triplets_of_the_plane_are_known_by_hand() -> None:
    # the picture lies at 0 degrees; of two rows the one at the smaller angle is nearer
    image = at(0, 0, 0, 0)
    positive, second, negative = at(10, 10, 10, 50), at(20, -20, 40, -60), at(30, 15, 30, 45)
    scored = triplets(image, positive, second, negative, np.arange(4), ["a", "a", "a", "b"])
    # itt: 10, 20 < 30 yes; 10 < 15 but 20 > 15 no; 40 > 30 no; 50 > 45 no
    # tot: P1-P2 10, P1-N 20, P2-N 10: a tie, no; 30, 5 no; 30, 20 no; 110, 5 no
    assert values(scored) == {
        "a/itt": 1 / 3, "b/itt": 0.0, "all/itt": 1 / 4, "mean/itt": 1 / 6,
        "a/tot": 0.0, "b/tot": 0.0, "all/tot": 0.0, "mean/tot": 0.0,
    }  # fmt: skip
    assert [subset.examples for subset in scored.shares.subsets] == [3, 1]
    cosine = np.cos(np.radians([20, 20, 40, 60])) - np.cos(np.radians([30, 15, 30, 45]))
    assert scored.margin == pytest.approx(cosine)
    # the tie of the first example would fall well in one order of two
    tot = scored.shares.overall["tot"]
    assert (tot.tied, tot.expected, tot.count, tot.chance) == (1, 1 / 8, 4, 1 / 3)
    assert list(scored.undecided) == [True, False, False, False]


def test_one_caption_is_right_where_it_is_nearer() -> None:
    scored = sugarcrepe(
        at(0, 0, 0), at(10, 20, -5), at(20, 10, 5), np.array([7, 7, 2]), ["x", "x", "y"]
    )
    assert values(scored) == {
        "x/accuracy": 0.5, "y/accuracy": 0.0, "all/accuracy": 1 / 3, "mean/accuracy": 0.25
    }  # fmt: skip
    share = scored.shares.overall["accuracy"]
    assert (share.chance, share.tied, share.expected) == (0.5, 1, 0.5)


def test_winoground_by_hand() -> None:
    # angles of pictures and captions; own: 5 and 5, other 85 and 85: all right
    # pictures 0 and 40, captions 10 and 15: picture 0 is nearer caption 10, picture 40 caption 15
    # (text right), and caption 15 is nearer picture 0 (image wrong)
    image = np.stack([at(0, 90), at(0, 40)])
    text = np.stack([at(5, 85), at(10, 15)])
    told = values(winoground(image, text, ["Object", "Both"]))
    assert {task: told[f"all/{task}"] for task in ("text", "image", "group")} == {
        "text": 1.0, "image": 0.5, "group": 0.5
    }  # fmt: skip
    assert told["Both/text"] == 1.0 and told["Both/image"] == told["Both/group"] == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_shares_equal_plain_loops(seed: int) -> None:
    image, one, two, false = quadruple(seed)
    names = names_of(seed, len(image))
    right: dict[str, list[bool]] = {"itt": [], "tot": []}
    for i, p, q, n in zip(image, one, two, false, strict=True):
        right["itt"].append(bool(i @ p > i @ n and i @ q > i @ n))
        right["tot"].append(bool(p @ q > p @ n and p @ q > q @ n))
    owner = np.arange(len(image)) // 3
    scored = triplets(image, one, two, false, owner, names)
    assert values(scored) == pytest.approx(expected_values(right, names))
    single = {"accuracy": [bool(i @ p > i @ n) for i, p, n in zip(image, one, false, strict=True)]}
    accuracy = sugarcrepe(image, one, false, owner, names)
    assert values(accuracy) == pytest.approx(expected_values(single, names))
    assert 0 < accuracy.shares.overall["accuracy"].value < 1


@pytest.mark.parametrize("seed", range(3))
def test_winoground_equals_plain_loops(seed: int) -> None:
    draw = np.random.default_rng(seed)
    image = rows(draw, 80, 2, 6)
    text = image + 0.5 * draw.normal(size=image.shape)
    text /= np.linalg.norm(text, axis=-1, keepdims=True)
    names = names_of(seed, 80)
    right: dict[str, list[bool]] = {"text": [], "image": [], "group": []}
    for (i0, i1), (c0, c1) in zip(image, text, strict=True):
        by_text = bool(c0 @ i0 > c1 @ i0 and c1 @ i1 > c0 @ i1)
        by_image = bool(c0 @ i0 > c0 @ i1 and c1 @ i1 > c1 @ i0)
        right["text"].append(by_text)
        right["image"].append(by_image)
        right["group"].append(by_text and by_image)
    told = values(winoground(image, text, names))
    assert told == pytest.approx(expected_values(right, names))
    assert told["all/group"] < min(told["all/text"], told["all/image"]) < 1


def test_what_the_head_changed_is_told_beside_it() -> None:
    image, one, two, false = quadruple(5)
    _, *frozen = quadruple(6, dimension=5)
    names = names_of(5, len(image))
    lengths = np.random.default_rng(0).uniform(0.1, 30, size=(len(image), 1))
    before = (lengths * frozen[0], 3 * frozen[1], lengths[::-1] * frozen[2])
    told = triplets(image, one, two, false, np.arange(60), names, before).shares
    alone = triplets(rows(np.random.default_rng(1), 60, 5), *frozen, np.arange(60), names).shares
    assert told.overall["tot_before"] == alone.overall["tot"]
    assert told.overall["tot_before"] != told.overall["tot"]
    same = triplets(image, one, two, false, np.arange(60), names, (one, two, false)).shares
    assert same.subsets[0].scores["tot_before"] == same.subsets[0].scores["tot"]


# --- ties ------------------------------------------------------------------------------------------


def test_collapsed_spaces_are_wrong_everywhere_and_at_chance_in_a_random_order() -> None:
    same = np.tile(rows(np.random.default_rng(0), 1, 7), (20, 1)).astype(np.float32)
    pairs = np.stack([same, same], axis=1)
    names = names_of(0, 20)
    for scored in (
        sugarcrepe(same, same, same, np.arange(20), names),
        triplets(same, same, same, same, np.arange(20), names, (same, 2 * same, same)),
        winoground(pairs, pairs, names),
    ):
        for shares in (scored.shares.overall, scored.shares.mean_of_subsets):
            for share in shares.values():
                assert (share.value, share.tied) == (0.0, 20)
                # Wilson's of twenty pictures: none right is no certainty
                assert share.interval == pytest.approx((0.0, 0.1611), abs=1e-3)
                assert share.expected == pytest.approx(share.chance)
        assert scored.undecided.all() and scored.margin == pytest.approx(0)


def every_order(true: Sequence[int], false: Sequence[int]) -> float:
    """How many orders of all scores, equal ones put one after the other, have the true ones on top."""
    scores = [*true, *false]
    orders = list(permutations(range(len(scores))))
    right = 0
    for order in orders:
        places = [(score, order[place]) for place, score in enumerate(scores)]
        right += min(places[: len(true)]) > max(places[len(true) :])
    return right / len(orders)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_equal_scores_are_expected_as_every_order_of_them_gives(a: int, b: int) -> None:
    draw = np.random.default_rng(a + 10 * b)
    true, false = draw.integers(0, 3, size=(200, a)), draw.integers(0, 3, size=(200, b))
    found = compositional._above(true.astype(float), false.astype(float))
    oracle = [every_order(*each) for each in zip(true.tolist(), false.tolist(), strict=True)]
    assert found.expected == pytest.approx(oracle)
    assert np.array_equal(found.right, np.array(oracle) == 1)
    assert 0 < found.undecided.sum() < 200


def test_what_rounding_makes_unequal_is_equal() -> None:
    image, one, _, _ = quadruple(3)
    nudged = one + 1e-8
    scored = sugarcrepe(image, nudged, one, np.arange(60), ["x"] * 60)
    share = scored.shares.overall["accuracy"]
    assert (share.value, share.expected, share.tied) == (0.0, 0.5, 60)


# --- chance and intervals --------------------------------------------------------------------------


def test_embeddings_that_say_nothing_are_at_chance() -> None:
    draw, n = np.random.default_rng(11), 6000
    image, one, two, false = (rows(draw, n, 64) for _ in range(4))
    pairs = rows(draw, n, 2, 128), rows(draw, n, 2, 128)
    shares = {
        **sugarcrepe(image, one, false, np.arange(n), ["x"] * n).shares.overall,
        **triplets(image, one, two, false, np.arange(n), ["x"] * n, (one, two, false)).shares.overall,
        **winoground(*pairs, ["x"] * n).shares.overall,
    }  # fmt: skip
    assert len(shares) == 7
    for task, share in shares.items():
        assert binomtest(round(share.value * n), n, share.chance).pvalue > 0.01, task
        assert share.interval[0] <= share.value <= share.interval[1]
        assert share.expected == share.value and share.tied == 0


def test_the_interval_is_scipys_where_each_picture_has_one_example() -> None:
    image, one, _, false = quadruple(8, n=400)
    mine = sugarcrepe(image, one, false, np.arange(400), ["x"] * 400).shares
    right = ((image * one).sum(axis=1) > (image * false).sum(axis=1)).astype(float)
    theirs = bootstrap((right,), np.mean, n_resamples=5000, method="percentile",
                       rng=np.random.default_rng(2)).confidence_interval  # fmt: skip
    for share in (mine.overall["accuracy"], mine.subsets[0].scores["accuracy"]):
        assert share.interval == pytest.approx((theirs.low, theirs.high), abs=0.012)
    assert mine.mean_of_subsets["accuracy"].interval == mine.overall["accuracy"].interval


def test_intervals_are_as_wide_as_the_binomial_says() -> None:
    ratios = []
    for seed in range(10):
        image, one, _, false = quadruple(seed, n=400)
        share = sugarcrepe(image, one, false, np.arange(400), ["x"] * 400, seed).shares.overall
        (low, high), value = share["accuracy"].interval, share["accuracy"].value
        ratios.append((high - low) / (2 * 1.96 * np.sqrt(value * (1 - value) / 400)))
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)


def test_examples_of_one_picture_are_drawn_together() -> None:
    image, one, _, false = quadruple(9, n=100)
    owner, names = np.arange(100), ["x", "y"] * 50
    alone = sugarcrepe(image, one, false, owner, names).shares
    five = np.repeat(owner, 5)
    together = sugarcrepe(
        image[five], one[five], false[five], five, [names[i] for i in five]
    ).shares
    for place in ("overall", "mean_of_subsets"):
        first, second = (getattr(each, place)["accuracy"] for each in (alone, together))
        # as uncertain as a fifth of as many would be
        assert second.interval == pytest.approx(first.interval)
        assert (first.count, second.count) == (100, 500)


def test_the_mean_of_subsets_is_as_uncertain_as_its_smallest_subset_makes_it() -> None:
    image, one, _, false = quadruple(10, n=400)
    names = ["rare" if i < 10 else "common" for i in range(400)]
    shares = sugarcrepe(image, one, false, np.arange(400), names).shares

    def width(share: subset_shares.CompositionalShare) -> float:
        return share.interval[1] - share.interval[0]

    mean, overall = shares.mean_of_subsets["accuracy"], shares.overall["accuracy"]
    rare = shares.subsets[0].scores["accuracy"]
    assert width(overall) < width(mean) < width(rare)
    assert width(mean) == pytest.approx(width(rare) / 2, rel=0.25)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    image, one, two, false = quadruple(12)
    names = names_of(12, 60)
    whole = triplets(image, one, two, false, np.arange(60) // 2, names)
    monkeypatch.setattr(compositional, "_CELLS", 100)
    monkeypatch.setattr(subset_shares, "_CELLS", 1000)
    parts = triplets(image, one, two, false, np.arange(60) // 2, names)
    assert parts.shares == whole.shares and np.array_equal(parts.margin, whole.margin)


# --- properties ------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000))
def test_rotation_changes_nothing(seed: int) -> None:
    image, one, two, false = quadruple(seed, n=20)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(8, 8)))
    names = names_of(seed, 20)
    plain = triplets(image, one, two, false, np.arange(20), names)
    turned = triplets(image @ turn, one @ turn, two @ turn, false @ turn, np.arange(20), names)
    assert turned.shares == plain.shares
    pairs = image.reshape(10, 2, 8), one.reshape(10, 2, 8)
    assert (
        winoground(pairs[0] @ turn, pairs[1] @ turn, names[:10]).shares
        == winoground(*pairs, names[:10]).shares
    )


@given(seed=st.integers(0, 10_000), grain=st.sampled_from([1, 2, 50]))
def test_both_of_two_is_no_more_often_right_than_either(seed: int, grain: int) -> None:
    # coarse coordinates make many scores equal
    draw = np.random.default_rng(seed)
    image, one, two, false = (np.round(grain * rows(draw, 16, 4)) / grain for _ in range(4))
    names = names_of(seed, 16)
    both = values(triplets(image, one, two, false, np.arange(16), names))
    for single in (one, two):
        alone = values(sugarcrepe(image, single, false, np.arange(16), names))
        for name in {*names, "all", "mean"}:
            assert both[f"{name}/itt"] <= alone[f"{name}/accuracy"]
    pairs = image.reshape(8, 2, 4), one.reshape(8, 2, 4)
    told = values(winoground(*pairs, names[:8]))
    for name in {*names[:8], "all"}:
        assert told[f"{name}/group"] <= min(told[f"{name}/text"], told[f"{name}/image"])


def test_numbers_that_are_not_finite_are_refused() -> None:
    image, one, two, false = quadruple(13)
    bad = one.copy()
    bad[3, 2] = np.nan
    names = ["x"] * 60
    for call in (
        lambda: sugarcrepe(image, bad, false, np.arange(60), names),
        lambda: triplets(image, one, two, false, np.arange(60), names, (bad, two, false)),
        lambda: winoground(bad.reshape(30, 2, 8), image.reshape(30, 2, 8), names[:30]),
    ):
        with pytest.raises(InvalidInput, match="not finite"):
            call()
