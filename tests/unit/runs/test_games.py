"""A game's files, its drawn seeds, what its scenes keep and what its pictures show."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from backend.drift.chains import ChainTable
from backend.drift.journal import Journal, Made
from backend.drift.measuring import Measured
from backend.drift.scores.geneval import Detection, Found, multi_generation_geneval
from backend.drift.scores.prompts import Prompt, Wanted
from backend.drift.scores.similarity import Similarities
from backend.errors import InvalidInput, NotFound
from backend.reporting import silent
from backend.runs.backbones import Contents, faults_of, name_of
from backend.runs.game_objects import judged, prompts_of
from backend.runs.game_seeds import drawn_seeds, strange_seeds
from backend.runs.games import GameFiles, seeds_from
from backend.runs.survivals import attributes
from backend.scenes.world import picture_of
from backend.schemas import BackboneChoice, GameRequest
from backend.settings import Settings
from tests.unit.drift.plane import index


def gallery(images: list[str], captions: int = 2):
    texts = [f"text:{name}#{number}" for name in images for number in range(captions)]
    return {
        "image": index([f"image:{name}" for name in images], np.eye(2)[[0] * len(images)]),
        "text": index(texts, np.eye(2)[[0] * len(texts)]),
    }


def test_pairs_are_drawn_from_what_all_runs_have_and_fewer_are_the_first_of_more() -> None:
    one, other = gallery([f"p{n}" for n in range(30)]), gallery([f"p{n}" for n in range(12, 40)])
    drawn = drawn_seeds([one, other], 6, seed=0)
    assert len(drawn) == len(set(drawn)) == 12
    for image, text in zip(drawn[::2], drawn[1::2], strict=True):
        assert text.startswith(f"text:{image.removeprefix('image:')}#")
        assert all(
            image in each["image"].row_of and text in each["text"].row_of for each in (one, other)
        )
    assert drawn_seeds([other, one], 6, seed=0) == drawn
    assert drawn_seeds([one, other], 3, seed=0) == drawn[:6]
    assert drawn_seeds([one, other], 6, seed=1) != drawn
    assert len(drawn_seeds([one, other], 500, seed=0)) == 2 * 18, "all that there are"
    with pytest.raises(InvalidInput, match="in common"):
        drawn_seeds([one, gallery(["elsewhere"])], 3, seed=0)
    faults = strange_seeds([("A", one), ("B", other)], ["image:p0", "image:p13", "image:p1"])
    assert [str(fault) for fault in faults] == ["seeds: 'image:p0' and 1 more cannot be found in B"]


def files(home: Path, **changes: object) -> GameFiles:
    return GameFiles(Settings(home=home), "r-1", "e-1", GameRequest(**changes))


def test_what_backbones_measured_is_read_as_it_was_kept(tmp_path: Path) -> None:
    game = files(tmp_path, seeds=("image:a",))
    game.folder.mkdir(parents=True)
    with pytest.raises(NotFound):
        game.measured()
    table = Similarities(("ä", 'b"c'), (1, 3), np.array([[0.5, np.nan], [1 / 3, -1]]))
    kept = [
        Measured("own", {"image_to_text": table}, {"image_to_text": table}),
        Measured("a, b", {"image_to_text": table}, {}, {"text_to_text": table}),
    ]
    game.keep(kept)
    found = game.measured()
    assert [each.name for each in found] == ["own", "a, b"]
    for each, other in zip(found, kept, strict=True):
        for kind in ("to_start", "steps", "floor"):
            assert set(getattr(each, kind)) == set(getattr(other, kind))
            for direction, own in getattr(each, kind).items():
                expected = getattr(other, kind)[direction]
                assert (own.ids, own.generations) == (expected.ids, expected.generations)
                np.testing.assert_array_equal(own.values, expected.values)
    (game.folder / "measured.npz").write_bytes(b"damaged")
    with pytest.raises(NotFound, match="Start it again"):
        game.measured()


def test_chains_made_elsewhere_are_read_into_the_journal(tmp_path: Path) -> None:
    root = tmp_path / "chains"
    (root / "text-first" / "gen-1").mkdir(parents=True)
    with (root / "text-first" / "gen-0.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("filename", "caption"), ("a.png", "eins"), ("b.png", "zwei")])
    Image.new("RGB", (4, 4)).save(root / "text-first" / "gen-1" / "b.png")
    (root / "image-first" / "gen-0").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(root / "image-first" / "gen-0" / "a.png")
    game = files(tmp_path / "home", folder=str(root))
    game.read_folder()
    game.read_folder()  # a second attempt writes it anew
    table = game.table()
    assert [seed.item for seed in table.seeds] == ["text:a#0", "text:b#0", "image:a"]
    assert [seed.unit for seed in table.seeds] == ["a", "b", "a"]
    assert table.generations == 1
    told = [[table.contents[code] if code >= 0 else None for code in row] for row in table.codes]
    assert told[0][1] is None, "what is missing is missing"
    assert told[1][0] is not None and told[1][0].text == "zwei"
    picture = told[1][1]
    assert picture is not None and (game.pictures / picture.picture).is_file()
    strict = files(tmp_path / "home", folder=str(root), incomplete=False)
    with pytest.raises(InvalidInput, match="lacks 1 of 2"):
        strict.read_folder()


class Scenes:
    """A gallery of the built-in world."""

    def owner(self, item: str) -> str:
        return item.partition(":")[2]


def test_a_scene_that_is_rendered_is_known_and_a_generators_picture_is_not(tmp_path: Path) -> None:
    first, second = (picture_of("scenes-small", f"test-0000{n}.png").scene for n in (0, 1))
    journal = Journal(tmp_path / "steps.jsonl")
    seeds = ("image:test-00000.png", "image:test-00001.png")
    for seed, scene in zip(seeds, (first, second), strict=True):
        journal.append(
            [
                Made(seed, 0, 0, "image", item=seed),
                Made(seed, 0, 1, "text", text="nothing of it"),
                Made(seed, 0, 2, "image", picture=f"{seed[-5]}.png", scene=scene.to_dict()),
                Made(seed, 0, 4, "image", picture=f"other-{seed[-5]}.png"),
            ]
        )
    table = ChainTable(seeds_from(seeds), 1, 4)
    table.add(journal.read())
    found = attributes(table, Scenes(), "scenes-small", journal)  # type: ignore[arg-type]
    colour = next(each for each in found if each.attribute == "colour")
    assert (colour.protocol, colour.items) == ("image-first", 2)
    told = {point.generation: point.kept.value if point.kept else None for point in colour.points}
    assert told == {1: 0.0, 2: 1.0, 3: None, 4: None}
    assert attributes(table, Scenes(), "photographs", journal) == ()  # type: ignore[arg-type]


class Sees:
    """A detector to which a picture's colour tells what is there."""

    def detect(self, pictures, classes, threshold=0.1, report=silent) -> list[Found]:
        found = []
        for picture, own in zip(pictures, classes, strict=True):
            red = picture.getpixel((0, 0))[0] > 128
            there = (Detection(own[0], 0.9, (0, 0, 4, 4)),) if red else ()
            found.append(Found(frozenset(own), there))
        return found


