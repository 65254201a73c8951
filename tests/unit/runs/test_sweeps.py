"""Grids of runs in the database and in the queue; no worker runs here."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from dbos import DBOSClient
from sqlalchemy.exc import IntegrityError

from backend.errors import InvalidInput, NotAllowed, NotFound
from backend.runs import jobs as jobs_module
from backend.runs.database import alembic_config, create_engine, migrate
from backend.runs.grid import Cell, cells, command, queue_order, table, without_repeats
from backend.runs.jobs import Jobs, serializer
from backend.runs.journal import Journal
from backend.runs.locks import RunLock
from backend.runs.store import Attempt, Store
from backend.runs.sweeps import WAITS, Sweeps
from backend.schemas import (
    AcrossSeeds,
    DirectionSpread,
    RetrievalReport,
    RunRequest,
    Spread,
    SweepRequest,
)
from backend.settings import Settings

GRID = SweepRequest(
    dataset="scenes-small",
    pairs=(("/models/vit", "minilm"), ("scene-resnet-ssl", "minilm")),
    methods=("ridge-cca", "linear-infonce"),
    train_images=(100, None),
    seed=3,
    seeds=2,
    options={"linear-infonce": {"epochs": 4}},
)
LARGE = GRID.model_copy(update={"train_images": tuple(range(10, 1260, 10))})


@pytest.fixture
def jobs(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    monkeypatch.setattr(jobs_module, "SETTLE", timedelta(0))
    opened = Jobs(settings, store)
    yield opened
    opened.close()


@pytest.fixture
def sweeps(store: Store) -> Sweeps:
    return Sweeps(store)


@pytest.fixture
def client(settings: Settings, jobs: Jobs) -> Iterator[DBOSClient]:
    jobs.live()  # makes the database
    opened = DBOSClient(system_database_url=settings.job_database_url, serializer=serializer())
    yield opened
    opened.destroy()


def in_order(store: Store) -> list[str]:
    """Ids of the runs as they are to be carried out."""
    waiting = [run for run in store.list_runs() if run.queue_position is not None]
    return [run.id for run in sorted(waiting, key=lambda run: run.queue_position or 0)]


def finish(store: Store, run_id: str, report: RetrievalReport) -> None:
    journal = Journal(store.database, *store.attempt(run_id))
    assert journal.begin()
    journal.set_report(report)
    assert journal.finish("finished")


# --- tables -------------------------------------------------------------------------------------


def test_runs_of_before_keep_everything_when_sweeps_come_and_go(settings: Settings) -> None:
    """SQLite copies the table of runs to add a reference to it; what refers to runs must stay."""
    from alembic import command as alembic

    settings.make_dirs()
    engine = create_engine(settings.run_database_url)
    migrate(engine, "0002")
    with engine.execution_options(write=True).begin() as connection:
        runs = sa.Table("runs", sa.MetaData(), autoload_with=connection)
        connection.execute(runs.insert(), _OLD)
        connection.exec_driver_sql("INSERT INTO metrics VALUES ('r-old', 'loss', 1, 0.5)")
        before = _tables(connection)
    store = Store(settings)
    (run,) = store.list_runs()
    assert (run.id, run.seed, run.sweep, run.status) == ("r-old", 7, None, "finished")
    assert store.get_run("r-old").series[0].values == (0.5,)
    with store.database.write() as session, pytest.raises(IntegrityError):
        session.execute(sa.text("UPDATE runs SET sweep_id = 's-none'"))
        session.flush()
    connecting = store.database.engine.connect().execution_options(write=True)
    with connecting as connection:
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            alembic.downgrade(alembic_config(connection), "0002")
            assert _tables(connection) == before
            assert connection.exec_driver_sql("SELECT value FROM metrics").scalar() == 0.5


def _tables(connection: sa.Connection) -> dict[str, list[str]]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    # the order of constraints says nothing
    return {
        name: sorted(line.strip(" ,\t") for line in sql.replace('"', "").split("\n"))
        for name, sql in rows
    }


_OLD = {
    **dict.fromkeys(("attempt", "place", "stage_number", "stages", "done", "total"), 1),
    **dict.fromkeys(("configuration", "versions"), {}),
    "id": "r-old",
    "name": "Old",
    "status": "finished",
    "request": {"dataset": "scenes", "image_encoder": "a", "text_encoder": "b"},
    "seed": 7,
    "notes": [],
    "demonstration": False,
    "unit": "",
    "created_at": datetime(2026, 1, 2, 3, 4, 5),
}


# --- what it is made of -------------------------------------------------------------------------


def test_cells_are_shown_by_pair_and_carried_out_by_number() -> None:
    first, second = GRID.pairs
    assert cells(GRID)[:4] == [
        Cell(first, "ridge-cca", 100),
        Cell(first, "ridge-cca", None),
        Cell(first, "linear-infonce", 100),
        Cell(first, "linear-infonce", None),
    ]
    assert queue_order(GRID)[:5] == [
        Cell(first, "ridge-cca", 100),
        Cell(first, "linear-infonce", 100),
        Cell(second, "ridge-cca", 100),
        Cell(second, "linear-infonce", 100),
        Cell(first, "ridge-cca", None),
    ]
    assert sorted(map(str, cells(GRID))) == sorted(map(str, queue_order(GRID)))


def test_a_cell_asks_for_its_own_place_and_says_so_in_its_name() -> None:
    asked = Cell(("/long/path/vit?layers=6", "minilm"), "linear-infonce", 100).request(GRID)
    assert asked.name == "linear-infonce, n = 100: vit + minilm"
    assert (asked.train_images, asked.seed, asked.seeds) == (100, 3, 2)
    assert asked.options == {"epochs": 4} and asked.image_encoder == "/long/path/vit?layers=6"
    other = Cell(("x" * 300, "minilm"), "ridge-cca", None).request(GRID)
    assert other.options == {} and other.name is not None
    assert len(other.name) == 120 and other.name.startswith("ridge-cca, n = all: xxx")


def test_each_cell_is_made_once() -> None:
    asked = SweepRequest(
        dataset="d",
        pairs=(("a", "t"), ("b", "t"), ("A", "t"), ("a", "t")),
        methods=("ridge", "csa", "ridge"),
        train_images=(None, 300, 100, 300, 1500, 9000),
    )
    made = without_repeats(asked, 1500, str.lower)
    assert made.pairs == (("a", "t"), ("b", "t")) and made.methods == ("ridge", "csa")
    assert made.train_images == (100, 300, None)
    assert without_repeats(asked, None).train_images == (100, 300, 1500, 9000, None)
    only_large = asked.model_copy(update={"train_images": (5000,)})
    assert without_repeats(only_large, 1500).train_images == (None,)


def test_the_command_says_everything() -> None:
    words = shlex.split(command(GRID))
    assert words[:4] == ["python", "-m", "backend", "sweep"]
    assert words[4:] == [
        *("--dataset", "scenes-small", "--pair", "/models/vit+minilm"),
        *("--pair", "scene-resnet-ssl+minilm"),
        *("--method", "ridge-cca", "--method", "linear-infonce"),
        *("--pairs-used", "100", "--pairs-used", "all"),
        *("--option", "linear-infonce.epochs=4", "--seed", "3", "--seeds", "2"),
    ]
    plus = GRID.model_copy(update={"pairs": (("vit?pooling=cls+mean", "minilm"),)})
    told = shlex.split(command(plus))
    at = told.index("--image-encoder")
    assert told[at : at + 4] == [
        *("--image-encoder", "vit?pooling=cls+mean", "--text-encoder", "minilm")
    ]


# --- launching ----------------------------------------------------------------------------------


def test_launching_makes_every_run_with_its_job_in_order(
    sweeps: Sweeps, store: Store, client: DBOSClient, request_: RunRequest, jobs: Jobs
) -> None:
    before = jobs.launch(request_).id
    summary = sweeps.launch(GRID)
    assert summary.live and summary.counts == {"queued": 8}
    ids = in_order(store)
    assert ids[0] == before and len(ids) == 9
    asked = [store.get_run(run_id).request for run_id in ids[1:]]
    assert asked == [cell.request(GRID) for cell in queue_order(GRID)]
    waiting = sorted(client.list_workflows(status="ENQUEUED"), key=lambda job: job.priority or 0)
    assert [job.workflow_id for job in waiting] == [f"{run_id}-1" for run_id in ids]
    assert waiting[1].input is not None and list(waiting[1].input["args"]) == [ids[1], 1]
    assert jobs.reconcile() == []


def test_runs_of_a_sweep_know_it_and_their_size(
    sweeps: Sweeps, store: Store, request_: RunRequest, jobs: Jobs
) -> None:
    alone = jobs.launch(request_).id
    sweep = sweeps.launch(GRID)
    by_id = {run.id: run for run in store.list_runs()}
    assert by_id.pop(alone).sweep is None
    assert {run.sweep for run in by_id.values()} == {sweep.id}
    assert {(run.train_images, run.seeds) for run in by_id.values()} == {(100, 2), (None, 2)}


def test_a_sweep_comes_back_with_its_cells_and_the_command(sweeps: Sweeps, store: Store) -> None:
    sweep = sweeps.launch(GRID)
    detail = sweeps.get_sweep(sweep.id)
    assert detail.summary == sweep and detail.command == command(GRID)
    assert [Cell(c.pair, c.method, c.train_images) for c in detail.cells] == cells(GRID)
    for cell in detail.cells:
        assert cell.run is not None
        assert (cell.run.image_encoder, cell.run.text_encoder) == cell.pair
        assert (cell.run.method, cell.run.train_images) == (cell.method, cell.train_images)
    placed = [c.run.queue_position for c in detail.cells if c.run]
    assert sorted(p for p in placed if p) == list(range(1, 9))


def test_bad_options_make_nothing(sweeps: Sweeps, store: Store) -> None:
    with pytest.raises(InvalidInput):
        sweeps.launch(GRID.model_copy(update={"options": {"ridge-cca": {"nonsense": 1}}}))
    assert store.list_runs() == [] and sweeps.list_sweeps() == []


def test_dying_between_rows_and_jobs_loses_nothing_of_hundreds(
    sweeps: Sweeps, store: Store, jobs: Jobs
) -> None:
    sweep_id = sweeps.create(LARGE)
    assert sweeps.get_summary(sweep_id).counts == {"queued": 500}
    assert len(jobs.reconcile()) == 500
    assert sweeps.get_summary(sweep_id).counts == {"interrupted": 500}
    assert sweeps.resume(sweep_id) == 500
    assert len(jobs.live()) == 500 and jobs.reconcile() == []
    assert sweeps.get_summary(sweep_id).counts == {"queued": 500}


def test_two_sweeps_do_not_mix(sweeps: Sweeps, store: Store) -> None:
    first, second = sweeps.launch(GRID), sweeps.launch(GRID)
    assert [sweep.id for sweep in sweeps.list_sweeps()] == [second.id, first.id]
    sweeps.cancel(first.id)
    assert sweeps.get_summary(first.id).counts == {"cancelled": 8}
    assert sweeps.get_summary(second.id).counts == {"queued": 8}


# --- stopping and going on ----------------------------------------------------------------------


def test_stopping_ends_what_waits_at_once_and_asks_what_runs(
    sweeps: Sweeps, store: Store, jobs: Jobs, settings: Settings, report: RetrievalReport
) -> None:
    sweep = sweeps.launch(GRID)
    done, running, *rest = in_order(store)
    finish(store, done, report)
    assert Journal(store.database, running, 1).begin()
    with RunLock(settings, running):
        sweeps.cancel(sweep.id)
        counts = sweeps.get_summary(sweep.id).counts
        assert counts == {"finished": 1, "running": 1, "cancelled": 6}
        assert store.give_up_cancelled(timedelta(0)) == [running]
    assert jobs.live() == {f"{running}-1", f"{done}-1"}  # both are in a worker's hands
    assert all(store.get_summary(run_id).status == "cancelled" for run_id in rest)
    with pytest.raises(NotAllowed, match="nothing to stop"):
        sweeps.cancel(sweep.id)


def test_stopping_does_not_wait_for_a_run_that_nobody_works_on(
    sweeps: Sweeps, store: Store
) -> None:
    sweep = sweeps.launch(GRID)
    assert Journal(store.database, in_order(store)[0], 1).begin()
    sweeps.cancel(sweep.id)
    assert sweeps.get_summary(sweep.id).counts == {"cancelled": 8}


def test_going_on_puts_all_that_stopped_back_in_order(
    sweeps: Sweeps, store: Store, jobs: Jobs, report: RetrievalReport
) -> None:
    sweep = sweeps.launch(GRID)
    done, failed, *rest = in_order(store)
    finish(store, done, report)
    journal = Journal(store.database, failed, 1)
    assert journal.begin() and journal.finish("failed", "why")
    sweeps.cancel(sweep.id)
    assert sweeps.resume(sweep.id) == 7
    assert in_order(store) == [failed, *rest]
    assert store.attempt(failed) == Attempt(failed, 2)
    assert {f"{run_id}-2" for run_id in (failed, *rest)} <= jobs.live()
    assert store.get_summary(failed).error is None
    with pytest.raises(NotAllowed, match="nothing to resume"):
        sweeps.resume(sweep.id)


# --- deleting -----------------------------------------------------------------------------------


def test_a_live_sweep_is_not_deleted(sweeps: Sweeps, store: Store) -> None:
    sweep = sweeps.launch(GRID)
    for with_runs in (False, True):
        with pytest.raises(NotAllowed, match="Stop it first"):
            sweeps.delete(sweep.id, with_runs=with_runs)
    assert len(store.list_runs()) == 8 and sweeps.get_summary(sweep.id).live


def test_runs_stay_as_ordinary_ones_or_go_with_it(
    sweeps: Sweeps, store: Store, client: DBOSClient, settings: Settings
) -> None:
    kept, gone = sweeps.launch(GRID), sweeps.launch(GRID)
    sweeps.cancel(kept.id)
    sweeps.cancel(gone.id)
    mine = [run.id for run in store.list_runs() if run.sweep == gone.id]
    (settings.runs_dir / mine[0]).mkdir()
    assert sorted(sweeps.delete(gone.id, with_runs=True)) == sorted(mine)
    assert not (settings.runs_dir / mine[0]).exists()
    assert sweeps.delete(kept.id) == []
    left = store.list_runs()
    assert len(left) == 8 and {run.sweep for run in left} == {None}
    assert len(client.list_workflows()) == 8 and sweeps.list_sweeps() == []
    for ask in (sweeps.get_sweep, sweeps.cancel, sweeps.resume, sweeps.delete, sweeps.take):
        with pytest.raises(NotFound, match="s-"):
            ask(gone.id)


def test_a_run_that_is_deleted_by_itself_leaves_an_empty_cell(
    sweeps: Sweeps, store: Store, jobs: Jobs
) -> None:
    sweep = sweeps.launch(GRID)
    sweeps.cancel(sweep.id)
    jobs.delete(store.list_runs()[-1].id)  # the oldest, first in order
    detail = sweeps.get_sweep(sweep.id)
    assert [cell.run is None for cell in detail.cells] == [True] + [False] * 7
    assert detail.summary.counts == {"cancelled": 7}
    assert sweeps.resume(sweep.id) == 7  # what was deleted stays deleted


def test_names_are_trimmed_and_checked(sweeps: Sweeps) -> None:
    sweep = sweeps.launch(GRID)
    assert sweep.name == "scenes-small: 2 pairs x 2 methods x 2 sizes"
    sweeps.rename(sweep.id, "  a   name ")
    assert sweeps.get_summary(sweep.id).name == "a name"
    with pytest.raises(InvalidInput, match="1 to 120"):
        sweeps.rename(sweep.id, " ")


# --- in a terminal ------------------------------------------------------------------------------


def test_runs_for_a_terminal_wait_for_it_and_can_be_taken_over(
    sweeps: Sweeps, store: Store, jobs: Jobs
) -> None:
    sweep_id = sweeps.create(GRID, in_terminal=True)
    assert sweeps.get_summary(sweep_id).counts == {"interrupted": 8}
    assert jobs.reconcile() == [] and jobs.live() == set()
    ids = sweeps.take(sweep_id)
    requests = [store.get_run(run_id).request for run_id in ids]
    assert requests == [cell.request(GRID) for cell in queue_order(GRID)]
    assert all(map(sweeps.waits, ids)) and store.get_summary(ids[0]).error == WAITS
    jobs.resume(ids[0])  # by the app
    assert not sweeps.waits(ids[0])
    sweeps.cancel(sweep_id)
    assert not any(map(sweeps.waits, ids))
    assert sweeps.get_summary(sweep_id).counts == {"cancelled": 8}


# --- the table ----------------------------------------------------------------------------------


def test_the_table_has_means_intervals_and_seeds(
    sweeps: Sweeps, store: Store, report: RetrievalReport
) -> None:
    sweep = sweeps.launch(GRID)
    first, second, *_ = in_order(store)
    finish(store, first, report)
    one = Spread(values=(0.2, 0.4), mean=0.3, interval=(0.1, 0.5))
    way = DirectionSpread(recall_at_1=one, recall_at_5=one, recall_at_10=one)
    across = AcrossSeeds(seeds=(3, 4), image_to_text=way, text_to_image=way)
    finish(store, second, report.model_copy(update={"across_seeds": across}))
    rows = {row["run"]: row for row in table(sweeps.get_sweep(sweep.id).cells)}
    assert len(rows) == 8
    assert rows[first]["interval_over"] == "test items"
    assert rows[first]["text_to_image"] == {
        "mean": 0.25,
        "interval": [0.2, 0.3],
        "values": [0.25],
        "chance": 0.01,
    }
    assert rows[second]["interval_over"] == "seeds" and rows[second]["train_images"] == 100
    assert rows[second]["image_to_text"]["values"] == [0.2, 0.4]
    assert rows[second]["image_to_text"]["mean"] == 0.3
    assert sum("text_to_image" in row for row in rows.values()) == 2


def test_a_cells_map_is_drawn_when_somebody_looks_and_once(
    sweeps: Sweeps, jobs: Jobs, client: DBOSClient, store: Store
) -> None:
    sweep_id = sweeps.create(GRID)
    cell = next(cell.run for cell in sweeps.get_sweep(sweep_id).cells if cell.run is not None)
    journal = Journal(store.database, cell.id, 1)
    jobs.draw_map(cell.id)
    assert store.map_state(cell.id) is None, "it has not finished"
    assert journal.begin() and journal.finish("finished")
    jobs.reconcile()
    assert store.map_state(cell.id) is None
    jobs.draw_map(cell.id)
    jobs.draw_map(cell.id)
    assert store.map_state(cell.id) == "queued"
    assert [job.workflow_id for job in client.list_workflows()] == [f"{cell.id}-1-map"]
