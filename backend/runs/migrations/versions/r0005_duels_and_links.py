"""Links to states of the pages.

Revision: 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
