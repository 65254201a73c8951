"""Chains measured by backbones: against a loop over single chains, and what a backbone cannot tell."""

from __future__ import annotations

import numpy as np
import pytest

from backend.drift.chains import ChainTable, seeds_of
from backend.drift.journal import Journal
from backend.drift.measuring import Embeddings, Measured, measure, scored, together
from backend.drift.names import side_at
from backend.drift.retrieving import retrieved
from backend.schemas import GameRequest, OperatorChoice
from tests.unit.drift.plane import at_random

SPACE = at_random(30, 60)
DRAWN = OperatorChoice(temperature=0.3, candidates=10)
SEEDS = (*(f"image:{row}" for row in range(0, 30, 4)), *(f"text:{row}" for row in range(1, 60, 7)))
GAME = GameRequest(seeds=SEEDS, generations=12, repeats=3, text_to_image=DRAWN, image_to_text=DRAWN)


class Space:
    """A backbone of vectors that are there already."""

    def __init__(self, name="own", sides=("image", "text"), shared=True, blind=(), space=SPACE):
        self.name, self.sides, self.shared = name, frozenset(sides), shared
        self._blind, self._space = set(blind), space

    def embed(self, contents, report=None) -> Embeddings:
        rows = [
            self._space[each.side].row_of[each.item]
            if each.side in self.sides and each.item not in self._blind
            else -1
            for each in contents
        ]
        vectors = {side: self._space[side].vectors() for side in ("image", "text")}
        return Embeddings(vectors, np.array(rows, np.int64))

    def vector(self, content) -> np.ndarray:
        index = self._space[content.side]
        return index.vectors()[index.row_of[content.item]].astype(float)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ChainTable:
    journal = Journal(tmp_path_factory.mktemp("game") / "steps.jsonl")
    retrieved(SPACE, GAME, journal)
    found = ChainTable(
        seeds_of([(seed, seed.split(":")[0], seed) for seed in SEEDS]), 3, GAME.generations
    )
    found.add(journal.read())
    return found


def looped(table: ChainTable, seed: str, pairs) -> float:
    """Mean over pairs of (repeat, generation) twice of the cosine of the two, one after the other."""
    space, values = Space(), []
    for one, other in pairs:
        vectors = [
            space.vector(table.contents[table.codes[table.row(seed, repeat), generation]])
            for repeat, generation in (one, other)
        ]
        values.append(float(vectors[0] @ vectors[1]))
    return float(np.mean(values))


def test_similarities_are_those_of_single_chains(table: ChainTable) -> None:
    found = measure(table, Space())
    assert set(found.to_start) == set(found.steps) == set(found.floor) == {
        "text_to_text", "text_to_image", "image_to_image", "image_to_text",
    }  # fmt: skip
    for direction, told in found.to_start.items():
        first = "text-first" if direction.startswith("text") else "image-first"
        assert {side_at(first, each) for each in told.generations} == {direction.split("_")[2]}
        for row, seed in enumerate(told.ids):
            for column, g in enumerate(told.generations):
                expected = looped(table, seed, [((r, g), (r, 0)) for r in range(3)])
                assert told.values[row, column] == pytest.approx(expected, abs=1e-6)
                pairs = [((0, g), (1, g)), ((0, g), (2, g)), ((1, g), (2, g))]
                floor = found.floor[direction]
                assert floor.generations == told.generations
                assert floor.values[row, column] == pytest.approx(looped(table, seed, pairs))
    trips, steps = found.steps["text_to_text"], found.steps["text_to_image"]
    assert (trips.generations, steps.generations) == ((2, 4, 6, 8, 10, 12), tuple(range(1, 13)))
    for told, back in ((trips, 2), (steps, 1)):
        for column, g in enumerate(told.generations):
            expected = looped(table, told.ids[0], [((r, g), (r, g - back)) for r in range(3)])
            assert told.values[0, column] == pytest.approx(expected, abs=1e-6)


def test_what_was_told_with_the_steps_is_what_the_own_space_measures(table: ChainTable) -> None:
    told, found = table.told(), measure(table, Space()).to_start
    assert set(told) == set(found)
    for direction, own in told.items():
        assert own.ids == found[direction].ids
        np.testing.assert_allclose(own.values, found[direction].values, atol=1e-6)


