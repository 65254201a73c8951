"""Data sets and encoders of any modality; a data set's report.

What was remembered in the form of revision 0001 is carried over.

Revision: 0002, after 0001.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TOLD = ("id", "name", "description", "built_in", "splits", "set_aside")


def upgrade() -> None:
    datasets, encoders = _rows("datasets"), _rows("encoders")
    op.drop_table("datasets")
    op.drop_table("encoders")
    new_datasets = op.create_table(
        "datasets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("info", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
    )
    new_encoders = op.create_table(
        "encoders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("info", sa.JSON(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", "modality", name=op.f("pk_encoders")),
    )
    kept = ("id", "fingerprint", "checked_at")
    op.bulk_insert(
        new_datasets,
        [
            {"info": {n: row[n] for n in _TOLD}, "report": None, **{n: row[n] for n in kept}}
            for row in datasets
        ],
    )
    for row in encoders:
        row["info"]["modality"] = row["info"].pop("side")
    op.bulk_insert(
        new_encoders,
        [
            {"modality": row["side"], **{n: row[n] for n in ("id", "info", "checked_at")}}
            for row in encoders
        ],
    )


def downgrade() -> None:
    datasets, encoders = _rows("datasets"), _rows("encoders")
    op.drop_table("datasets")
    op.drop_table("encoders")
    old_datasets = op.create_table(
        "datasets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("built_in", sa.Boolean(), nullable=False),
        sa.Column("splits", sa.JSON(), nullable=False),
        sa.Column("set_aside", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
    )
    old_encoders = op.create_table(
        "encoders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.Column("info", sa.JSON(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", "side", name=op.f("pk_encoders")),
    )
    kept = ("fingerprint", "checked_at")
    op.bulk_insert(
        old_datasets,
        [
            {**{n: row["info"][n] for n in _TOLD}, **{n: row[n] for n in kept}}
            for row in datasets
            if row["info"].get("modality", "image") == "image"
        ],
    )
    known = ("id", "name", "description", "built_in", "dimension", "parameters", "licence")
    op.bulk_insert(
        old_encoders,
        [
            {
                "id": row["id"],
                "side": row["modality"],
                "info": {"side": row["modality"], **{n: row["info"].get(n) for n in known}},
                "checked_at": row["checked_at"],
            }
            for row in encoders
            if row["modality"] in ("image", "text")
        ],
    )


def _rows(name: str) -> list[dict[str, Any]]:
    """A table's rows as it is now, JSON and times read."""
    table = sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())
    return [dict(row) for row in op.get_bind().execute(sa.select(table)).mappings()]
