"""What services ask and change."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from backend.errors import InvalidInput, NotAllowed, NotFound
from backend.runs.cycles import Cycles
from backend.runs.journal import Journal
from backend.runs.models import Run, now
from backend.runs.store import Attempt, Store
from backend.schemas import (
    Cycle,
    CycleStep,
    HeatMap,
    Item,
    RetrievalReport,
    RunRequest,
)
from backend.settings import Settings


def started(store: Store, request: RunRequest) -> Journal:
    journal = Journal(store.database, *store.create_run(request, {}, {}))
    assert journal.begin()
    return journal


def cycles_of(store: Store) -> Cycles:
    """The table of cycles beside a store."""
    return Cycles(store.database, store.settings)


def finished(store: Store, request: RunRequest) -> str:
    journal = started(store, request)
    journal.finish("finished")
    return journal.run_id


def test_a_request_comes_back_whole(store: Store) -> None:
    request = RunRequest(
        dataset="/photos/two words",
        image_encoder="scene-resnet-ssl",
        text_encoder="minilm",
        method="ridge",
        options={"ridge": 0.5, "dimension": 64},
        seed=7,
        train_images=20,
        name="mine; rm -rf",
    )
    run_id = store.create_run(request, {"options": {"ridge": 0.5}}, {"torch": "2"}).run_id
    detail = store.get_run(run_id)
    assert detail.request == request
    assert detail.summary.name == "mine; rm -rf" and detail.summary.seed == 7
    assert detail.configuration == {"options": {"ridge": 0.5}} and detail.versions == {"torch": "2"}
    assert shlex.split(detail.command) == [
        *("python", "-m", "backend", "align", "--dataset", "/photos/two words"),
        *("--image-encoder", "scene-resnet-ssl", "--text-encoder", "minilm", "--method", "ridge"),
        *("--option", "dimension=64", "--option", "ridge=0.5", "--seed", "7"),
        *("--train-images", "20", "--name", "mine; rm -rf"),
    ]


def test_ids_are_short_and_unlike(store: Store, request_: RunRequest) -> None:
    ids = {store.create_run(request_, {}, {}).run_id for _ in range(20)}
    assert len(ids) == 20
    assert all(len(run_id) == 8 and run_id.startswith("r-") for run_id in ids)


def test_a_run_without_a_name_gets_one(store: Store, request_: RunRequest) -> None:
    run_id = store.create_run(request_, {}, {}).run_id
    assert store.get_summary(run_id).name == "vit + minilm on scenes-small"


def test_newest_first_and_places_in_the_queue(store: Store, request_: RunRequest) -> None:
    first, second, third = (store.create_run(request_, {}, {}) for _ in range(3))
    assert [run.id for run in store.list_runs()] == [third.run_id, second.run_id, first.run_id]
    assert [run.queue_position for run in store.list_runs()] == [3, 2, 1]
    Journal(store.database, *first).begin()
    assert [run.queue_position for run in store.list_runs()] == [2, 1, None]
    store.request_cancel(second.run_id)
    store.new_attempt(second.run_id)  # goes to the end
    assert [run.queue_position for run in store.list_runs()] == [1, 2, None]


def test_names_are_trimmed_and_checked(store: Store, request_: RunRequest) -> None:
    run_id = store.create_run(request_, {}, {}).run_id
    store.rename_run(run_id, "  a   better\nname ")
    assert store.get_summary(run_id).name == "a better name"
    for bad in ("", "   ", "x" * 121):
        with pytest.raises(InvalidInput, match="1 to 120"):
            store.rename_run(run_id, bad)
    assert store.get_summary(run_id).name == "a better name"


def test_what_is_not_there_is_said(store: Store) -> None:
    for ask in (
        store.get_run,
        store.get_summary,
        store.request_cancel,
        store.new_attempt,
        store.delete_run,
        cycles_of(store).of_run,
        lambda run_id: store.rename_run(run_id, "name"),
    ):
        with pytest.raises(NotFound, match="r-none"):
            ask("r-none")


def test_only_live_runs_can_be_stopped_and_only_stopped_ones_resumed(
    store: Store, request_: RunRequest
) -> None:
    journal = started(store, request_)
    with pytest.raises(NotAllowed, match="running"):
        store.new_attempt(journal.run_id)
    assert store.request_cancel(journal.run_id) == "running"
    journal.finish("cancelled")
    with pytest.raises(NotAllowed, match="nothing to stop"):
        store.request_cancel(journal.run_id)
    assert store.new_attempt(journal.run_id) == Attempt(journal.run_id, 2)
    summary = store.get_summary(journal.run_id)
    assert summary.status == "queued" and summary.finished_at is None
    with pytest.raises(NotAllowed):
        store.new_attempt(finished(store, request_))


def test_a_resumed_run_is_not_stopped_by_the_wish_of_before(
    store: Store, request_: RunRequest
) -> None:
    journal = started(store, request_)
    store.request_cancel(journal.run_id)
    assert store.give_up_cancelled(timedelta(0)) == [journal.run_id]
    second = Journal(store.database, *store.new_attempt(journal.run_id))
    assert second.begin()
    second.progress("Align", 1, 1, 1, 2, "steps", None)
    assert store.give_up_cancelled(timedelta(0)) == []


def test_giving_up_waits_and_is_about_one_run(store: Store, request_: RunRequest) -> None:
    first, second = started(store, request_), started(store, request_)
    store.request_cancel(first.run_id)
    store.request_cancel(second.run_id)
    assert store.give_up_cancelled(timedelta(hours=1)) == []
    assert store.give_up_cancelled(timedelta(0), second.run_id) == [second.run_id]
    assert store.get_summary(first.run_id).status == "running"
    assert store.get_summary(second.run_id).status == "cancelled"


def test_deleting_takes_everything_of_the_run_and_nothing_else(
    store: Store, settings: Settings, request_: RunRequest, report: RetrievalReport
) -> None:
    kept, gone = started(store, request_), started(store, request_)
    for journal in (kept, gone):
        journal.add_metrics([(1, "loss", 1.0)])
        journal.set_report(report)
        journal.set_artefact("heads", "data/heads")
        cycles_of(store).add(cycle(settings, journal.run_id, f"c-{journal.run_id}"))
        for folder in (settings.runs_dir, settings.indexes_dir):
            (folder / journal.run_id).mkdir()
            (folder / journal.run_id / "file").write_text("x")
    with pytest.raises(NotAllowed, match="Stop it first"):
        store.delete_run(gone.run_id)
    kept.finish("finished")
    gone.finish("failed", "why")
    store.delete_run(gone.run_id)
    assert [run.id for run in store.list_runs()] == [kept.run_id]
    assert not (settings.runs_dir / gone.run_id).exists()
    assert not (settings.indexes_dir / gone.run_id).exists()
    assert (settings.runs_dir / kept.run_id / "file").exists()
    with store.database.engine.connect() as connection:
        for table in ("metrics", "reports", "artefacts", "cycles"):
            left = connection.exec_driver_sql(f"SELECT run_id FROM {table}").scalars().all()
            assert left == [kept.run_id], table


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 4321])
def test_curves_are_thinned_evenly_and_keep_both_ends(
    store: Store, request_: RunRequest, count: int
) -> None:
    journal = started(store, request_)
    journal.add_metrics([(step * 10, "train/loss", float(step)) for step in range(count)])
    journal.add_metrics([(3, "val/recall", 0.5)])
    loss, recall = store.get_run(journal.run_id).series
    assert len(loss.steps) == count if count <= 1000 else 500 <= len(loss.steps) <= 1000
    assert loss.steps[0] == 0 and loss.steps[-1] == (count - 1) * 10
    assert list(loss.steps) == sorted(set(loss.steps))
    assert all(value * 10 == step for step, value in zip(loss.steps, loss.values, strict=True))
    assert len({b - a for a, b in zip(loss.steps, loss.steps[1:-1], strict=False)}) <= 1
    assert recall.steps == (3,) and recall.values == (0.5,)


def test_interrupting_is_about_one_attempt(store: Store, request_: RunRequest) -> None:
    journal = started(store, request_)
    journal.finish("cancelled")
    second = store.new_attempt(journal.run_id)
    assert not store.interrupt(Attempt(journal.run_id, 1), "gone")
    assert store.interrupt(second, "gone")
    summary = store.get_summary(journal.run_id)
    assert summary.status == "interrupted" and summary.error == "gone" and summary.resumable


def test_live_attempts_leave_out_what_was_begun_just_now(
    store: Store, request_: RunRequest
) -> None:
    old, fresh = store.create_run(request_, {}, {}), store.create_run(request_, {}, {})
    with store.database.write() as session:
        row = session.get(Run, old.run_id)
        assert row is not None
        row.queued_at = now() - timedelta(minutes=1)
    assert store.live_attempts(timedelta(seconds=10)) == [old]
    assert set(store.live_attempts(timedelta(0))) == {old, fresh}


def item(settings: Settings, name: str) -> Item:
    return Item(
        side="image",
        id=f"image:{name}",
        image_id=name,
        thumbnail=settings.thumbnails_dir / f"{name}.webp",
        captions=("a red circle",),
        attributes={"shape": "circle"},
    )


def cycle(settings: Settings, run_id: str, cycle_id: str = "c-1") -> Cycle:
    steps = tuple(
        CycleStep(
            generation=number,
            item=item(settings, f"picture-{number}"),
            similarity_to_start=1 - number / 10,
            similarity_to_previous=None if number == 0 else 0.9,
        )
        for number in range(3)
    )
    return Cycle(
        id=cycle_id,
        run=run_id,
        run_name="vit + minilm on scenes-small",
        seed=steps[0].item,
        steps=steps,
        closes_at=2,
        period=1,
    )


def test_cycles_come_back_whole_newest_first(
    store: Store, settings: Settings, request_: RunRequest
) -> None:
    run_id = finished(store, request_)
    first, second = cycle(settings, run_id, "c-1"), cycle(settings, run_id, "c-2")
    cycles_of(store).add(first)
    cycles_of(store).add(second)
    assert cycles_of(store).of_run(run_id) == [second, first]
    with pytest.raises(NotFound):
        cycles_of(store).add(cycle(settings, "r-none"))


def test_pictures_of_cycles_move_with_the_home(
    store: Store, settings: Settings, request_: RunRequest, tmp_path: Path
) -> None:
    run_id = finished(store, request_)
    cycles_of(store).add(cycle(settings, run_id))
    store.database.close()
    elsewhere = tmp_path / "moved"
    settings.home.rename(elsewhere)
    (moved,) = cycles_of(Store(Settings(home=elsewhere))).of_run(run_id)
    assert moved.seed.thumbnail == elsewhere / "indexes" / "thumbnails" / "picture-0.webp"


def test_what_takes_seconds_goes_before_all_that_wait(store: Store, request_: RunRequest) -> None:
    stopped = started(store, request_)
    stopped.finish("cancelled")
    waiting = [store.create_run(request_, {}, {}).run_id for _ in range(3)]
    store.new_attempt(stopped.run_id, first=True)
    places = {run.id: run.queue_position for run in store.list_runs()}
    assert [places[run] for run in (stopped.run_id, *waiting)] == [1, 2, 3, 4]


def test_a_run_is_listed_under_the_encoders_it_chose(store: Store) -> None:
    asked = RunRequest(
        dataset="scenes-small", image_encoder="one", image_candidates=("two",),
        text_encoder="minilm", text_candidates=("words", "letters"),
    )  # fmt: skip
    attempt = store.create_run(asked, {}, {})
    before = store.get_summary(attempt.run_id)
    assert before.name == "best of 2 + best of 3 on scenes-small"
    assert (before.image_encoder, before.text_encoder) == ("one", "minilm")
    heat = HeatMap(
        name="encoders", metric="linear CKA", rows=("one", "two"),
        columns=("minilm", "words", "letters"), values=((0.1, 0.2, 0.3), (0.4, 0.5, 0.9)),
        chosen=(1, 2), facts={},
    )  # fmt: skip
    journal = Journal(store.database, *attempt)
    assert journal.begin()
    journal.add_configuration({"selection": {"encoders": heat.model_dump(mode="json")}})
    after = store.get_summary(attempt.run_id)
    assert (after.image_encoder, after.text_encoder) == ("two", "letters")
    assert store.get_run(attempt.run_id).request == asked
