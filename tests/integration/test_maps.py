"""Maps of finished runs: laid out by the run's own job or asked for, kept, shown, and taken away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.errors import InvalidInput, NotFound
from backend.exploration.layouts.fitting import procrustes
from backend.runs.maps import draw_map
from backend.runs.pipeline import run_pipeline
from backend.runs.store import Store
from backend.schemas import (
    USUAL_LAYOUT,
    LayoutReport,
    LayoutRequest,
    MapView,
    Query,
    QueryPart,
    RunRequest,
    pack,
)
from backend.services import Services
from backend.settings import Settings
from tests.integration.conftest import paint
from tests.integration.home import Home

ITEMS, POINTS = 40, 120


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_vit: Path) -> tuple[Path, str, str]:
    """A home with two finished runs whose test split is large enough for a map, and their ids."""
    root = tmp_path_factory.mktemp("mapped")
    (root / "pictures").mkdir()
    pictures = paint(root / "pictures", {"train": 60, "val": 12, "test": ITEMS})
    settings = Settings(home=root / "home")
    store = Store(settings)
    ids = []
    for dimension, seed in ((16, 0), (8, 3)):
        request = RunRequest(
            dataset=str(pictures),
            image_encoder=str(tiny_vit),
            text_encoder="bag-of-words",
            method="ridge-cca",
            options={"dimension": dimension},
            seed=seed,
        )
        run = run_pipeline(settings, store, request, with_map=False).summary
        assert run.status == "finished", run.error
        ids.append(run.id)
    store.database.close()
    return root / "home", ids[0], ids[1]


@pytest.fixture
def place(home: Path, made: tuple[Path, str, str]) -> Iterator[Home]:
    """A copy of it."""
    shutil.copytree(made[0], home)
    opened = Home()
    yield opened
    opened.close()


@pytest.fixture
def run(place: Home, made: tuple[Path, str, str]) -> str:
    """A finished run without a map."""
    return made[1]


@pytest.fixture
def services(place: Home) -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


def laid(services: Services, run: str, request: LayoutRequest) -> MapView:
    """A layout, made here and now."""
    done = services.evaluate_here("layout", request, run)
    assert done.status == "finished", done.error
    view = services.map_view(run, request)
    assert view.ready and not view.note
    report = LayoutReport.model_validate(done.result)
    assert view.graph == report.graph and report.points == len(view.points)
    return view


def test_a_runs_own_map_is_shown_with_everything_that_is_known_of_it(
    place: Home, services: Services, run: str, tmp_path: Path
) -> None:
    draw_map(place.settings, place.store, run)
    view = services.map_view(run)
    assert view.ready and view.layout.method == "umap" and view.layout.seed == 0
    assert (view.images, view.total_images, view.total) == (ITEMS, ITEMS, POINTS)
    assert view.xy.shape == (POINTS, 2) and np.isfinite(view.xy).all()
    np.testing.assert_array_equal(view.points, np.arange(POINTS))
    assert view.trustworthiness is not None and 0.7 < view.trustworthiness <= 1
    assert view.judged == POINTS and "8 nearest images and its 8 nearest captions" in view.graph
    assert services.map_progress(run) is None, "nobody had to ask for it"

    sample = services.map_view(run, most=100)
    assert 98 <= len(sample.points) <= 100 and sample.total == POINTS
    np.testing.assert_array_equal(sample.xy, view.xy[sample.points])

    items = services.map_points(run, [view.images, 0])
    assert [item.side for item in items] == ["text", "image"]
    assert [services.point_of(run, item.id) for item in items] == [view.images, 0]

    names = services.map_colourings(run)
    assert names == ["modality", "cluster", "rank error"]
    for name in names:
        whole = services.map_colouring(run, name, view.points)
        part = services.map_colouring(run, name, sample.points)
        np.testing.assert_array_equal(whole.values[sample.points], part.values)
    near = [services.neighbours(run, items[row].id) for row in (0, 1)]
    ranks = services.map_colouring(run, "rank error", view.points).values
    for row, found in zip((view.images, 0), near, strict=True):
        # equal captions tie: here the first of their places, there the one to be expected
        assert found.partner_rank is not None
        assert 1 <= found.partner_rank <= 10 ** float(ranks[row]) + 0.01
        assert found.item.id not in {hit.item.id for hit in (*found.images, *found.texts)}
    assert near[0].partners == (f"image:{items[0].image_id}",)
    assert near[1].partners == tuple(f"text:{items[1].image_id}#{number}" for number in (0, 1))
    assert near[1].retrieved == near[1].texts[0].item.id

    written_on = services.map_labels(run, USUAL_LAYOUT, view.points)
    colours = {"red", "green", "blue", "yellow", "grey", "white"}
    assert any(colours & set(label.text.split(", ")) for label in written_on)

    def query(kind: str, value: str) -> Query:
        return Query(parts=(QueryPart.model_validate({"kind": kind, "value": value}),))

    np.testing.assert_allclose(services.map_place(run, query("item", items[1].id)), view.xy[0])
    landed = services.map_place(run, query("text", "red beside blue"))
    low, high = view.xy.min(axis=0), view.xy.max(axis=0)
    assert all(low[axis] <= landed[axis] <= high[axis] for axis in (0, 1))
    similar = services.map_similarity(run, query("text", "red beside blue"), view.points)
    assert similar.name == "red beside blue" and similar.values.shape == (POINTS,)

    written = services.export_points(run, form="parquet")
    table = pd.read_parquet(written)
    assert run in written.name and written.parent == place.settings.data_dir / "reports"
    np.testing.assert_allclose(table[["x", "y"]], view.xy, rtol=1e-5)
    np.testing.assert_allclose(np.log10(table["partner_rank"]), ranks, rtol=1e-5)
    chosen = pd.read_csv(services.export_points(run, selection=pack(run, POINTS, [3, 50])))
    assert chosen["id"].tolist() == [services.map_points(run, [row])[0].id for row in (3, 50)]

    wrong: list[object] = [[POINTS], [-1], ["x"], [2**70]]
    for points in wrong:
        with pytest.raises(InvalidInput):
            services.map_points(run, points)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="rising"):
        services.map_colouring(run, "modality", np.array([3, 1], np.int32))
    with pytest.raises(NotFound, match="modality, cluster"):
        services.map_colouring(run, "constructor", view.points)
    with pytest.raises(InvalidInput, match="csv or parquet"):
        services.export_points(run, form="../x")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        services.export_points(run, selection=pack("r-other", POINTS, [3]))


def test_the_same_request_gives_the_same_map_whatever_was_asked_before(
    place: Home, services: Services, run: str
) -> None:
    loose = LayoutRequest(min_dist=0.6, neighbours=30)
    first = laid(services, run, loose)
    usual = services.map_view(run)
    assert usual.ready, "the one that it begins at was laid out for it"
    folder = place.settings.indexes_dir / run
    for path in [*folder.glob("map-*"), *folder.glob("neighbours-*")]:
        path.unlink()
    assert laid(services, run, USUAL_LAYOUT).xy.tolist() == usual.xy.tolist()
    assert laid(services, run, LayoutRequest(graph="joint")).xy.tolist() != usual.xy.tolist()
    assert laid(services, run, loose).xy.tolist() == first.xy.tolist() != usual.xy.tolist()
    other = laid(services, run, LayoutRequest(seed=9))
    assert other.xy.tolist() != usual.xy.tolist()
    assert laid(services, run, LayoutRequest(seed=0)).xy.tolist() == usual.xy.tolist()


def test_frozen_features_before_the_heads_have_maps_of_their_own(
    place: Home, services: Services, run: str
) -> None:
    image = laid(services, run, LayoutRequest(space="image encoder", dimensions=3))
    np.testing.assert_array_equal(image.points, np.arange(ITEMS))
    assert image.xy.shape == (ITEMS, 3) and image.images == ITEMS and "frozen" in image.graph
    quick = LayoutRequest(space="image encoder", method="pca", dimensions=3)
    assert services.map_view(run, quick).ready, "was drawn on the way"
    text = laid(services, run, LayoutRequest(space="text encoder", method="pca"))
    np.testing.assert_array_equal(text.points, np.arange(ITEMS, POINTS))
    assert text.images == 0 and "captions" in text.graph
    for view in (image, text):
        coloured = services.map_colouring(run, "cluster", view.points, view.layout)
        assert coloured.values.shape == (len(view.points),)
        assert services.map_labels(run, view.layout, view.points) is not None
        at = Query(parts=(QueryPart(kind="text", value="red beside blue"),))
        assert len(services.map_place(run, at, view.layout)) == view.xy.shape[1]
    with pytest.raises(InvalidInput, match="not on the map"):
        services.map_colouring(run, "cluster", text.points, image.layout)


def test_a_run_can_be_laid_out_on_anothers_map(
    services: Services, made: tuple[Path, str, str]
) -> None:
    _, first, second = made
    onto = laid(services, first, USUAL_LAYOUT)
    like = laid(services, second, LayoutRequest(like=first))
    alone = laid(services, second, USUAL_LAYOUT)
    plain = laid(services, second, LayoutRequest(method="pca", like=first))
    assert "turned and scaled to lie on the map of" in like.graph
    assert like.xy.tolist() != alone.xy.tolist()
    # what a page got can be asked for again as it came
    assert services.map_view(second, like.layout).ready and like.layout.seed == 3
    for view, below in (
        (like, onto),
        (plain, services.map_view(first, LayoutRequest(method="pca"))),
    ):
        again = procrustes(
            view.xy, below.xy
        )  # it lies as near to the other map as it can be turned
        np.testing.assert_allclose(again.turn, np.eye(2), atol=1e-4)
        np.testing.assert_allclose(
            [again.scale, *(again.onto - again.centre)], [1, 0, 0], atol=1e-4
        )

    with pytest.raises(NotFound):
        services.map_view(second, LayoutRequest(like="r-nobody"))


def test_what_is_asked_for_is_made_once_by_the_worker_and_then_shown(
    place: Home, services: Services, run: str
) -> None:
    joint = LayoutRequest(graph="joint")
    for _ in range(3):
        view = services.map_view(run, joint)
        assert not view.ready and view.layout.method == "pca" and not view.note
    (waiting,) = services.evaluations(run, "layout")
    progress = services.map_progress(run, joint)
    assert progress is not None and progress.id == waiting.id and progress.status == "queued"

    # stopped, it stays stopped until somebody resumes it
    services.cancel_evaluation(waiting.id)
    services.map_view(run, joint)
    stopped = services.map_progress(run, joint)
    assert stopped is not None and stopped.resumable and stopped.id == waiting.id
    services.resume_evaluation(waiting.id)
    services.map_view(run)  # the run's own, too
    own = services.map_progress(run)
    assert own is not None and own.status == "queued" and own.with_run

    place.supervisor.start()
    place.wait(lambda: services.map_view(run, joint).ready, "the layout is there")
    place.wait(lambda: services.map_view(run).ready, "and the run's own")
    place.wait(lambda: place.store.map_state(run) == "ready", "with its ranks")
    assert list((place.settings.indexes_dir / run).glob("ranks-*.npy"))
    assert [each.status for each in services.evaluations(run, "layout")] == ["finished"]
    place.wait(lambda: "warmed up" in place.story(), "the methods are warm")
    lines = place.log()
    told = [
        next(row for row, line in enumerate(lines) if word in line)
        for word in ("evaluation: done", "map: done", "warmed up")
    ]
    assert told == sorted(told), "not while something waited"

    # its files are gone: it is made again, and the row of before goes
    for path in (place.settings.indexes_dir / run).glob("map-*"):
        path.unlink()
    place.wait(lambda: services.map_view(run, joint).ready, "it was made again")
    assert len(services.evaluations(run, "layout")) == 1
    written = services.export_points(run)
    services.delete(run)
    assert not (place.settings.indexes_dir / run).exists() and not written.exists()


def test_a_read_only_place_shows_what_there_is_and_says_so(
    place: Home, services: Services, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_MODE", "readonly")
    public = Services(Settings())
    quick = public.map_view(run)
    assert quick.layout.method == "pca" and not quick.ready and "read-only" in quick.note
    usual = laid(services, run, USUAL_LAYOUT)
    shown = public.map_view(run, LayoutRequest(graph="joint"))
    assert shown.xy.tolist() == usual.xy.tolist()
    assert not shown.ready and "read-only" in shown.note and shown.layout.graph == "cross-modal"
    assert public.map_view(run).ready and not public.map_view(run).note
    assert public.map_view(run, LayoutRequest(method="pca")).ready
    assert len(public.evaluations(run, "layout")) == 1, "nothing was asked for"
    public.stop()


def test_a_run_that_is_deleted_while_its_map_is_drawn_leaves_nothing(
    place: Home, services: Services, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.exploration.layouts import projecting

    project = projecting.project

    def gone(*given: object, **more: object) -> object:
        found = project(*given, **more)  # type: ignore[arg-type]
        shutil.rmtree(place.settings.indexes_dir / run)
        return found

    monkeypatch.setattr(projecting, "project", gone)
    failed = services.evaluate_here("layout", USUAL_LAYOUT, run)
    assert failed.status == "failed" and "deleted" in str(failed.error)
    assert not (place.settings.indexes_dir / run).exists()


def test_a_map_is_laid_out_in_a_terminal(
    place: Home, services: Services, run: str, tmp_path: Path
) -> None:
    told, table = tmp_path / "map.json", tmp_path / "out" / "points.csv"
    command = ["map", run, "--graph", "centred", "--dimensions", "3", "--neighbours", "10"]
    done = CliRunner().invoke(app, [*command, "--json", str(told), "--table", str(table)])
    assert done.exit_code == 0, done.output
    report = LayoutReport.model_validate(json.loads(told.read_text()))
    assert report.points == POINTS
    assert "10 nearest of either modality" in " ".join(done.output.split())
    view = services.map_view(run, LayoutRequest(graph="centred", dimensions=3, neighbours=10))
    assert view.ready
    np.testing.assert_allclose(pd.read_csv(table)[["x", "y", "z"]], view.xy, rtol=1e-4)
    for wrong in (["--method", "isomap"], ["--neighbours", "2"], ["--table", "out.txt"]):
        done = CliRunner().invoke(app, ["map", run, *wrong])
        assert done.exit_code == 2 and done.output