def test_a_backbone_tells_only_what_it_can(table: ChainTable) -> None:
    assert set(measure(table, Space(sides=("text",), shared=False)).to_start) == {"text_to_text"}
    assert set(measure(table, Space(sides=("image",), shared=False)).to_start) == {"image_to_image"}
    apart = measure(table, Space(shared=False))
    assert set(apart.to_start) == {"text_to_text", "image_to_image"}
    assert apart.unread == 0


def test_what_cannot_be_read_is_missing_and_a_seed_that_cannot_takes_its_chains_along(
    table: ChainTable,
) -> None:
    later = table.contents[table.codes[table.row("text:1", 0), 4]].item
    blind = measure(table, Space(blind=("text:8", later)))
    whole = measure(table, Space())
    assert blind.unread == 2
    told, all_ = blind.to_start["text_to_text"], whole.to_start["text_to_text"]
    assert "text:8" not in told.ids
    assert len(told.ids) == len(all_.ids) - 1
    seen = [
        table.contents[table.codes[table.row("text:1", repeat), 4]].item != later
        for repeat in range(3)
    ]
    value = told.values[told.ids.index("text:1"), told.generations.index(4)]
    assert np.isnan(value) == (not any(seen))
    scores = scored(blind).scores.curves["text_to_text"]
    assert all(point.missing <= 1 for point in scores.points)


def test_a_vector_without_direction_is_one_that_cannot_be_read(table: ChainTable) -> None:
    class Silent(Space):
        def embed(self, contents, report=None) -> Embeddings:
            found = super().embed(contents)
            vectors = {side: own.copy() for side, own in found.vectors.items()}
            vectors["text"][SPACE["text"].row_of["text:8"]] = 0
            vectors["image"][SPACE["image"].row_of["image:4"]] = np.nan
            return Embeddings(vectors, found.rows)

    found, blind = measure(table, Silent()), measure(table, Space(blind=("text:8", "image:4")))
    assert found.unread == blind.unread == 2
    for direction, told in blind.to_start.items():
        np.testing.assert_array_equal(found.to_start[direction].values, told.values)


def test_chains_so_far_are_measured_as_far_as_they_are(table: ChainTable) -> None:
    short = ChainTable(table.seeds, 3, GAME.generations)
    short.contents, short.codes = table.contents, table.codes.copy()
    short.codes[::2, 5:] = -1
    found, whole = measure(short, Space()), measure(table, Space())
    np.testing.assert_array_equal(
        found.to_start["text_to_text"].values[:, :2], whole.to_start["text_to_text"].values[:, :2]
    )
    assert np.isfinite(found.to_start["text_to_text"].values).all(), "another repeat is there"
    empty = measure(ChainTable(table.seeds, 3, 12), Space())
    assert (empty.to_start, empty.unread) == ({}, 0)


def test_scores_have_a_floor_only_of_repeats_and_a_rate_only_of_long_chains(
    table: ChainTable,
) -> None:
    told = scored(measure(table, Space()))
    assert told.backbone == "own"
    assert told.floor is not None and told.rate is not None and not told.no_rate
    once = ChainTable(table.seeds, 1, 3)
    once.contents, once.codes = table.contents, np.ascontiguousarray(table.codes[::3, :4])
    told = scored(measure(once, Space()))
    assert told.floor is None and told.rate is None
    assert "at least 5" in told.no_rate
    assert len(told.scores.curves) == 4


def test_the_papers_way_takes_each_direction_from_its_own_backbone(table: ChainTable) -> None:
    other = at_random(30, 60, seed=4)
    text = measure(table, Space("mpnet", ("text",), False, space=other))
    image = measure(table, Space("dino", ("image",), False, space=at_random(30, 60, seed=9)))
    both = measure(table, Space("clip"))
    found = together([both, text, image])
    assert isinstance(found, Measured)
    assert found.name == "mpnet, clip across, dino"
    assert found.to_start["text_to_text"] is text.to_start["text_to_text"]
    assert found.to_start["image_to_image"] is image.to_start["image_to_image"]
    assert found.floor["image_to_text"] is both.floor["image_to_text"]
    told = scored(found).scores.mean_cumulative_drift
    assert told.similarity.value == pytest.approx(
        np.mean([each.value for each in told.directions.values()])
    )
    assert together([both, text]) is None
    assert together([both, both, text, image]) is None
