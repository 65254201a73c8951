"""Two finished runs side by side, a training looked back at, and duels, through the door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from backend.alignment.base import load_alignment
from backend.errors import InvalidInput, NotAllowed, NotFound
from backend.evaluation.retrieval import mean_recall
from backend.runs.evaluations.opened import open_run
from backend.runs.pipeline import run_pipeline
from backend.runs.store import Store
from backend.schemas import LayoutRequest, Query, QueryPart, RunRequest
from backend.services import Services
from backend.settings import Settings
from tests.integration.conftest import COLOURS, paint

PCA = LayoutRequest(method="pca")
STEPS = (0, 8, 16, 32)
#: of which some two runs answer alike
ASKED = [f"{one} beside {other}" for one, other in permutations(COLOURS, 2)]


class Two:
    """A home with runs: ``one`` and ``other`` on the same pictures, ``elsewhere`` a closed form on others."""

    def __init__(self, home: Path, pictures: Path, further: Path, vit: Path) -> None:
        self.settings = Settings(home=home)
        store = Store(self.settings)
        options = {
            "epochs": 6, "batch": 32, "dimension": 16, "patience": 99, "least_steps": 0, "start": "random",
            "learning_rate": 0.01,
        }  # fmt: skip
        base = RunRequest(
            dataset=str(pictures), image_encoder=str(vit), text_encoder="bag-of-words", options=options,
            seeds=2, name="one",
        )  # fmt: skip
        closed = {"method": "ridge", "options": {}, "name": "elsewhere", "seeds": 1}
        asked = {
            "one": base,
            "other": base.model_copy(update={"seed": 7, "seeds": 1, "name": "other"}),
            "elsewhere": base.model_copy(update={**closed, "dataset": str(further)}),
        }
        self.ids = {}
        for name, request in asked.items():
            detail = run_pipeline(self.settings, store, request, with_map=False)
            assert detail.summary.status == "finished", detail.summary.error
            self.ids[name] = detail.summary.id
        store.database.close()
        self.one, self.other = self.ids["one"], self.ids["other"]
        self.services = Services(self.settings)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, pictures: Path, tiny_vit: Path) -> Iterator[Two]:
    further = paint(tmp_path_factory.mktemp("further"), {"train": 40, "val": 6, "test": 9})
    opened = Two(tmp_path_factory.mktemp("home"), pictures, further, tiny_vit)
    yield opened
    opened.services.stop()


def text(words: str, **more) -> Query:
    return Query(parts=(QueryPart(kind="text", value=words),), **more)


# --- along the training -------------------------------------------------------------------------


def test_the_map_moves_along_the_training_to_where_it_is(two: Two) -> None:
    frames = two.services.training_frames(two.one)
    best = two.services.run(two.one).configuration["fit"]["best_step"]
    assert frames.stops == tuple(float(step) for step in sorted({*STEPS, best}))
    assert frames.names[0] == "before training" and f"step {best}, the best" in frames.names
    view = two.services.map_view(two.one, PCA)
    np.testing.assert_array_equal(frames.points, view.points)
    assert frames.images == view.images and frames.xy.shape == (len(frames.stops), view.total, 2)
    # the best stop is the PCA of the final space
    at_best = frames.xy[frames.stops.index(best)]
    np.testing.assert_allclose(np.abs(at_best), np.abs(view.xy), atol=2e-3)
    assert not np.allclose(frames.xy[0], at_best, atol=0.2)


def test_figures_along_the_training_are_of_validation_by_the_very_heads(two: Two) -> None:
    frames = two.services.training_frames(two.one)
    store = Store(two.settings)
    opened = open_run(two.settings, store, two.one)
    folder = two.settings.runs_dir / two.one / "training" / "stops"
    for step in STEPS:
        heads = load_alignment(two.settings.runs_dir / two.one / "heads")
        weights = load_file(folder / f"{step}.safetensors")
        for side, head in heads.heads.items():
            for name, value in head.state_dict().items():
                value.copy_(__import__("torch").from_numpy(weights[f"{side}.{name}"]))
        pairs = opened.pairs("val")
        space = heads.transform("image", pairs.image), heads.transform("text", pairs.text)
        expected = mean_recall(*space, pairs.image_of_text)
        told = frames.figures[frames.stops.index(step)]
        for way in ("text_to_image", "image_to_text"):
            assert told[f"{way}/recall_at_1"] == pytest.approx(expected[f"{way}/recall_at_1"])
    store.database.close()
    assert frames.split == "Validation split, 12 images with 24 captions"
    # the loss that is told with step 1 is that of the heads before it
    loss = {s.name: s for s in two.services.run(two.one).series}["train/loss"]
    assert frames.figures[0]["train/loss"] == loss.values[loss.steps.index(1)]


def test_only_the_first_seed_of_a_run_keeps_heads_and_they_go_with_it(two: Two) -> None:
    training = two.settings.runs_dir / two.one / "training"
    assert sorted(path.name for path in training.rglob("stops")) == ["stops"]
    assert {int(path.stem) for path in (training / "stops").iterdir()} == set(STEPS)


def test_why_there_is_no_way_to_look_back_at_is_said(two: Two) -> None:
    with pytest.raises(NotFound, match="solved and not trained step by step"):
        two.services.training_frames(two.ids["elsewhere"])
    stops = two.settings.runs_dir / two.other / "training" / "stops"
    hidden = stops.rename(stops.with_name("hidden"))
    try:
        with pytest.raises(NotFound, match="Launch it again"):
            two.services.training_frames(two.other)
    finally:
        hidden.rename(stops)
    with pytest.raises(NotFound, match="no run"):
        two.services.training_frames("r-none")


def test_what_was_computed_is_read_again_and_a_damaged_file_made_again(two: Two) -> None:
    frames = two.services.training_frames(two.other)
    path = two.settings.indexes_dir / two.other / "moving-training.npz"
    written = path.stat().st_mtime_ns
    fresh = Services(two.settings)
    again = fresh.training_frames(two.other)
    assert path.stat().st_mtime_ns == written
    np.testing.assert_array_equal(again.xy, frames.xy)
    path.write_bytes(path.read_bytes()[:200])
    third = Services(two.settings)
    np.testing.assert_array_equal(third.training_frames(two.other).xy, frames.xy)
    assert path.stat().st_size > 200
    fresh.stop()
    third.stop()


# --- the gap ------------------------------------------------------------------------------------


def test_the_map_moves_with_the_gap_and_tells_the_evaluations_figures(two: Two) -> None:
    frames = two.services.gap_frames(two.one)
    assert frames.stops == tuple(round(0.1 * each, 1) for each in range(11))
    assert frames.names[3] == "30%"
    kept = two.services.newest_evaluation(two.one, "gap")
    assert kept is not None and kept.result is not None
    point = kept.result["points"][5]
    assert frames.figures[5]["gap"] == point["gap"]
    name = "text_to_image/recall_at_1"
    assert frames.figures[5][name] == point["scores"][name]["value"]
    n = frames.images
    apart = [xy[:n, 0].mean() - xy[n:, 0].mean() for xy in frames.xy]
    assert all(later < earlier for earlier, later in zip(apart, apart[1:], strict=False))


def test_without_an_evaluation_the_map_moves_without_figures(two: Two) -> None:
    kept = two.services.newest_evaluation(two.other, "gap")
    assert kept is not None
    two.services.delete_evaluation(kept.id)
    frames = two.services.gap_frames(two.other)
    assert frames.figures == () and frames.split == "" and len(frames.xy) == 11


# --- two runs -----------------------------------------------------------------------------------


def test_one_run_moves_to_the_other(two: Two) -> None:
    frames = two.services.run_frames(two.one, two.other, PCA)
    assert frames.names == ("one", "other") and frames.stops == (0.0, 1.0)
    first = two.services.map_view(two.one, PCA)
    np.testing.assert_array_equal(frames.points, first.points)
    np.testing.assert_array_equal(frames.xy[0], first.xy)
    # fitted: no turn, stretch or shift of the second brings it nearer
    from_, onto = (xy.astype(np.float64) for xy in frames.xy)
    apart = ((onto - from_) ** 2).sum()
    middle = onto.mean(axis=0)
    assert apart <= ((two.services.map_view(two.other, PCA).xy - from_) ** 2).sum() + 1e-6
    for angle, stretch, shift in (
        (0.05, 1, 0),
        (-0.05, 1, 0),
        (0, 1.05, 0),
        (0, 0.95, 0),
        (0, 1, 0.05),
    ):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        moved = stretch * (onto - middle) @ turn + middle + shift
        assert ((moved - from_) ** 2).sum() >= apart - 1e-6


def test_runs_that_share_no_items_cannot_be_laid_over_each_other(two: Two) -> None:
    for ask in (two.services.run_frames, two.services.changed_points):
        with pytest.raises(InvalidInput, match="different items"):
            ask(two.one, two.ids["elsewhere"])
        with pytest.raises(InvalidInput, match="same run twice"):
            ask(two.one, two.one)
        with pytest.raises(NotFound):
            ask(two.one, "r-none")


def test_points_whose_neighbours_changed_most_come_first_with_both_runs_nearest(two: Two) -> None:
    k = 3
    changed = two.services.changed_points(two.one, two.other, k=k, count=5)
    assert changed.items == changed.judged == 18 and changed.neighbours == k
    shares = {}
    for side, other in (("image", "text"), ("text", "image")):
        for item in two.services.random_items(two.one, side, 99, seed=0):
            near = []
            for run in (two.one, two.other):
                found = two.services.neighbours(run, item.id, k)
                near.append(
                    {hit.item.id for hit in (found.texts if other == "text" else found.images)}
                )
            shares[item.id] = len(near[0] & near[1]) / k
    assert changed.kept == pytest.approx(np.mean(list(shares.values())))
    told = [each.kept for each in changed.points]
    assert told == sorted(told) and told[0] == pytest.approx(min(shares.values()))
    for each in changed.points:
        assert each.kept == pytest.approx(shares[each.item.id])
        nearest = two.services.neighbours(two.other, each.item.id, 5)
        expected = nearest.texts if each.item.side == "image" else nearest.images
        assert [hit.item.id for hit in each.second] == [hit.item.id for hit in expected]
    # 6 images look for 3 of 12 captions, 12 captions for 3 of 6 images
    assert changed.chance == pytest.approx((6 * 3 / 12 + 12 * 3 / 6) / 18)
    points = two.services.map_view(two.one, PCA).points
    column = two.services.changed_colouring(two.one, two.other, points[2:], k=k)
    items = two.services.map_points(two.one, points[2:].tolist())
    np.testing.assert_allclose(column.values, [shares[item.id] for item in items], atol=1e-6)


@pytest.mark.parametrize("given", [{"k": 0}, {"k": 101}, {"among": "none"}])
def test_neighbours_that_cannot_be_compared_are_refused(two: Two, given: dict) -> None:
    with pytest.raises(InvalidInput):
        two.services.changed_points(two.one, two.other, **given)


# --- duels --------------------------------------------------------------------------------------


def test_a_duel_is_blind_until_it_is_judged_and_counts_once(two: Two) -> None:
    services = two.services
    lefts: Counter[str] = Counter()
    for words in ASKED:
        own = [
            services.search(run, text(words, k=8)).answers[0].hits for run in (two.one, two.other)
        ]
        if [hit.item.id for hit in own[0]] == [hit.item.id for hit in own[1]]:
            with pytest.raises(InvalidInput, match="nothing to judge"):
                services.begin_duel(two.one, two.other, text(words))
            continue
        duel = services.begin_duel(two.one, two.other, text(words, k=50))
        assert duel.runs is None and duel.verdict is None and duel.query == f"“{words}”"
        judged = services.judge(duel.id, "left")
        assert judged.runs is not None and set(judged.runs) == {two.one, two.other}
        assert (judged.left, judged.right) == (duel.left, duel.right)
        assert judged.left == own[(two.one, two.other).index(judged.runs[0])]
        lefts[judged.runs[0]] += 1
    assert lefts.total() >= 12, "too few to tell chance from a rule"
    assert min(lefts[two.one], lefts[two.other]) > 0  # of 12 all on one side: 1 in 2,048
    with pytest.raises(NotAllowed, match="judged already"):
        services.judge(duel.id, "right")
    scores = {score.run: score for score in services.duel_scores()}
    assert scores[two.one].won == scores[two.other].lost == lefts[two.one]
    strong = services.duel_scores()[0]
    assert strong.rating >= 1500 and strong.interval[0] <= strong.rating <= strong.interval[1]


def test_ties_and_neither_are_counted_for_both(two: Two) -> None:
    before = {score.run: score for score in two.services.duel_scores()}
    for verdict in ("tie", "neither"):
        duel = two.services.draw_duel(two.other, two.one)
        two.services.judge(duel.id, verdict)
    for score in two.services.duel_scores():
        old = before.get(score.run)
        assert score.tied == (old.tied if old else 0) + 1
        assert score.neither == (old.neither if old else 0) + 1


def test_duels_that_cannot_be_are_refused_in_a_sentence(two: Two) -> None:
    services = two.services
    with pytest.raises(InvalidInput, match="between two runs"):
        services.begin_duel(two.one, two.one, text("red"))
    with pytest.raises(InvalidInput, match="other items"):
        services.begin_duel(two.one, two.ids["elsewhere"], text("red"))
    file = Query(parts=(QueryPart(kind="file", value="/etc/passwd"),))
    with pytest.raises(InvalidInput, match="in words"):
        services.begin_duel(two.one, two.other, file)
    duel = services.draw_duel(two.one, two.other)
    with pytest.raises(InvalidInput, match="left, right, tie, neither"):
        services.judge(duel.id, "both")  # type: ignore[arg-type]


def test_a_read_only_place_has_no_duels(two: Two) -> None:
    readonly = Services(two.settings.model_copy(update={"mode": "readonly"}))
    for ask in (
        lambda: readonly.begin_duel(two.one, two.other, text("red")),
        lambda: readonly.draw_duel(two.one, two.other),
        lambda: readonly.judge("d-none", "left"),
    ):
        with pytest.raises(NotAllowed, match="read-only"):
            ask()
    assert isinstance(readonly.duel_scores(), list)
    readonly.stop()
