"""Many jobs at once: put into the queue, taken out and removed in one transaction each.

:class:`backend.runs.jobs.Jobs` does the same for one; by it, 500 runs would take seconds, in which
rows stand without jobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backend.runs.database import create_engine
from backend.runs.jobs import ALIGN, QUEUE, job_id, prepare, serializer
from backend.runs.store import Attempt
from backend.settings import Settings

if TYPE_CHECKING:
    from dbos import DBOSClient


def enqueue(settings: Settings, attempts: Sequence[tuple[Attempt, int]]) -> None:
    """Puts the work of attempts into the queue, each with its place there; lowest first."""
    engine = create_engine(settings.job_database_url)
    try:
        with (
            _client(settings) as client,
            engine.execution_options(write=True).begin() as connection,
        ):
            for attempt, place in attempts:
                client.enqueue_in_transaction(
                    connection,
                    {
                        "workflow_name": ALIGN,
                        "queue_name": QUEUE,
                        "workflow_id": job_id(attempt),
                        "priority": place,
                    },
                    attempt.run_id,
                    attempt.number,
                )
    finally:
        engine.dispose()


def cancel(settings: Settings, attempts: Sequence[Attempt]) -> None:
    """Takes the work of attempts out of the queue; what has no job is passed over."""
    if attempts:
        with _client(settings) as client:
            client.cancel_workflows([job_id(attempt) for attempt in attempts])


def remove(settings: Settings, runs: Sequence[str]) -> None:
    """Removes all jobs of runs that are gone; one that is being carried out stays until it ends."""
    if not runs:
        return
    with _client(settings) as client:
        jobs = client.list_workflows(
            workflow_id_prefix=[f"{run_id}-" for run_id in runs],
            load_input=False,
            load_output=False,
        )
        idle = [job.workflow_id for job in jobs if job.status != "PENDING"]
        if idle:
            client.delete_workflows(idle)


@contextmanager
def _client(settings: Settings) -> Iterator[DBOSClient]:
    """The queue, opened for one action."""
    from dbos import DBOSClient

    prepare(settings)
    client = DBOSClient(
        system_database_url=settings.job_database_url,
        serializer=serializer(),
        retry_connection_errors=False,
    )
    try:
        yield client
    finally:
        client.destroy()
