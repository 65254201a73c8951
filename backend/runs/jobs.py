"""The queue, seen from outside: put runs in, take them out, see who works.

Jobs are DBOS workflows in a database of their own, with JSON, never pickle. One workflow is one
attempt at a run: cancelling is our own flag in the run's row, which work looks at several times a
second (DBOS alone would only look between steps), and Resume is a new attempt that skips quickly
over what is on disk.
"""

from __future__ import annotations

import logging
import socket
import sqlite3
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa
from filelock import FileLock

from backend.alignment.methods import METHODS
from backend.errors import NotAllowed
from backend.runs.evaluations.rows import Evaluations
from backend.runs.locks import RunLock, WorkerLock
from backend.runs.models import Worker, now
from backend.runs.plan import plan
from backend.runs.seeds import finish_early, places
from backend.runs.store import Attempt, Store
from backend.schemas import (
    RESUMABLE,
    EvaluationKind,
    Frozen,
    RunRequest,
    RunSummary,
    WorkerState,
)
from backend.settings import Settings

if TYPE_CHECKING:
    # a third of a second to import, and a page can be painted without it
    from dbos import DBOSClient, Serializer

log = logging.getLogger(__name__)

QUEUE = "work"
ALIGN, MAP, EVALUATE = "align", "map", "evaluate"
#: what a worker does between taking a job and ending it. To be raised whenever the steps change: an
#: attempt that was begun by other steps cannot go on with these, and is shown as interrupted
PIPELINE_VERSION = "2"
#: an evaluation takes seconds to minutes, so it is not made to wait for a whole sweep of runs; the
#: queue's lowest priority: a person waits for a run, nobody for a map
FIRST, LAST = 1, 2**31 - 1
#: a worker that has not spoken for so long is taken for dead
BEAT_PATIENCE = timedelta(seconds=10)
#: between its row and its job a new attempt needs a moment
SETTLE = timedelta(seconds=10)