def test_pictures_of_prompts_are_judged_by_generation(tmp_path: Path) -> None:
    prompts = [
        Prompt("0", "single_object", (Wanted("bench", 1),), text="a photo of a bench"),
        Prompt("1", "single_object", (Wanted("cow", 1),), text="a photo of a cow"),
        Prompt("2", "colors", (Wanted("cow", 1, "red"),), text="a photo of a red cow"),
        Prompt("3", "single_object", (Wanted("bus", 1),), text="a photo of a bus"),
    ]
    journal = Journal(tmp_path / "steps.jsonl")
    seeds = ("text:a#0", "text:b#0", "text:c#0")
    said = ("A photo of a bench.", "a  photo of a cow", "a photo of a red cow")
    reds = ((True, True), (True, False), (True, True))
    for seed, words, own in zip(seeds, said, reds, strict=True):
        journal.append([Made(seed, 0, 0, "text", text=words)])
        for number, red in zip((1, 3), own, strict=True):
            name = f"{seed[5]}-{number}.png"
            Image.new("RGB", (4, 4), (255 * red, 0, 0)).save(tmp_path / name)
            journal.append([Made(seed, 0, number, "image", picture=name)])
    table = ChainTable(seeds_from(seeds), 1, 3)
    table.add(journal.read())
    told = judged(table, Contents(None, tmp_path), prompts, Sees(), None, silent)
    found = multi_generation_geneval(told)
    assert [(each.generation, each.overall.correct) for each in found.generations] == [
        (1, 2),
        (3, 1),
    ]
    assert set(found.tasks) == {"single_object"}, "nothing tells colours"
    assert found.overall.total == 4
    (tmp_path / "b-1.png").write_bytes(b"damaged")
    again = judged(table, Contents(None, tmp_path), prompts, Sees(), None, silent)
    assert multi_generation_geneval(again).generations[0].overall.missing == 1
    files = GameFiles(Settings(home=tmp_path / "home"), "r-one", "e-one", GameRequest())
    files.folder.mkdir(parents=True)
    assert files.judged() is None
    files.keep_judged(again)
    kept = files.judged()
    assert kept is not None
    assert (kept.prompts, kept.tags, kept.generations) == (again.prompts, again.tags, (1, 3))
    np.testing.assert_array_equal(kept.correct, again.correct)  # where one is missing, too
    (files.folder / "geneval.json").write_text("{")
    assert files.judged() is None, "damaged"
    with pytest.raises(InvalidInput, match="None of the seeds"):
        judged(table, Contents(None, tmp_path), prompts[3:], Sees(), None, silent)
    with pytest.raises(InvalidInput, match="name colours"):
        judged(table, Contents(None, tmp_path), prompts[2:], Sees(), None, silent)


