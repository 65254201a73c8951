"""The table of cycles: chains of items of a run's gallery, each found from the one before."""

from __future__ import annotations

import sqlalchemy as sa

from backend.runs import views
from backend.runs.database import Database
from backend.runs.models import Cycle as Row
from backend.runs.store import run_row
from backend.schemas import Cycle
from backend.settings import Settings


class Cycles:
    """Queries and changes.

    Args:
        database: an open one.
        settings: where everything lies; paths are kept relative to the home.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self._home = settings.home.resolve()

    def add(self, cycle: Cycle) -> None:
        """Keeps a cycle; one with the same id is replaced.

        Raises:
            NotFound: there is no such run.
        """
        with self.database.write() as session:
            run_row(session, cycle.run)
            session.merge(
                Row(
                    id=cycle.id,
                    run_id=cycle.run,
                    seed_item=cycle.seed.id,
                    seed=views.stored_item(cycle.seed, self._home),
                    steps=[
                        {
                            **step.model_dump(mode="json"),
                            "item": views.stored_item(step.item, self._home),
                        }
                        for step in cycle.steps
                    ],
                    closes_at=cycle.closes_at,
                    period=cycle.period,
                )
            )

    def of_run(self, run_id: str) -> list[Cycle]:
        """A run's cycles, newest first.

        Raises:
            NotFound: there is no such run.
        """
        with self.database.read() as session:
            name = run_row(session, run_id).name
            rows = session.scalars(
                sa.select(Row).where(Row.run_id == run_id).order_by(Row.created_at.desc(), Row.id)
            )
            return [views.cycle(row, name, self._home) for row in rows]
