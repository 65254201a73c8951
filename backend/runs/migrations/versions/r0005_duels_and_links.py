"""Duels between runs, and links to states of the pages.

Revision: 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

VERDICTS = ("left", "right", "tie", "neither")


def upgrade() -> None:
    allowed = ", ".join(f"'{verdict}'" for verdict in VERDICTS)
    op.create_table(
        "duels",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("first_id", sa.String(length=64), nullable=False),
        sa.Column("second_id", sa.String(length=64), nullable=False),
        sa.Column("swapped", sa.Boolean(), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"verdict IN ({allowed})", name=op.f("ck_duels_verdict")),
        sa.ForeignKeyConstraint(
            ["first_id"], ["runs.id"], name=op.f("fk_duels_first_id_runs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["second_id"], ["runs.id"], name=op.f("fk_duels_second_id_runs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duels")),
    )
    for column in ("first_id", "second_id", "created_at"):
        op.create_index(op.f(f"ix_duels_{column}"), "duels", [column], unique=False)
    op.create_table(
        "links",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_seen_at"), "links", ["seen_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_links_seen_at"), table_name="links")
    op.drop_table("links")
    for column in ("created_at", "second_id", "first_id"):
        op.drop_index(op.f(f"ix_duels_{column}"), table_name="duels")
    op.drop_table("duels")