def test_prompts_lie_beside_the_chains_or_are_named(tmp_path: Path) -> None:
    line = '{"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a bench"}\n'
    (tmp_path / "evaluation_metadata.jsonl").write_text(line)
    (one,) = prompts_of("", tmp_path)
    assert (one.text, one.id) == ("a bench", "0")
    with pytest.raises(InvalidInput, match="cannot be read"):
        prompts_of(str(tmp_path / "gone.jsonl"), tmp_path)


def test_backbones_have_names_and_faults() -> None:
    assert name_of(BackboneChoice()) == "the run's own space"
    assert name_of(BackboneChoice(image="x", text="x")) == "x"
    assert name_of(BackboneChoice(image="x", text="y")) == "x and y"
    assert name_of(BackboneChoice(name="n", text="y")) == "n"
    assert faults_of(BackboneChoice(image="x", text="y", shared=True)) == []
    assert faults_of(BackboneChoice()) and faults_of(BackboneChoice(text="y", shared=True))


def test_contents_are_words_of_the_gallery_or_what_was_made(tmp_path: Path) -> None:
    from backend.drift.chains import Content

    own = SimpleNamespace(
        said=lambda item: f"words of {item}", owner=lambda item: "p", modality="image",
        entries={"p": SimpleNamespace(content="file")},
    )  # fmt: skip
    contents = Contents(own, tmp_path)  # type: ignore[arg-type]
    assert contents.source(Content("text", item="text:p#0")) == "words of text:p#0"
    assert contents.source(Content("text", text="made")) == "made"
    assert contents.source(Content("image", item="image:p")) == "file"
    assert str(contents.source(Content("image", picture="a.png"))) == str(tmp_path / "a.png")
