"""Telephone games of finished runs: played, killed and resumed, measured, compared, taken away, read."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.drift.cycles import retrieval_chains
from backend.drift.scores.geneval import Judged
from backend.errors import InvalidInput, NotFound
from backend.runs.games import GameFiles
from backend.schemas import (
    BackboneChoice,
    Evaluation,
    GameReport,
    GameRequest,
    OperatorChoice,
    Query,
    QueryPart,
)
from backend.services import Services
from backend.settings import Settings

PAIRS = 8
DRAWN = OperatorChoice(temperature=0.3, candidates=5)
GAME = GameRequest(pairs=PAIRS, generations=12)


@pytest.fixture
def services(played: tuple[Path, list[str]]) -> Iterator[Services]:
    opened = Services(Settings(home=played[0]))
    yield opened
    opened._jobs.close()
    opened._store.database.close()


@pytest.fixture
def runs(played: tuple[Path, list[str]]) -> list[str]:
    return played[1]


def play(services: Services, run: str, request: GameRequest = GAME) -> Evaluation:
    made = services.play_here(run, request)
    assert made.status == "finished", made.error
    return made


def test_a_game_is_played_measured_and_shown(services: Services, runs: list[str]) -> None:
    made = play(services, runs[0])
    (listed,) = services.games(runs[0])
    assert listed.id == made.id
    asked = services.game_request(made.id)
    assert len(asked.seeds) == 2 * PAIRS, "the seeds that were drawn stand in the request"
    report = services.game_report(made.id)
    assert report is not None
    assert (report.chains, report.seeds, report.broken) == (2 * PAIRS, 2 * PAIRS, 0)
    assert report.text_to_image == report.image_to_text == "retrieval (the nearest)"
    (own,) = report.backbones
    assert set(own.scores.curves) == {
        "text_to_text",
        "text_to_image",
        "image_to_image",
        "image_to_text",
    }
    assert own.rate is not None
    assert report.attraction is not None
    assert report.attraction.seeds == 2 * PAIRS

    gallery = services._space(runs[0]).gallery
    expected = list(retrieval_chains(gallery.indexes, asked.seeds, 12))
    shown = services.game_chains(made.id, count=100)
    assert [chain.seed.id for chain in shown] == list(asked.seeds)
    for chain, other in zip(shown, expected, strict=True):
        items = [step.item_id for step in other.generations]
        assert [step.item.id for step in chain.steps if step.item] == items
        assert (chain.closes_at, chain.period) == (other.closes_at, other.period)
        similar = [step.similarity_to_start for step in chain.steps]
        assert similar == pytest.approx(
            [g.similarity_to_start for g in other.generations], abs=1e-6
        )
    values = [[chain.steps[2].similarity_to_start for chain in shown if chain.seed.side == "text"]]
    point = own.scores.curves["text_to_text"].points[0]
    assert point.similarity is not None
    assert point.similarity.value == pytest.approx(np.mean(values), abs=1e-6)
    assert services.game_chain(made.id, asked.seeds[3]) == shown[3]
    assert services.game_chains(made.id, 5, 2) == shown[5:7]
    assert services.game_size(made.id) == (16, 16)

    partial = services.game_curves(made.id)
    assert partial.partial
    for direction, curve in partial.backbones[0].scores.curves.items():
        other_curve = own.scores.curves[direction]
        for one, two in zip(curve.points, other_curve.points, strict=True):
            assert one.similarity and two.similarity
            assert one.similarity.value == pytest.approx(two.similarity.value, abs=1e-6)


@pytest.mark.parametrize("cut", [0.13, 0.5, 0.9])
def test_killed_at_any_place_and_resumed_a_game_equals_an_undisturbed_one(
    services: Services, runs: list[str], cut: float
) -> None:
    request = GAME.model_copy(
        update={"text_to_image": DRAWN, "image_to_text": DRAWN, "repeats": 2, "seed": 4}
    )
    whole = play(services, runs[0], request)
    asked = services.game_request(whole.id)
    attempt = services._jobs.evaluations.create("drift", asked, runs[0])
    killed = GameFiles(services.settings, runs[0], attempt.run_id, asked)
    killed.folder.mkdir(parents=True)
    written = services._files(whole.id).journal.path.read_bytes()
    killed.journal.path.write_bytes(written[: int(cut * len(written))])
    before = services.game_curves(attempt.run_id)
    assert before.partial

    from backend.runs.evaluations.carrying_out import evaluate_here

    resumed = evaluate_here(services.settings, services._store, attempt)
    assert resumed.status == "finished", resumed.error
    one, other = services.game_report(whole.id), services.game_report(resumed.id)
    assert one is not None and other is not None
    assert one.model_copy(update={"seconds": 0.0}) == other.model_copy(update={"seconds": 0.0})
    assert one.backbones[0].floor is not None, "two chains of each seed have a floor"
    chains = [services.game_chains(each.id, count=100) for each in (whole, resumed)]

    def told(number: int) -> list[list[tuple[str, float | None]]]:
        return [
            [(step.item.id, step.similarity_to_start) for step in chain.steps if step.item]
            for chain in chains[number]
        ]

    assert told(0) == told(1)


def test_two_runs_play_from_the_same_seeds_and_are_compared_in_pairs(
    services: Services, runs: list[str], tiny_vit: Path
) -> None:
    asked = services.check_game(
        runs,
        GAME.model_copy(
            update={"backbones": (BackboneChoice(), BackboneChoice(image=str(tiny_vit)))}
        ),
    )
    first, second = (play(services, run, asked) for run in runs)
    assert services.game_request(first.id).seeds == services.game_request(second.id).seeds
    report = services.game_report(second.id)
    assert report is not None
    assert set(report.backbones[1].scores.curves) == {"image_to_image"}

    found = services.compare_games(first.id, second.id)
    assert found.backbone == str(tiny_vit), "a ruler that both have goes before two of their own"
    mine = [services.game_report(each.id).backbones[1] for each in (first, second)]  # type: ignore[union-attr]
    means = [each.scores.mean_cumulative_drift.similarity.value for each in mine]
    difference = found.differences["mean_cumulative_drift"]
    assert difference.difference == pytest.approx(means[1] - means[0], abs=1e-9)
    own = services.compare_games(first.id, second.id, "the run's own space")
    assert own.items == PAIRS, "an image and its caption are drawn together"
    assert (
        services.compare_games(first.id, first.id).differences["mean_cumulative_drift"].difference
        == 0
    )
    assert found.geneval == {}
    for game, right in ((first, 0.0), (second, 1.0)):
        services._files(game.id).keep_judged(
            Judged(("a bench",), ("one",), (1,), np.array([[right]]))
        )
    assert services.compare_games(first.id, second.id).geneval["overall"].difference == 1
    with pytest.raises(InvalidInput, match="Both have"):
        services.compare_games(first.id, second.id, "CLIP")


def test_what_cannot_be_played_is_told_before_anything_is_queued(
    services: Services, runs: list[str]
) -> None:
    for request, words in (
        (GameRequest(seeds=("image:gone.png",)), "gone.png"),
        (GameRequest(text_to_image=OperatorChoice(kind="captioner")), "cannot be captioner"),
        (GameRequest(folder="/somewhere"), "scored, not played"),
        (GameRequest(backbones=(BackboneChoice(image="no-such-encoder"),)), "no-such-encoder"),
        (
            GameRequest(backbones=(BackboneChoice(image="scene-resnet-ssl", shared=True),)),
            "one tower",
        ),
        (GameRequest(geneval="owl"), "needs the prompts"),
        (GameRequest(geneval="owl", prompts="/nowhere.jsonl"), "cannot be read from"),
    ):
        with pytest.raises(InvalidInput, match=words):
            services.start_game(runs, request)
    with pytest.raises(InvalidInput, match="each once"):
        services.start_game([runs[0], runs[0]], GAME)
    with pytest.raises(NotFound):
        services.start_game(["r-gone"], GAME)
    assert services.games() == []


def test_a_backbone_that_cannot_be_loaded_is_told_and_the_others_measure(
    services: Services, runs: list[str]
) -> None:
    gone = BackboneChoice(name="Gone", text="owner/not-on-this-disk")
    made = play(services, runs[0], GAME.model_copy(update={"backbones": (BackboneChoice(), gone)}))
    report = services.game_report(made.id)
    assert report is not None
    assert [each.backbone for each in report.backbones] == ["the run's own space"]
    assert any(note.startswith("Gone could not measure anything") for note in report.notes)
    alone = services.play_here(runs[0], GAME.model_copy(update={"backbones": (gone,)}))
    assert alone.status == "failed"
    assert alone.error and "nothing to score" in alone.error


def test_attractors_and_what_becomes_of_every_point(services: Services, runs: list[str]) -> None:
    found = services.attraction(runs[0])
    capture = services.capture(runs[0])
    sizes = services.gallery_sizes(runs[0])
    assert found.items == found.seeds == len(capture.steps) == sum(sizes.values())
    assert len(capture.attractors) == found.attractor_count
    gallery = services._space(runs[0]).gallery
    ids = [*gallery.indexes["image"].ids, *gallery.indexes["text"].ids]
    for chain in retrieval_chains(gallery.indexes, ids[::5], 30):
        items = [step.item_id for step in chain.generations]
        point = ids.index(items[0])
        own = capture.attractors[capture.basin[point]]
        assert set(own) == set(items[-len(own) :])
        assert capture.steps[point] == next(n for n, item in enumerate(items) if item in own)
    assert capture.sizes.sum() == len(ids)
    kept = services.settings.indexes_dir / runs[0] / "nearest.npz"
    assert kept.is_file()
    services.rest()
    assert services.attraction(runs[0]) == found, "read from beside the index"
    kept.write_bytes(b"damaged")
    services.rest()
    assert services.attraction(runs[0]) == found, "a damaged file is made anew"
    services.rest()
    assert services.attraction(runs[0], [ids[0]]).seeds == 1


def test_a_game_is_taken_away_and_read_again(
    services: Services, runs: list[str], tiny_vit: Path
) -> None:
    ruler = BackboneChoice(name="ViT", image=str(tiny_vit))
    made = play(
        services, runs[0], GAME.model_copy(update={"generations": 4, "backbones": (ruler,)})
    )
    path = services.zip_games([made.id])
    assert path.parent == services.settings.data_dir / "reports"
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        rows = list(csv.DictReader(archive.read("chains.csv").decode().splitlines()))
        assert json.loads(archive.read("report.json"))["chains"] == 2 * PAIRS
    assert {"text-first/gen-0.csv", "image-first/gen-3.csv"} <= names
    assert sum(name.startswith("text-first/gen-1/") for name in names) == PAIRS
    assert len(rows) == 2 * PAIRS * 5
    assert {row["picture"] for row in rows if row["picture"]} <= names

    folder = services.import_chains(path)
    assert services.import_chains(path) == folder
    asked = services.folder_request(str(folder), [ruler])
    read = services.play_here(None, asked)
    assert read.status == "finished", read.error
    one, other = (services.game_report(each.id) for each in (made, read))
    assert one is not None and other is not None
    assert (other.generations, other.chains, other.text_to_image) == (
        4,
        2 * PAIRS,
        "made elsewhere",
    )
    mine, theirs = (each.backbones[0].scores.curves["image_to_image"] for each in (one, other))
    assert [point.missing for point in theirs.points] == [0, 0]
    for point, again in zip(mine.points, theirs.points, strict=True):
        assert point.similarity and again.similarity
        assert again.similarity.value == pytest.approx(point.similarity.value, abs=2e-3)
    compared = services.compare_games(made.id, read.id)
    assert (compared.items, compared.backbone) == (PAIRS, "ViT"), "joined by the seed's pair"
    chain = services.game_chains(read.id, count=1)[0]
    assert chain.steps[0].text and Path(chain.steps[1].picture).is_file()
    assert chain.seed.captions == (chain.steps[0].text,)

    # what was made lands on a map where a search for it would
    assert services.place_chain(runs[0], read.id, chain.seed.id, known_only=True) == {}
    places = services.place_chain(runs[0], read.id, chain.seed.id)
    assert set(places) == set(range(5))
    assert services.place_chain(runs[0], read.id, chain.seed.id, known_only=True) == places
    text = QueryPart(kind="text", value=chain.steps[0].text)
    picture = next((folder / "text-first" / "gen-1").glob(f"{chain.seed.image_id}.*"))
    file = QueryPart(kind="file", value=str(picture))
    for generation, part in ((0, text), (1, file)):
        landed = services.map_place(runs[0], Query(parts=(part,)))
        np.testing.assert_allclose(places[generation], landed, atol=1e-4)

    both = services.zip_games([made.id, read.id])
    with zipfile.ZipFile(both) as archive:
        folders = {name.split("/")[0] for name in archive.namelist()}
    assert folders == {made.id, read.id}, "each in a folder of its own"
    with pytest.raises(InvalidInput, match="each once"):
        services.zip_games([made.id, made.id])

    target = services.settings.home / "plain"
    assert services.export_game(made.id, target) == target
    assert (target / "text-first" / "gen-1").is_dir()
    with pytest.raises(InvalidInput, match="holds something"):
        services.export_game(made.id, target)


def test_a_zip_of_one_protocol_alone_is_read_and_one_without_chains_is_refused(
    services: Services, runs: list[str], tmp_path: Path
) -> None:
    made = play(services, runs[0], GAME.model_copy(update={"generations": 1}))
    folder = services.export_game(made.id, tmp_path / "whole")
    for name, keep in (("one", "text-first"), ("none", "chains.csv")):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for path in sorted(folder.rglob("*")):
                place = path.relative_to(folder)
                if path.is_file() and place.parts[0] == keep:
                    archive.write(path, place)
    found = services.import_chains(tmp_path / "one.zip")
    assert (found / "text-first" / "gen-0.csv").is_file()
    with pytest.raises(InvalidInput, match="no chains"):
        services.import_chains(tmp_path / "none.zip")
    with pytest.raises(InvalidInput, match="no chains in"):
        services.folder_request(str(tmp_path / "nowhere"))
    with pytest.raises(InvalidInput, match="without a space of their own"):
        services.folder_request(str(found), [BackboneChoice()])


def test_uploaded_prompts_are_kept_once_and_others_refused(
    services: Services, tmp_path: Path
) -> None:
    file = tmp_path / "evaluation_metadata.jsonl"
    prompt = {"tag": "single_object", "include": [{"class": "bench", "count": 1}]}
    file.write_text(json.dumps(prompt | {"prompt": "a photo of a bench"}) + "\n")
    kept, count = services.keep_prompts(file)
    assert count == 1 and Path(kept).read_text() == file.read_text()
    assert services.keep_prompts(file) == (kept, 1)
    assert [path.name for path in Path(kept).parent.iterdir()] == [Path(kept).name]
    file.write_text("no prompts\n")
    with pytest.raises(InvalidInput, match="no GenEval prompts"):
        services.keep_prompts(file)


def test_a_game_that_is_deleted_leaves_nothing(services: Services, runs: list[str]) -> None:
    made = play(services, runs[0])
    services.game_chains(made.id)
    folder = services._files(made.id).folder
    assert folder.is_dir()
    services.delete_evaluation(made.id)
    assert not folder.exists()
    assert services.games() == []
    with pytest.raises(NotFound):
        services.game_report(made.id)


def test_reports_are_read_from_the_table(services: Services, runs: list[str]) -> None:
    made = play(services, runs[0])
    assert services.game_report(made.id) == GameReport.model_validate(made.result)
