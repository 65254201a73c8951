"""The process that carries jobs out, one at a time. It may be killed at any moment: what it was
doing goes on after its last finished step when it is started again.

    python -m backend worker            by hand
    python -m backend worker --parent 1234   by an app, with which it ends

There is one worker a home (:class:`backend.runs.locks.WorkerLock`). It ends by being killed and
cleans nothing up, so that only one way of ending has to be right.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig
from sqlalchemy.exc import SQLAlchemyError

from backend.errors import NotFound
from backend.runs.evaluations.carrying_out import carry_evaluation_out
from backend.runs.execution import Outcome, carry_out
from backend.runs.jobs import (
    ALIGN,
    EVALUATE,
    MAP,
    PIPELINE_VERSION,
    QUEUE,
    Jobs,
    job_id,
    prepare,
    serializer,
)
from backend.runs.journal import Journal
from backend.runs.lifeline import Lifeline
from backend.runs.locks import RunLock, WorkerLock
from backend.runs.logs import log_file, log_to
from backend.runs.maps import draw_map
from backend.runs.models import Worker as WorkerRow
from backend.runs.models import now
from backend.runs.pipeline import Pipeline, import_heavy
from backend.runs.store import Attempt, Store
from backend.settings import Settings

log = logging.getLogger("backend.runs.worker")  # not __main__, which it is when started

#: exit status where another worker serves this home already
BUSY = 75
#: a job whose worker died so often is given up: it is probably what kills it
MOST_RECOVERIES = 10
LOOK_EVERY = 0.25
BEAT_EVERY = 1.0
RECONCILE_EVERY = 10.0
WARM_EVERY = 2.0
RECOVERY_PATIENCE = 5.0
CANCEL_PATIENCE = timedelta(seconds=1.2)


def main(settings: Settings, parent: int | None = None) -> int:
    """Works until killed, or until ``parent`` is gone.

    Returns:
        Only where it could not begin: 75, since another worker serves this home.
    """
    lifeline = Lifeline(parent)
    lock = WorkerLock(settings)
    settings.make_dirs()
    if not lock.take(patience=2.0):
        return BUSY
    log_path = log_file(settings, "worker")
    log_to(log_path)
    if hasattr(os, "nice"):
        os.nice(5)  # the app, which answers people, goes first
    Worker(settings, log_path.relative_to(settings.data_dir.parent)).run(lifeline)
    return 0


class Worker:
    """One worker process."""

    def __init__(self, settings: Settings, log_path: Path) -> None:
        self.settings = settings
        self._log = log_path
        self.store = Store(settings)
        self.jobs = Jobs(settings, self.store)
        self._started = now()
        self._state, self._device = "starting", settings.device
        self._imported = threading.Event()

    def run(self, lifeline: Lifeline) -> None:
        """Says that it is alive, takes up what was left, then watches until its parent is gone."""
        self.beat()
        log.info("worker %d serves %s", os.getpid(), self.settings.home)
        prepare(self.settings)
        self._attend(self.jobs.reconcile)
        self._launch()
        threading.Thread(target=self._import, name="imports", daemon=True).start()
        beaten, reconciled = time.monotonic(), time.monotonic()
        while lifeline.holds():
            moment = time.monotonic()
            if moment - beaten >= BEAT_EVERY:
                beaten = moment
                self._attend(self.beat)
            if moment - reconciled >= RECONCILE_EVERY:
                reconciled = moment
                self._attend(self.jobs.reconcile)
            self._attend(self._give_up)
            time.sleep(LOOK_EVERY)
        log.info("the app is gone; worker %d ends", os.getpid())
        logging.shutdown()
        os._exit(0)

    def beat(self) -> None:
        """Says that it is alive."""
        with self.store.database.write() as session:
            session.merge(
                WorkerRow(
                    id="worker",
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    device=self._device,
                    state=self._state,
                    started_at=self._started,
                    beat_at=now(),
                )
            )

    def _attend(self, duty: Callable[[], Any]) -> None:
        try:
            duty()
        except SQLAlchemyError as error:
            log.warning("the database did not answer: %s", error)

    def _give_up(self) -> None:
        given_up = self.store.give_up_cancelled(CANCEL_PATIENCE)
        given_up += self.jobs.evaluations.give_up_cancelled(CANCEL_PATIENCE)
        for name in given_up:
            log.warning("%s did not stop by itself and was given up", name)

    def _import(self) -> None:
        # beside the first job, whose first step needs none of it
        begun = time.monotonic()
        try:
            self._device = import_heavy(self.settings)
        finally:
            self._state = "ready"
            self._imported.set()
        log.info("libraries imported in %.1f s", time.monotonic() - begun)
        self._warm_up()

    def _warm_up(self) -> None:
        """Compiles what the first map needs, once nothing waits: it would take part of the interpreter
        from whatever else goes on here."""
        from backend.exploration.layouts.umaps import warm_up

        try:
            while self.jobs.live():
                time.sleep(WARM_EVERY)
            begun = time.monotonic()
            warm_up()
        except Exception:  # the first map then takes longer, and says itself what is wrong
            log.exception("the map could not be warmed up")
            return
        log.info("the map's methods were warmed up in %.1f s", time.monotonic() - begun)

    def _launch(self) -> None:
        config: DBOSConfig = {
            "name": "isthmus",
            "system_database_url": self.settings.job_database_url,
            "application_version": PIPELINE_VERSION,
            # fixed, so that a new process recognises the jobs of the one that was killed as its own
            "executor_id": "worker",
            "serializer": serializer(),
            "run_migrations": False,
            "log_level": "WARNING",
        }
        DBOS(config=config)

        @DBOS.workflow(name=ALIGN, max_recovery_attempts=MOST_RECOVERIES)
        def align(run_id: str, number: int) -> str:
            return self._align(run_id, number)

        @DBOS.workflow(name=MAP, max_recovery_attempts=MOST_RECOVERIES)
        def draw(run_id: str, number: int) -> str:
            return self._map(run_id, number)

        @DBOS.workflow(name=EVALUATE, max_recovery_attempts=MOST_RECOVERIES)
        def evaluate(evaluation_id: str, number: int) -> str:
            return self._evaluate(Attempt(evaluation_id, number))

        # what a killed worker had begun is put back into the queue before anything is taken out of
        # it; otherwise a run that waited would overtake the one that was running
        self.jobs.pause()
        DBOS.launch()
        patience = time.monotonic() + RECOVERY_PATIENCE
        while self.jobs.begun() and time.monotonic() < patience:
            time.sleep(0.02)
        DBOS.register_queue(
            QUEUE, worker_concurrency=1, polling_interval_sec=0.2, on_conflict="always_update"
        )

    def _align(self, run_id: str, number: int) -> str:
        journal = Journal(self.store.database, run_id, number)
        with RunLock(self.settings, run_id):
            try:
                work = Pipeline(self.settings, self.store, journal, ready=self._imported.wait)
            except NotFound:  # deleted while its job waited
                return "nothing to do"
            outcome = carry_out(work, journal, self._log, _as_step)
        if outcome == "done" and self.store.map_state(run_id) == "queued":
            self.jobs.enqueue_map(Attempt(run_id, number))
        return outcome

    def _map(self, run_id: str, number: int) -> str:
        attempt = Attempt(run_id, number)
        self._imported.wait()
        with RunLock(self.settings, run_id):
            return _as_step("map", lambda: self._draw(attempt))

    def _evaluate(self, attempt: Attempt) -> str:
        self._imported.wait()

        def work() -> Outcome:
            return carry_evaluation_out(self.settings, self.store, attempt, self._log)

        with RunLock(self.settings, attempt.run_id):
            return _as_step("evaluation", work)

    def _draw(self, attempt: Attempt) -> Outcome:
        log.info("%s: map: begins", job_id(attempt))
        try:
            draw_map(self.settings, self.store, attempt.run_id)
        except Exception:
            # nothing depends on it: the run is shown with its quick map
            log.exception("%s: map: failed", job_id(attempt))
            self.store.set_map_state(attempt.run_id, "failed")
            return "failed"
        log.info("%s: map: done", job_id(attempt))
        return "done"


def _as_step(name: str, work: Callable[[], Outcome]) -> Outcome:
    return DBOS.run_step({"name": name}, work)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m backend.runs.worker")
    parser.add_argument("--parent", type=int, help="process id of the app; ends with it")
    raise SystemExit(main(Settings(), parser.parse_args().parent))
