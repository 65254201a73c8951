"""Metrics as curves, thinned in the database to what a browser can use."""

from __future__ import annotations

import math

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.runs.models import Metric
from backend.schemas import Series

#: points of one curve that are sent to a browser: evenly spaced, and its last one
POINTS = 1_000


def curves(session: Session, run_id: str) -> list[Series]:
    """All curves of a run, by name, each thinned to at most 1,000 points."""
    counts = session.execute(
        sa.select(Metric.name, sa.func.count())
        .where(Metric.run_id == run_id)
        .group_by(Metric.name)
        .order_by(Metric.name)
    ).all()
    return [_curve(session, run_id, name, count) for name, count in counts]


def _curve(session: Session, run_id: str, name: str, count: int) -> Series:
    points = sa.select(Metric.step, Metric.value).where(
        Metric.run_id == run_id, Metric.name == name
    )
    if count > POINTS:
        stride = math.ceil(count / (POINTS - 1))
        numbered = points.add_columns(
            sa.func.row_number().over(order_by=Metric.step).label("place")
        ).subquery()
        points = sa.select(numbered.c.step, numbered.c.value).where(
            sa.or_((numbered.c.place - 1) % stride == 0, numbered.c.place == count)
        )
        points = points.order_by(numbered.c.step)
    else:
        points = points.order_by(Metric.step)
    rows = session.execute(points).all()
    return Series(name=name, steps=tuple(row[0] for row in rows), values=tuple(r[1] for r in rows))
