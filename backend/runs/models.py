"""The tables. Times are UTC, paths relative to the home; JSON columns hold dumped schemas."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


class Moment(sa.TypeDecorator[datetime]):
    """An aware UTC time, also on SQLite, which keeps no time zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a time zone cannot be stored: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Base(sa.orm.MappedAsDataclass, DeclarativeBase, kw_only=True):
    """All tables. The names of constraints are fixed, so that migrations can speak of them."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: Moment(),
        dict[str, Any]: sa.JSON(),
        dict[str, str]: sa.JSON(),
        list[Any]: sa.JSON(),
        list[str]: sa.JSON(),
    }


Key = Annotated[str, mapped_column(sa.String(64), primary_key=True)]
RunKey = Annotated[
    str,
    mapped_column(sa.String(64), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
]

STATUSES = ("queued", "running", "finished", "failed", "cancelled", "interrupted")
MAP_STATES = ("queued", "running", "ready", "failed")
VERDICTS = ("left", "right", "tie", "neither")


def _one_of(column: str, allowed: tuple[str, ...]) -> sa.CheckConstraint:
    words = ", ".join(f"'{word}'" for word in allowed)
    return sa.CheckConstraint(f"{column} IN ({words})", name=column)


class Sweep(Base):
    """A grid of runs. ``request`` is a dumped :class:`backend.schemas.SweepRequest`, of which the
    cells are told; a run that was deleted by itself leaves its cell empty."""

    __tablename__ = "sweeps"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(sa.String(120))
    request: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default_factory=now, index=True)


class Run(Base):
    """One alignment with its evaluation: what was asked, how far it is, what came out."""

    __tablename__ = "runs"
    __table_args__ = (_one_of("status", STATUSES), _one_of("map_state", MAP_STATES))

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(sa.String(120))
    status: Mapped[str] = mapped_column(sa.String(16), index=True)
    request: Mapped[dict[str, Any]]
    configuration: Mapped[dict[str, Any]]
    versions: Mapped[dict[str, str]]
    seed: Mapped[int]
    notes: Mapped[list[str]] = mapped_column(default_factory=list)
    demonstration: Mapped[bool] = mapped_column(default=False)

    #: how often it was begun; everything a run writes about itself names its attempt, so that an
    #: attempt that was given up cannot write into the next one
    attempt: Mapped[int] = mapped_column(default=1)
    #: grows with every attempt; the queue takes the lowest first
    place: Mapped[int] = mapped_column(default=0)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(sa.Text, default=None)
    map_state: Mapped[str | None] = mapped_column(sa.String(16), default=None)
    #: the sweep that it is a cell of; without it, it is a run like any other
    sweep_id: Mapped[str | None] = mapped_column(
        sa.String(64), sa.ForeignKey("sweeps.id", ondelete="SET NULL"), index=True, default=None
    )

    stage: Mapped[str | None] = mapped_column(sa.String(64), default=None)
    stage_number: Mapped[int] = mapped_column(default=0)
    stages: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    total: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    unit: Mapped[str] = mapped_column(sa.String(32), default="")
    seconds_left: Mapped[float | None] = mapped_column(default=None)

    created_at: Mapped[datetime] = mapped_column(default_factory=now, index=True)
    queued_at: Mapped[datetime | None] = mapped_column(default=None)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)

    reports: Mapped[list[Report]] = relationship(
        default_factory=list, passive_deletes=True, cascade="all, delete-orphan", repr=False
    )
    artefacts: Mapped[list[Artefact]] = relationship(
        default_factory=list, passive_deletes=True, cascade="all, delete-orphan", repr=False
    )


class Metric(Base):
    """One value of one metric at one optimiser step. Writing it again replaces it."""

    __tablename__ = "metrics"
    # the key is the row: no second B-tree, and a run's series lie together
    __table_args__ = {"sqlite_with_rowid": False}

    run_id: Mapped[RunKey]
    name: Mapped[Key]
    step: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    value: Mapped[float]


class Report(Base):
    """Retrieval on one split: a dumped :class:`backend.schemas.RetrievalReport`."""

    __tablename__ = "reports"

    run_id: Mapped[RunKey]
    split: Mapped[Key]
    report: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)


class Evaluation(Base):
    """One evaluation beyond retrieval. ``request`` and ``result`` are dumped schemas of its kind.

    It is carried out by attempts, as a run is; of encoders by themselves it belongs to no run.
    """

    __tablename__ = "evaluations"
    __table_args__ = (_one_of("status", STATUSES),)

    id: Mapped[Key]
    run_id: Mapped[str | None] = mapped_column(
        sa.String(64), sa.ForeignKey("runs.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(sa.String(32), index=True)
    status: Mapped[str] = mapped_column(sa.String(16))
    request: Mapped[dict[str, Any]]
    #: large for some kinds: lists of evaluations leave it out
    result: Mapped[dict[str, Any] | None] = mapped_column(
        sa.JSON(none_as_null=True), default=None, deferred=True
    )
    with_run: Mapped[bool] = mapped_column(default=False)
    attempt: Mapped[int] = mapped_column(default=1)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(sa.Text, default=None)

    stage: Mapped[str | None] = mapped_column(sa.String(64), default=None)
    done: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    total: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    unit: Mapped[str] = mapped_column(sa.String(32), default="")
    seconds_left: Mapped[float | None] = mapped_column(default=None)

    created_at: Mapped[datetime] = mapped_column(default_factory=now, index=True)
    queued_at: Mapped[datetime] = mapped_column(default_factory=now)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)


class Artefact(Base):
    """A file or folder that a run left behind."""

    __tablename__ = "artefacts"

    run_id: Mapped[RunKey]
    name: Mapped[Key]
    path: Mapped[str] = mapped_column(sa.Text)


class Dataset(Base):
    """A data set that was read once, so that it can be picked again.

    ``info`` is a dumped :class:`backend.schemas.DatasetInfo`, ``report`` a dumped
    :class:`backend.schemas.DatasetReport` where it was looked at in full.
    """

    __tablename__ = "datasets"

    id: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    info: Mapped[dict[str, Any]]
    report: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True), default=None)
    fingerprint: Mapped[str | None] = mapped_column(sa.String(64), default=None)
    checked_at: Mapped[datetime] = mapped_column(default_factory=now)


class Encoder(Base):
    """An encoder that was found once, so that it can be picked again."""

    __tablename__ = "encoders"

    id: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    modality: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    info: Mapped[dict[str, Any]]
    checked_at: Mapped[datetime] = mapped_column(default_factory=now)


class Cycle(Base):
    """A drift cycle: a chain of items, each found from the one before, beginning at a seed item."""

    __tablename__ = "cycles"

    id: Mapped[Key]
    run_id: Mapped[str] = mapped_column(
        sa.String(64), sa.ForeignKey("runs.id", ondelete="CASCADE"), index=True
    )
    seed_item: Mapped[str] = mapped_column(sa.Text)
    seed: Mapped[dict[str, Any]]
    steps: Mapped[list[Any]]
    closes_at: Mapped[int | None] = mapped_column(default=None)
    period: Mapped[int | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now)


class Link(Base):
    """A state of the pages that somebody kept: ``state`` is a dumped :class:`backend.schemas.PageState`."""

    __tablename__ = "links"

    code: Mapped[Key]
    state: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default_factory=now)
    #: when it was kept or opened last; where there are too many, those that nobody opens go first
    seen_at: Mapped[datetime] = mapped_column(default_factory=now, index=True)


class Duel(Base):
    """Two runs' answers to one query, in an order drawn by chance, and which of them was preferred.

    ``query`` is a dumped :class:`backend.schemas.Query`.
    """

    __tablename__ = "duels"
    __table_args__ = (_one_of("verdict", VERDICTS),)

    id: Mapped[Key]
    first_id: Mapped[str] = mapped_column(
        sa.String(64), sa.ForeignKey("runs.id", ondelete="CASCADE"), index=True
    )
    second_id: Mapped[str] = mapped_column(
        sa.String(64), sa.ForeignKey("runs.id", ondelete="CASCADE"), index=True
    )
    #: whether the second run's answers stand left
    swapped: Mapped[bool]
    query: Mapped[dict[str, Any]]
    verdict: Mapped[str | None] = mapped_column(sa.String(16), default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=now, index=True)
    judged_at: Mapped[datetime | None] = mapped_column(default=None)


class Worker(Base):
    """The process that carries jobs out, as it last spoke of itself."""

    __tablename__ = "workers"

    id: Mapped[Key]
    host: Mapped[str] = mapped_column(sa.String(255))
    pid: Mapped[int]
    device: Mapped[str] = mapped_column(sa.String(32))
    state: Mapped[str] = mapped_column(sa.String(16))
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
