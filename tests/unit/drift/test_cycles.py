"""Retrieval chains, on a space small enough to follow by hand and against a loop that goes alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from backend.drift.cycles import Walk, retrieval_chains, retrieval_cycle
from backend.errors import Cancelled, InvalidInput, NotFound
from tests.unit.drift.plane import at_random, on_circle

SPACE = on_circle({"i0": 0, "i40": 40, "i90": 90}, {"t15": 15, "t35": 35, "t80": 80})
LARGE = at_random(40, 90)
SEEDS = [f"image:{row}" for row in range(0, 40, 3)] + [f"text:{row}" for row in range(0, 90, 11)]


def items(chain) -> list[str]:
    return [step.item_id for step in chain.generations]


def test_a_chain_alternates_and_ends_in_a_loop() -> None:
    chain = retrieval_cycle(SPACE, "i0", 6)
    assert items(chain) == ["i0", "t15", "i0", "t15", "i0", "t15", "i0"]
    assert (chain.closes_at, chain.period) == (2, 2)


def test_similarities_are_cosines_to_the_start_and_the_step_before() -> None:
    chain = retrieval_cycle(SPACE, "t80", 2)
    assert items(chain) == ["t80", "i90", "t80"]
    first = chain.generations[1]
    assert first.similarity_to_start == pytest.approx(np.cos(np.radians(10)), abs=1e-6)
    assert first.similarity_to_previous == pytest.approx(np.cos(np.radians(10)), abs=1e-6)
    assert chain.generations[0].similarity_to_previous is None


def test_without_revisits_every_item_is_new_until_none_is_left() -> None:
    chain = retrieval_cycle(SPACE, "i0", 20, revisit=False)
    assert len(items(chain)) == len(set(items(chain))) == 6
    assert chain.closes_at is None
    starts = [step.similarity_to_start for step in chain.generations]
    assert starts[-1] < starts[1]


@pytest.mark.parametrize("generations", [0, -1, 101])
def test_the_number_of_generations_is_bounded(generations: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 100"):
        retrieval_cycle(SPACE, "i0", generations)


def alone(space, seed: str, generations: int, revisit: bool, excluded: set[str]) -> list[str]:
    """One chain of nearest items, by sorting all of them at every step."""
    chain = [seed]
    here = "image" if seed in space["image"].row_of else "text"
    for _ in range(generations):
        own, there = space[here], space["text" if here == "image" else "image"]
        vector = own.vectors()[own.row_of[chain[-1]]].astype(float)
        cosines = (there.vectors().astype(float) * vector).sum(axis=1)
        barred = excluded | (set() if revisit else set(chain))
        left = [row for row in range(len(there)) if there.ids[row] not in barred]
        if not left:
            break
        chain.append(there.ids[min(left, key=lambda row: (-cosines[row], row))])
        here = "text" if here == "image" else "image"
    return chain


@pytest.mark.parametrize("revisit", [True, False])
@pytest.mark.parametrize("excluded", [frozenset(), frozenset(SEEDS)])
@pytest.mark.parametrize("batch", [1, 5, 256])
def test_many_chains_are_what_each_is_alone(revisit, excluded, batch) -> None:
    walk = Walk(revisit=revisit, excluded=excluded)
    chains = list(retrieval_chains(LARGE, SEEDS, 12, walk, batch=batch))
    for seed, chain in zip(SEEDS, chains, strict=True):
        assert items(chain) == alone(LARGE, seed, 12, revisit, set(excluded))
        assert not excluded & set(items(chain)[1:])


def test_a_chain_without_anywhere_to_go_ends() -> None:
    walk = Walk(excluded=frozenset({"t15", "t35", "t80"}))
    (chain,) = retrieval_chains(SPACE, ["i0"], 5, walk)
    assert items(chain) == ["i0"]


def test_no_step_of_nearest_items_is_less_similar_than_the_one_before() -> None:
    for chain in retrieval_chains(LARGE, SEEDS, 20):
        steps = [step.similarity_to_previous for step in chain.generations[1:]]
        assert steps == sorted(steps)


def test_draws_follow_the_cosines() -> None:
    space = on_circle({"i0": 0}, {"t10": 10, "t30": 30, "t50": 50, "t70": 70})
    walks = (Walk(temperature=0.2, candidates=3, seed=seed) for seed in range(1500))
    taken = [items(next(retrieval_chains(space, ["i0"], 1, walk)))[1] for walk in walks]
    counts = [taken.count(name) for name in ("t10", "t30", "t50")]
    chances = np.exp(np.cos(np.radians([10, 30, 50])) / 0.2)
    assert sum(counts) == 1500  # the fourth is no candidate
    assert chisquare(counts, 1500 * chances / chances.sum()).pvalue > 0.001


def test_a_low_temperature_is_the_nearest_and_a_seed_another_chain() -> None:
    nearest = [items(chain) for chain in retrieval_chains(LARGE, SEEDS, 8)]
    cold = [items(chain) for chain in retrieval_chains(LARGE, SEEDS, 8, Walk(temperature=1e-9))]
    same = [one == two for one, two in zip(nearest, cold, strict=True)]
    assert np.mean(same) > 0.3  # of equal captions either may be drawn
    one, two, again = (
        [
            items(chain)
            for chain in retrieval_chains(LARGE, SEEDS, 8, Walk(temperature=0.1, seed=seed))
        ]
        for seed in (1, 2, 1)
    )
    assert one == again
    assert sum(a == b for a, b in zip(one, two, strict=True)) < len(SEEDS) / 2


@settings(max_examples=15)
@given(
    broken=st.lists(st.integers(0, 9), min_size=len(SEEDS), max_size=len(SEEDS)),
    order=st.permutations(SEEDS),
    batch=st.integers(1, 9),
)
def test_a_chain_that_was_broken_off_goes_on_as_if_nothing_had_been(broken, order, batch) -> None:
    walk = Walk(temperature=0.15, candidates=7, revisit=False, seed=5)
    whole = dict(zip(SEEDS, retrieval_chains(LARGE, SEEDS, 9, walk), strict=True))
    begun = {seed: items(whole[seed])[: 1 + many] for seed, many in zip(SEEDS, broken, strict=True)}
    told: list[tuple[str, int]] = []
    resumed = dict(
        zip(
            order,
            retrieval_chains(
                LARGE, order, 9, walk, begun, batch=batch,
                on_steps=lambda steps: told.extend((seed, number) for seed, number, _ in steps),
            ),
            strict=True,
        )
    )  # fmt: skip
    assert resumed == whole
    assert sorted(told) == sorted(
        (seed, number) for seed in SEEDS for number in range(len(begun[seed]), 10)
    )


def test_steps_are_told_as_they_are_made_and_no_more_than_a_batch_is_held() -> None:
    told: list[tuple[str, int]] = []
    chains = retrieval_chains(
        LARGE, SEEDS, 3, batch=4,
        on_steps=lambda steps: told.extend((seed, number) for seed, number, _ in steps),
    )  # fmt: skip
    next(chains)
    assert told == [(seed, number) for number in (1, 2, 3) for seed in SEEDS[:4]]


def test_work_is_told_and_can_be_stopped() -> None:
    told: list[int] = []

    def report(done: int, total: int, unit: str) -> None:
        told.append(done)
        assert (total, unit) == (len(SEEDS), "chains")
        if done >= 8:
            raise Cancelled("enough")

    chains = []
    with pytest.raises(Cancelled):
        chains.extend(retrieval_chains(LARGE, SEEDS, 3, batch=4, report=report))
    assert told == [0, 4, 8]


def test_all_that_is_wrong_is_told() -> None:
    walk = Walk(temperature=float("nan"), candidates=0)
    with pytest.raises(InvalidInput) as wrong:
        retrieval_chains(SPACE, ["i0", "i0"], 101, walk, {"i0": ["i40"]})
    assert {fault.where for fault in wrong.value.faults} == {
        "temperature", "candidates", "generations", "seeds", "begun"
    }  # fmt: skip
    with pytest.raises(NotFound, match="'nobody', 'nothing', 'nowhere' and 1 more"):
        retrieval_chains(SPACE, ["i0", "nobody", "nothing", "nowhere", "never"], 3)
    with pytest.raises(NotFound, match="'gone'"):
        retrieval_chains(SPACE, ["i0"], 3, begun={"i0": ["i0", "gone"]})