class Jobs:
    """What services, the worker and the command line use. Opening it costs nothing."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.evaluations = Evaluations(store.database)

    @cached_property
    def _client(self) -> DBOSClient:
        from dbos import DBOSClient

        prepare(self.settings)
        return DBOSClient(
            system_database_url=self.settings.job_database_url,
            serializer=serializer(),
            retry_connection_errors=False,
        )

    # --- runs -----------------------------------------------------------------------------------

    def launch(self, request: RunRequest, *, demonstration: bool = False) -> RunSummary:
        """Adds a run and puts it into the queue.

        Args:
            request: what is asked for; data set and encoders are checked by whoever calls.
            demonstration: made by the app itself.

        Raises:
            InvalidInput: unknown method, or options that cannot be used; all of them at once.
        """
        attempt = self.store.create_run(request, *plan(request), demonstration=demonstration)
        self.enqueue(attempt)
        return self.store.get_summary(attempt.run_id)

    def cancel(self, run_id: str) -> None:
        """Stops a run; what was done is kept.

        Raises:
            NotFound: there is no such run.
            NotAllowed: it has ended already.
        """
        status = self.store.request_cancel(run_id)
        if status == "running" and not RunLock(self.settings, run_id).held():
            # nobody works on it, so nobody would see the flag
            self.store.give_up_cancelled(timedelta(0), run_id)
            status = "cancelled"
        if status == "cancelled":
            self._client.cancel_workflow(job_id(self.store.attempt(run_id)))

    def resume(self, run_id: str) -> None:
        """Puts a run that had stopped back into the queue; it goes on after its last finished step.

        Raises:
            NotFound: there is no such run.
            NotAllowed: it is live or finished.
        """
        self.enqueue(self.store.new_attempt(run_id))

    def finish_now(self, run_id: str) -> None:
        """Has a run that is training, or was stopped while it was, take its best heads so far.

        What it asks for stays asked for: the run is evaluated and finished, with no further training.

        Raises:
            NotFound: there is no such run.
            NotAllowed: its method is not trained, it has no heads yet, or no training is left.
        """
        detail = self.store.get_run(run_id)
        request, status = detail.request, detail.summary.status
        if not METHODS[request.method].info.trained:
            raise NotAllowed(
                f"{request.method} is not trained step by step, so it has no best so far."
            )
        if status not in (*RESUMABLE, "running"):
            raise NotAllowed(f"Run {run_id} is {status}; there is no training to end.")
        finish_early(places(self.settings.runs_dir / run_id, request))
        if status != "running":
            self.enqueue(self.store.new_attempt(run_id, first=True))

    def delete(self, run_id: str) -> None:
        """Removes a run, its files and its jobs.

        Raises:
            NotFound: there is no such run.
            NotAllowed: it is still going on.
        """
        self.store.delete_run(run_id)
        self._delete_idle(run_id)

    # --- evaluations ----------------------------------------------------------------------------

    def launch_evaluation(self, kind: EvaluationKind, request: Frozen, run_id: str | None) -> str:
        """Adds an evaluation and puts it into the queue, before the runs that wait.

        Returns:
            Its id.
        """
        attempt = self.evaluations.create(kind, request, run_id)
        self._enqueue(EVALUATE, job_id(attempt), attempt, FIRST)
        return attempt.run_id

    def cancel_evaluation(self, evaluation_id: str) -> None:
        """Stops an evaluation.

        Raises:
            NotFound: there is no such evaluation.
            NotAllowed: it has ended already.
        """
        rows = self.evaluations
        status = rows.request_cancel(evaluation_id)
        if status == "running" and not RunLock(self.settings, evaluation_id).held():
            # nobody works on it, so nobody would see the flag
            rows.give_up_cancelled(timedelta(0), evaluation_id)
            status = "cancelled"
        if status == "cancelled":
            self._client.cancel_workflow(job_id(rows.attempt(evaluation_id)))

    def resume_evaluation(self, evaluation_id: str) -> None:
        """Puts one that had stopped back into the queue.

        Raises:
            NotFound: there is no such evaluation.
            NotAllowed: it is live or finished.
        """
        attempt = self.evaluations.new_attempt(evaluation_id)
        self._enqueue(EVALUATE, job_id(attempt), attempt, FIRST)

    def delete_evaluation(self, evaluation_id: str) -> None:
        """Removes one with its jobs.

        Raises:
            NotFound: there is no such evaluation.
            NotAllowed: it is still going on.
        """
        self.evaluations.delete(evaluation_id)
        RunLock(self.settings, evaluation_id).forget()
        self._delete_idle(evaluation_id)

    # --- jobs -----------------------------------------------------------------------------------

    def enqueue(self, attempt: Attempt) -> None:
        """Puts the work of an attempt into the queue. Doing so twice changes nothing."""
        # DBOS orders by priority, then by whole seconds, which is too coarse for first come first
        # served
        self._enqueue(ALIGN, job_id(attempt), attempt, self.store.place(attempt.run_id))

    def enqueue_map(self, attempt: Attempt) -> None:
        """Puts the drawing of a finished run's map into the queue. Twice changes nothing."""
        self._enqueue(MAP, f"{job_id(attempt)}-map", attempt, LAST)

    def draw_map(self, run_id: str) -> None:
        """Has a finished run's final map drawn, where nobody asked for it yet."""
        # looked at first: a page that is opened should not have to write
        if self.store.map_state(run_id) is None and (attempt := self.store.ask_for_map(run_id)):
            self.enqueue_map(attempt)

    def rebuild_index(self, run_id: str) -> None:
        """Has a finished run's index built again, and its map after it, where that is not under way."""
        if attempt := self.store.ask_for_map(run_id, again=True):
            job = f"{job_id(attempt)}-map"
            if self._client.list_workflows(workflow_ids=[job], load_input=False):
                self._client.delete_workflows([job])  # the same id would be taken for done
            self.enqueue_map(attempt)

    def _enqueue(self, workflow: str, job: str, attempt: Attempt, priority: int) -> None:
        self._client.enqueue(
            {
                "workflow_name": workflow,
                "queue_name": QUEUE,
                "workflow_id": job,
                "priority": priority,
            },
            attempt.run_id,
            attempt.number,
        )

    def _delete_idle(self, name: str) -> None:
        """Removes the jobs of a run or an evaluation that no worker has begun."""
        jobs = self._client.list_workflows(
            workflow_id_prefix=f"{name}-", load_input=False, load_output=False
        )
        idle = [job.workflow_id for job in jobs if job.status != "PENDING"]
        if idle:
            self._client.delete_workflows(idle)

    def pause(self) -> None:
        """Takes the queue away, so that no job is handed out; those in it stay."""
        self._client.delete_queue(QUEUE)

    def begun(self) -> list[str]:
        """Ids of the jobs that a worker with these steps has begun and not put back."""
        jobs = self._client.list_workflows(
            status="PENDING", app_version=PIPELINE_VERSION, load_input=False, load_output=False
        )
        return [job.workflow_id for job in jobs]

    def live(self) -> set[str]:
        """Ids of the jobs that wait, or that a worker has begun and will go on with."""
        jobs = self._client.list_workflows(
            status=["ENQUEUED", "DELAYED", "PENDING"], load_input=False, load_output=False
        )
        return {
            job.workflow_id
            for job in jobs
            if job.status != "PENDING" or job.app_version == PIPELINE_VERSION
        }

    def reconcile(self) -> list[str]:
        """Brings rows and jobs together again after something died between the two.

        A live row without a job and without anybody who works on it is interrupted. A map that was
        promised and has no job gets one; where that job has come to an end, the map has failed.

        Returns:
            The ids of the runs and evaluations that were marked as interrupted.
        """
        attempts = self.store.live_attempts(SETTLE)
        evaluations = self.evaluations.live_attempts(SETTLE)
        maps = self.store.unfinished_maps()
        if not attempts and not maps and not evaluations:
            return []
        live = self.live()

        def left(attempt: Attempt) -> bool:
            return job_id(attempt) not in live and not RunLock(self.settings, attempt.run_id).held()

        interrupted = [
            attempt.run_id
            for attempt in attempts
            if left(attempt)
            and self.store.interrupt(
                attempt, "The work on this run was interrupted. Resume goes on after its last step."
            )
        ]
        interrupted += [
            attempt.run_id
            for attempt in evaluations
            if left(attempt)
            and self.evaluations.interrupt(
                attempt, "This evaluation was interrupted. Resume goes on with what is encoded."
            )
        ]
        for attempt in maps:
            job = f"{job_id(attempt)}-map"
            if job in live or RunLock(self.settings, attempt.run_id).held():
                continue
            if self._client.list_workflows(workflow_ids=[job], load_input=False):
                self.store.set_map_state(attempt.run_id, "failed")
            else:
                self.enqueue_map(attempt)
        if interrupted:
            log.warning("interrupted: %s", ", ".join(interrupted))
        return interrupted

    # --- the worker -----------------------------------------------------------------------------

    def worker(self) -> WorkerState:
        """Whether jobs are being carried out, in words."""
        with self.store.database.read() as session:
            row = session.scalars(sa.select(Worker).order_by(Worker.beat_at.desc())).first()
        alive = row is not None and now() - row.beat_at < BEAT_PATIENCE
        if row is not None and alive and row.host == socket.gethostname():
            # its lock tells at once what its silence tells only after a while
            alive = WorkerLock(self.settings).held()
        if row is None or not alive:
            return WorkerState(
                alive=False,
                device=None,
                message="No worker is running, so runs wait. It starts with the app; "
                "by hand: python -m backend worker",
            )
        words = {"starting": "The worker is starting", "ready": "The worker is ready"}
        return WorkerState(
            alive=True, device=row.device, message=f"{words[row.state]} ({row.device})."
        )

    def close(self) -> None:
        """Closes the connections to the jobs' database."""
        if "_client" in self.__dict__:
            self._client.destroy()
            del self.__dict__["_client"]


def job_id(attempt: Attempt) -> str:
    """The workflow of an attempt."""
    return f"{attempt.run_id}-{attempt.number}"


def serializer() -> Serializer:
    """Plain JSON."""
    from dbos import DBOSPortableJSONSerializer

    return DBOSPortableJSONSerializer()


def prepare(settings: Settings) -> None:
    """Makes the jobs' database, or brings it up to date. The client never does this by itself."""
    from dbos import DBOS

    url = sa.make_url(settings.job_database_url)
    with FileLock(settings.data_dir / "jobs.lock"):
        if url.get_backend_name() == "sqlite" and url.database:
            with sqlite3.connect(url.database) as connection:
                # kept in the file; readers and the one writer then do not wait for each other
                connection.execute("PRAGMA journal_mode = WAL")
            connection.close()
        DBOS.migrate(settings.job_database_url)
