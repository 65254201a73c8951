"""Attractors against walks that are followed step by step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import skew, spearmanr

from backend.drift.attractors import attraction, functional_graph, nearest_map
from backend.drift.cycles import retrieval_chains
from backend.errors import Cancelled, InvalidInput, NotFound
from tests.unit.drift.plane import at_random, on_circle

MAPS = st.integers(1, 30).flatmap(
    lambda n: st.lists(st.integers(0, n - 1), min_size=n, max_size=n)
).map(np.array)  # fmt: skip


def walked(successor: np.ndarray, node: int) -> tuple[frozenset[int], int]:
    """The cycle that a node ends in, and the steps until it is reached."""
    path = [node]
    while successor[path[-1]] not in path:
        path.append(int(successor[path[-1]]))
    back = path.index(successor[path[-1]])
    return frozenset(path[back:]), back


@given(MAPS)
def test_it_is_what_walking_finds(successor) -> None:
    graph = functional_graph(successor)
    walks = [walked(successor, node) for node in range(len(successor))]
    cycles = sorted({cycle for cycle, _ in walks}, key=min)
    assert graph.first.tolist() == [min(cycle) for cycle in cycles]
    assert graph.period.tolist() == [len(cycle) for cycle in cycles]
    assert graph.basin.tolist() == [sum(own == cycle for own, _ in walks) for cycle in cycles]
    assert graph.attractor.tolist() == [cycles.index(cycle) for cycle, _ in walks]
    assert graph.steps.tolist() == [steps for _, steps in walks]


@given(MAPS)
def test_basins_are_all_there_is_and_every_step_is_one_nearer(successor) -> None:
    graph = functional_graph(successor)
    assert graph.basin.sum() == len(successor)
    assert (graph.attractor[successor] == graph.attractor).all()
    outside = graph.steps > 0
    assert (graph.steps[successor[outside]] == graph.steps[outside] - 1).all()
    assert (graph.steps[successor[~outside]] == 0).all()
    assert (graph.steps == 0).sum() == graph.period.sum()


@pytest.mark.parametrize("n", [1, 2, 3, 1000, 1024, 4097])
def test_long_paths_and_long_cycles(n: int) -> None:
    line = functional_graph(np.maximum(np.arange(n) - 1, 0))
    assert line.steps.tolist() == list(range(n))
    ring = functional_graph((np.arange(n) + 1) % n)
    assert (ring.period.tolist(), ring.first.tolist(), ring.steps.max()) == ([n], [0], 0)


def test_chains_end_where_the_map_says() -> None:
    space = at_random(60, 150)
    found = nearest_map(space)
    graph = functional_graph(found.successor)
    for chain in retrieval_chains(space, list(found.ids), 60):
        node = found.ids.index(chain.generations[0].item_id)
        end = found.ids.index(chain.generations[-1].item_id)
        assert graph.attractor[end] == graph.attractor[node]
        assert graph.steps[end] == 0
        assert chain.closes_at == graph.steps[node] + graph.period[graph.attractor[node]]
        assert chain.period == graph.period[graph.attractor[node]] == 2


def test_by_hand() -> None:
    space = on_circle({"i0": 0, "i40": 40, "i90": 90}, {"t15": 15, "t35": 35, "t80": 80})
    found = nearest_map(space, neighbours=1)
    told = attraction(found, functional_graph(found.successor))
    assert {each.items: each.basin for each in told.attractors} == {
        ("i0", "t15"): 2,
        ("i40", "t35"): 2,
        ("i90", "t80"): 2,
    }
    assert told.periods == {2: 3}
    assert (told.mean_steps, told.most_steps, told.half_of_seeds) == (0, 0, 2)
    assert told.hubness == {"image": None, "text": None}  # everyone is found once
    assert told.correlation is None


def test_attractors_are_ranked_by_the_seeds_that_end_in_them() -> None:
    images = {f"i{angle}": angle for angle in (0, 20, 21, 90)}
    space = on_circle(images, {"t15": 15, "t80": 80})
    found = nearest_map(space, neighbours=1)
    graph = functional_graph(found.successor)
    told = attraction(found, graph, ["i0", "i21", "i90"])
    first, second = told.attractors
    assert (first.items, first.seeds, first.basin) == (("i20", "t15"), 2, 4)
    assert (second.items, second.seeds, second.basin) == (("i90", "t80"), 1, 2)
    assert first.share == pytest.approx(2 / 3)
    assert first.interval[0] < 2 / 3 < first.interval[1]
    assert told.seeds == 3
    assert (told.mean_steps, told.most_steps, told.half_of_seeds) == (pytest.approx(2 / 3), 1, 1)
    assert attraction(found, graph, shown=1).attractors == (attraction(found, graph).attractors[0],)
    with pytest.raises(NotFound, match="'i7'"):
        attraction(found, graph, ["i7"])
    with pytest.raises(InvalidInput, match="no seed"):
        attraction(found, graph, [])


def test_hubness_is_that_of_counted_lists_and_goes_with_the_basins() -> None:
    space = at_random(60, 150, seed=4)
    found = nearest_map(space, neighbours=5)
    image, text = (space[side].vectors().astype(float) for side in ("image", "text"))
    counts = np.zeros(60)
    for row in text:
        counts[np.argsort(-(image @ row), kind="stable")[:5]] += 1
    assert found.occurrence[:60].tolist() == counts.tolist()
    graph = functional_graph(found.successor)
    told = attraction(found, graph)
    assert told.hubness["image"] == pytest.approx(skew(counts))
    sums = [found.occurrence[[i for i in range(210) if graph.steps[i] == 0 and graph.attractor[i] == a]].sum()
            for a in range(len(graph.first))]  # fmt: skip
    assert told.correlation == pytest.approx(spearmanr(sums, graph.basin).statistic)
    assert told.correlation_interval[0] < told.correlation < told.correlation_interval[1]


def test_a_side_without_items_is_refused_and_work_can_be_stopped() -> None:
    with pytest.raises(InvalidInput, match="no item"):
        nearest_map(at_random(3, 0))

    def stop(done: int, total: int, unit: str) -> None:
        assert (total, unit) == (130, "items")
        if done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        nearest_map(at_random(40, 90), report=stop)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    space = at_random(40, 90)
    whole = nearest_map(space)
    monkeypatch.setattr("backend.drift.attractors._BLOCK", 7)
    parts = nearest_map(space)
    assert (whole.successor == parts.successor).all()
    assert (whole.occurrence == parts.occurrence).all()
