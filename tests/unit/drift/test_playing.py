"""Games by any mix of operators: what a step sees, what is written, and going on after a kill."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.drift import playing
from backend.drift.folder import open_chains, write_captions, write_pictures
from backend.drift.generating import ENDS
from backend.drift.journal import Journal, Made
from backend.drift.operators.base import Product, step_seed
from backend.drift.operators.opening import Surroundings
from backend.drift.playing import play
from backend.errors import Cancelled, InvalidInput, NotFound
from backend.media.pictures import read_picture
from backend.scenes.graph import Scene
from backend.scenes.parsing import matches, parse
from backend.scenes.render import render
from backend.schemas import GameRequest, OperatorChoice
from tests.unit.drift.world import World, world

RENDERER = OperatorChoice(kind="renderer")
DRAWN = OperatorChoice(kind="retrieval", temperature=0.3, candidates=9)


class Teller:
    """Tells pictures by their pixels and its seed; some it cannot tell."""

    name, model, prompt, batch_size, certain = "teller", "t-1", "tell {}", 3, False

    def __init__(self, mute: int = 7) -> None:
        self.mute = mute
        self.seen: list[tuple[int, ...]] = []

    def describe(self, pictures: Sequence[Image.Image], seeds: Sequence[int]) -> list[Product[str]]:
        self.seen.append(tuple(seeds))
        return [self._told(each, seed) for each, seed in zip(pictures, seeds, strict=True)]

    def _told(self, picture: Image.Image, seed: int) -> Product[str]:
        sum_ = int(np.asarray(picture, np.int64).sum())
        if self.mute and (sum_ + seed) % self.mute == 0:
            return Product(None, "no words")
        words = random.Random(f"{sum_}/{seed}")
        colours, shapes = ("red", "blue", "green"), ("circle", "star", "heart")
        return Product(f"a {colours[int(words.random() * 3)]} {shapes[int(words.random() * 3)]}")


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("world"))


def seeds(space: World) -> tuple[str, ...]:
    return (*space.gallery.indexes["image"].ids[:4], *space.gallery.indexes["text"].ids[:16:4])


def game(space: World, **changes: Any) -> GameRequest:
    usual: dict[str, Any] = {
        "seeds": seeds(space),
        "generations": 5,
        "text_to_image": RENDERER,
        "image_to_text": OperatorChoice(kind="captioner"),
        "seed": 3,
    }
    return GameRequest(**{**usual, **changes})


def told(journal: Journal) -> dict[tuple[str, int], list[Made]]:
    """The steps of each chain; of one that comes twice the later holds. Without their times."""
    found: dict[tuple[str, int], dict[int, Made]] = {}
    for line in journal.read():
        own = found.setdefault((line.step.seed, line.step.repeat), {})
        own[line.step.generation] = replace(line.step, made_at="")
    for own in found.values():
        assert sorted(own) == list(range(len(own))), "a generation is missing"
    return {key: [own[at] for at in sorted(own)] for key, own in found.items()}


@pytest.fixture
def teller(monkeypatch: pytest.MonkeyPatch) -> Teller:
    """What captioners are opened as here."""
    made = Teller()
    real = playing.open_operator

    def opened(choice: OperatorChoice, *rest: Any) -> Any:
        return made if choice.kind == "captioner" else real(choice, *rest)

    monkeypatch.setattr(playing, "open_operator", opened)
    return made


def test_every_step_sees_the_one_before_alone(space: World, teller: Teller, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    request = game(space, repeats=2)
    play(Surroundings(space), request, journal)
    chains = told(journal)
    assert set(chains) == {(seed, repeat) for repeat in (0, 1) for seed in seeds(space)}
    ends = 0
    for (seed, repeat), steps in chains.items():
        assert steps[0].item == seed and not steps[0].operator
        for before, step in zip(steps, steps[1:], strict=False):
            drawn = step_seed(3, repeat, seed, step.generation)
            if step.side == "image":
                words = before.text or space.gallery.said(before.item)
                scene = Scene.from_dict(step.scene)
                assert matches(parse(words), scene)
                kept = Image.open(tmp_path / step.picture)
                assert np.array_equal(np.asarray(kept), render(scene))
                assert step.operator == "renderer" and step.drawn_with is None
            else:
                image = (
                    space.gallery.entries[seed.partition(":")[2]].content if before.item else None
                )
                picture = read_picture(image or tmp_path / before.picture)
                assert step.text == teller._told(picture, drawn).value
                assert (step.operator, step.model, step.prompt) == ("teller", "t-1", "tell {}")
                assert step.drawn_with == drawn
        if len(steps) < 6:
            ends += 1
            assert steps[-1].note == f"{ENDS}no words"
    assert ends > 0, "the teller should have been mute at least once"


def test_a_killed_game_goes_on_to_the_same_end(
    space: World, teller: Teller, tmp_path: Path
) -> None:
    request = game(space, repeats=2, text_to_image=OperatorChoice(kind="renderer", temperature=1))
    whole = Journal(tmp_path / "whole" / "steps.jsonl")
    play(Surroundings(space), request, whole)
    lines = whole.path.read_bytes()
    draw = random.Random(1)
    for attempt in range(6):
        folder = tmp_path / f"killed-{attempt}"
        journal = Journal(folder / "steps.jsonl")
        at = draw.randrange(1, len(lines))
        stop = draw.randrange(1, 60)

        def kill(done: int, total: int, unit: str, stop: int = stop) -> None:
            if done >= stop:
                raise Cancelled("killed")

        with pytest.raises(Cancelled):
            play(Surroundings(space), request, journal, kill)
        torn = journal.path.read_bytes()
        journal.path.write_bytes(torn[: max(1, at % len(torn))])  # in the middle of a line, too
        play(Surroundings(space), request, journal)
        assert told(journal) == told(whole)
        for steps in told(journal).values():
            for step in steps:
                if step.picture:
                    mine, other = (each / step.picture for each in (folder, tmp_path / "whole"))
                    assert mine.read_bytes() == other.read_bytes()


def test_what_is_there_is_not_made_again(space: World, teller: Teller, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    play(Surroundings(space), game(space), journal)
    lines, asked = journal.path.read_bytes(), len(teller.seen)
    counts: list[tuple[int, int]] = []
    play(
        Surroundings(space),
        game(space),
        journal,
        lambda done, total, _: counts.append((done, total)),
    )
    assert journal.path.read_bytes() == lines
    assert len(teller.seen) == asked
    assert counts[-1] == (40, 40)
    # more generations go on from there: chains that ended stay ended
    longer = game(space, generations=7)
    play(Surroundings(space), longer, journal)
    fresh = Journal(tmp_path / "fresh" / "steps.jsonl")
    play(Surroundings(space), longer, fresh)
    assert told(journal) == told(fresh)


def test_a_picture_that_is_gone_is_made_again(space: World, teller: Teller, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    play(Surroundings(space), game(space), journal)
    before = told(journal)
    lost = tmp_path / next(
        step.picture for steps in before.values() for step in steps if step.picture
    )
    content = lost.read_bytes()
    lost.unlink()
    play(Surroundings(space), game(space), journal)
    assert told(journal) == before
    assert lost.read_bytes() == content


@pytest.mark.parametrize("revisit", [True, False])
def test_retrieval_one_way_and_the_renderer_the_other(
    space: World, tmp_path: Path, revisit: bool
) -> None:
    request = game(
        space, image_to_text=DRAWN, revisit=revisit, seeds_excluded=True, generations=6, repeats=2
    )
    whole = Journal(tmp_path / "whole" / "steps.jsonl")
    play(Surroundings(space), request, whole)
    chains = told(whole)
    for (seed, _), steps in chains.items():
        for before, step in zip(steps, steps[1:], strict=False):
            if step.side == "text":
                assert step.item in space.gallery.indexes["text"].row_of
                assert step.item not in seeds(space)
                picture = space.vector(seed) if before.item else None
                if picture is None:
                    made = Image.open(tmp_path / "whole" / before.picture)
                    picture = space.embed_items([made])[0]
                texts = space.gallery.indexes["text"]
                allowed = [item for item in texts.ids if item not in seeds(space)]
                if not revisit:
                    gone = {each.item for each in steps[: step.generation]}
                    allowed = [item for item in allowed if item not in gone]
                near = sorted(allowed, key=lambda item: -float(picture @ space.vector(item)))
                # equal captions have equal vectors and stand in either order
                least = float(picture @ space.vector(near[8])) - 1e-6
                assert float(picture @ space.vector(step.item)) >= least
        if not revisit:
            found = [step.item for step in steps if step.item]
            assert len(set(found)) == len(found)
    assert any(
        [step.item for step in chains[seed, 0]] != [step.item for step in chains[seed, 1]]
        for seed in seeds(space)
    ), "repeats draw otherwise"
    torn = Journal(tmp_path / "torn" / "steps.jsonl")
    torn.path.parent.mkdir()
    with pytest.raises(Cancelled):
        play(Surroundings(space), request, torn, _stops_at(17))
    play(Surroundings(space), request, torn)
    assert told(torn) == chains


def _stops_at(most: int) -> Any:
    def report(done: int, total: int, unit: str) -> None:
        if done >= most:
            raise Cancelled("enough")

    return report


def test_ways_of_retrieval_that_draw_differently(space: World, tmp_path: Path) -> None:
    request = game(space, text_to_image=OperatorChoice(), image_to_text=DRAWN)
    journal = Journal(tmp_path / "steps.jsonl")
    play(Surroundings(space), request, journal)
    for steps in told(journal).values():
        for before, step in zip(steps, steps[1:], strict=False):
            if step.side == "image":
                images = space.gallery.indexes["image"]
                cosines = images.vectors() @ space.vector(before.item)
                assert cosines[images.row_of[step.item]] == pytest.approx(cosines.max(), abs=1e-6)
                assert step.drawn_with is None
            else:
                assert step.drawn_with is not None
    space.embedded.clear()
    play(Surroundings(space), request, Journal(tmp_path / "again" / "steps.jsonl"))
    assert space.embedded == [], "items of the gallery have their vectors"


def test_the_games_folder_is_the_papers_layout(space: World, tmp_path: Path) -> None:
    request = game(space, image_to_text=OperatorChoice(), generations=4)
    journal = Journal(tmp_path / "steps.jsonl")
    play(Surroundings(space), request, journal)
    chains = told(journal)
    for protocol, side in (("text-first", "text"), ("image-first", "image")):
        own = {seed: steps for (seed, _), steps in chains.items() if seed.startswith(side)}
        for number in range(5):
            steps = {seed: each[number] for seed, each in own.items()}
            if next(iter(steps.values())).side == "text":
                words = [
                    (seed, step.text or space.gallery.said(step.item))
                    for seed, step in steps.items()
                ]
                write_captions(tmp_path, protocol, number, words)
            elif number == 0:
                pictures = [(seed, Image.new("RGB", (4, 4))) for seed in steps]
                write_pictures(tmp_path, protocol, number, pictures)
    found = open_chains(tmp_path)
    assert found.generations == {"text-first": (0, 1, 2, 3, 4), "image-first": (0, 1, 2, 3, 4)}
    assert not found.missing


def test_chains_do_not_know_of_each_other(space: World, teller: Teller, tmp_path: Path) -> None:
    together = Journal(tmp_path / "together" / "steps.jsonl")
    play(Surroundings(space), game(space), together)
    for seed in seeds(space)[::3]:
        alone = Journal(tmp_path / seed.replace(":", "-").replace("#", "-") / "steps.jsonl")
        play(Surroundings(space), game(space, seeds=(seed,)), alone)
        assert told(alone) == {(seed, 0): told(together)[seed, 0]}


def test_a_seed_whose_picture_is_gone_ends_at_once(tmp_path: Path, teller: Teller) -> None:
    space = world(tmp_path / "world", 3)
    gone, kept = space.gallery.indexes["image"].ids[:2]
    space.gallery.entries[gone.partition(":")[2]].content.path.unlink()
    journal = Journal(tmp_path / "game" / "steps.jsonl")
    teller.mute = 0
    play(Surroundings(space), game(space, seeds=(gone, kept)), journal)
    assert len(told(journal)[gone, 0]) == 1
    assert "is gone" in told(journal)[gone, 0][0].note
    assert len(told(journal)[kept, 0]) == 6


def test_what_cannot_be_played_is_told_before_anything_is_made(
    space: World, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    wrong = game(space, image_to_text=RENDERER, text_to_image=OperatorChoice(kind="endpoint"))
    with pytest.raises(InvalidInput) as told_of:
        play(Surroundings(space), wrong, journal)
    assert "image to text: cannot be renderer" in str(told_of.value)
    assert "needs the endpoint's address" in str(told_of.value)
    with pytest.raises(NotFound, match="not in this run's gallery"):
        play(
            Surroundings(space),
            game(space, seeds=("image:nowhere.png",), image_to_text=DRAWN),
            journal,
        )
    assert not journal.path.exists()


def test_seeds_of_steps_are_their_own() -> None:
    every = {
        step_seed(game, repeat, item, generation)
        for game in range(3)
        for repeat in range(3)
        for item in ("image:1", "image:11", "text:1#1")
        for generation in range(1, 12)
    }
    assert len(every) == 3 * 3 * 3 * 11
    assert all(0 <= each < 2**31 for each in every)
    assert step_seed(0, 0, "image:1", 1) == step_seed(0, 0, "image:1", 1)
