"""A game by retrieval: its journal holds what single chains are, also when it was killed and goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.drift.chains import ChainTable, seeds_of
from backend.drift.cycles import Walk, retrieval_chains
from backend.drift.journal import Journal
from backend.drift.retrieving import is_nearest, retrieved, walk_of, words_of
from backend.errors import Cancelled, InvalidInput, NotFound
from backend.schemas import GameRequest, OperatorChoice
from tests.unit.drift.plane import at_random

SPACE = at_random(40, 90)
SEEDS = (*(f"image:{row}" for row in range(0, 40, 5)), *(f"text:{row}" for row in range(0, 90, 9)))
DRAWN = OperatorChoice(temperature=0.2, candidates=12)
GAMES = {
    "nearest": GameRequest(seeds=SEEDS, generations=6),
    "drawn": GameRequest(
        seeds=SEEDS,
        generations=6,
        repeats=3,
        seed=5,
        seeds_excluded=True,
        revisit=False,
        text_to_image=DRAWN,
        image_to_text=DRAWN,
    ),
}


def made(journal: Journal) -> dict[tuple[str, int, int], tuple[str, float | None]]:
    steps = [line.step for line in journal.read()]
    found = {
        (each.seed, each.repeat, each.generation): (each.item, each.to_start) for each in steps
    }
    assert len(found) == len(steps), "no step is written twice"
    return found


@pytest.fixture(params=GAMES)
def game(request: pytest.FixtureRequest) -> GameRequest:
    return GAMES[request.param]


def test_the_journal_holds_the_chains_of_every_repeat(tmp_path: Path, game: GameRequest) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    told: list[tuple[int, int]] = []
    retrieved(SPACE, game, journal, lambda done, total, unit: told.append((done, total)))
    found = made(journal)
    for repeat in range(game.repeats):
        for chain in retrieval_chains(SPACE, SEEDS, game.generations, walk_of(game, repeat)):
            seed = chain.generations[0].item_id
            for number, step in enumerate(chain.generations):
                item, similarity = found[seed, repeat, number]
                assert item == step.item_id
                assert similarity == pytest.approx(step.similarity_to_start, abs=1e-6)
    total = len(SEEDS) * game.repeats * game.generations
    assert told[-1] == (total, total)
    assert sorted(told) == told


@pytest.mark.parametrize("cut", [0.03, 0.2, 0.41, 0.55, 0.77, 0.96])
def test_killed_at_any_byte_and_resumed_it_equals_an_undisturbed_one(
    tmp_path: Path, game: GameRequest, cut: float
) -> None:
    whole, killed = Journal(tmp_path / "whole.jsonl"), Journal(tmp_path / "killed.jsonl")
    retrieved(SPACE, game, whole)
    written = whole.path.read_bytes()
    killed.path.write_bytes(written[: int(len(written) * cut)])
    before = killed.path.read_bytes()
    retrieved(SPACE, game, killed)
    assert made(killed) == made(whole)
    kept = before[: before.rfind(b"\n") + 1]
    assert killed.path.read_bytes().startswith(kept), "what was made is not made again"


def test_stopped_at_a_step_it_keeps_what_was_made(tmp_path: Path) -> None:
    game, journal = GAMES["drawn"], Journal(tmp_path / "steps.jsonl")
    calls = 0

    def stop(done: int, total: int, unit: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        retrieved(SPACE, game, journal, stop)
    assert len(made(journal)) == len(SEEDS) * 5, "the seeds and four generations"
    retrieved(SPACE, game, journal)
    other = Journal(tmp_path / "other.jsonl")
    retrieved(SPACE, game, other)
    assert made(journal) == made(other)


def test_repeats_draw_apart_and_the_seed_decides(tmp_path: Path) -> None:
    def items(name: str, **changes: object) -> dict[tuple[str, int, int], str]:
        journal = Journal(tmp_path / f"{name}.jsonl")
        retrieved(SPACE, GAMES["drawn"].model_copy(update=changes), journal)
        return {key: item for key, (item, _) in made(journal).items()}

    one, again, other = items("one"), items("again"), items("other", seed=6)
    assert one == again
    assert one != other
    for repeat in (1, 2):
        first = {key: item for key, item in one.items() if key[1] == 0}
        apart = [one[seed, repeat, number] != item for (seed, _, number), item in first.items()]
        assert np.mean(apart) > 0.5


def test_two_ways_that_draw_differently_and_a_strange_seed_are_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    with pytest.raises(InvalidInput, match="same way"):
        retrieved(SPACE, GAMES["nearest"].model_copy(update={"text_to_image": DRAWN}), journal)
    with pytest.raises(NotFound, match="image:gone"):
        retrieved(SPACE, GameRequest(seeds=("image:gone",)), journal)
    assert not journal.path.exists(), "nothing was written"


def test_only_chains_of_nearest_items_are_one_map() -> None:
    assert is_nearest(GAMES["nearest"])
    assert not is_nearest(GAMES["drawn"])
    for change in ({"revisit": False}, {"seeds_excluded": True}, {"text_to_image": DRAWN},
                   {"image_to_text": OperatorChoice(kind="captioner")}):  # fmt: skip
        assert not is_nearest(GAMES["nearest"].model_copy(update=change))


def test_retrieval_in_words() -> None:
    assert words_of(Walk()) == "retrieval (the nearest)"
    drawn = Walk(temperature=0.2, candidates=12, revisit=False, excluded=frozenset({"a"}))
    assert words_of(drawn) == (
        "retrieval (one of the 12 nearest, temperature 0.2, never an item twice, seeds left out)"
    )


def test_the_table_holds_each_item_once_and_the_steps_of_each_chain(tmp_path: Path) -> None:
    game, journal = GAMES["drawn"], Journal(tmp_path / "steps.jsonl")
    retrieved(SPACE, game, journal)
    table = ChainTable(
        seeds_of([(seed, seed.split(":")[0], seed) for seed in SEEDS]), 3, game.generations
    )
    end = table.add(journal.read())
    assert end == journal.path.stat().st_size
    assert len(set(table.contents)) == len(table.contents) <= 130
    assert (table.begun, table.broken) == (len(SEEDS) * 3, 0)
    found = made(journal)
    for (seed, repeat, number), (item, similarity) in found.items():
        at = table.row(seed, repeat), number
        assert table.contents[table.codes[at]].item == item
        assert table.to_start[at] == pytest.approx(similarity, abs=1e-6)
        (step,) = journal.at([int(table.lines[at])])
        assert (step.seed, step.repeat, step.generation) == (seed, repeat, number)
    told = table.told()
    assert set(told) == {"text_to_text", "text_to_image", "image_to_image", "image_to_text"}
    one = told["text_to_image"]
    assert one.generations == (1, 3, 5)
    expected = np.mean([found["text:9", repeat, 3][1] for repeat in range(3)])
    assert one.values[one.ids.index("text:9"), 1] == pytest.approx(expected, abs=1e-6)


def test_resampling_draws_pairs_unless_seeds_share_one() -> None:
    seeds = seeds_of(
        [("image:a", "image", "a"), ("text:a#0", "text", "a"), ("text:b#0", "text", "b"),
         ("text:b#1", "text", "b")]
    )  # fmt: skip
    assert [seed.unit for seed in seeds] == ["a", "a", "text:b#0", "text:b#1"]
    assert [seed.protocol for seed in seeds[:2]] == ["image-first", "text-first"]
