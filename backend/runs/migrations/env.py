"""How Alembic reaches the database: through the connection it is given, or the settings' own."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from backend.runs.database import create_engine
from backend.runs.models import Base, Moment
from backend.settings import Settings


def render_item(kind: str, item: Any, autogenerate: Any) -> str | Literal[False]:
    """Keeps our own types out of migrations, which must still run when models.py has moved on."""
    return "sa.DateTime(timezone=True)" if isinstance(item, Moment) else False


def run(connection: sa.Connection) -> None:
    """Runs the asked-for migrations in the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=render_item,
        transaction_per_migration=False,
    )
    context.run_migrations()


given: sa.Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    # the alembic command on a developer's machine
    with create_engine(Settings().run_database_url).begin() as opened:
        run(opened)
