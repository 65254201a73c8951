"""Data sets and encoders that were picked before, and what was found when they were looked at."""

from __future__ import annotations

import sqlalchemy as sa

from backend.runs.database import Database
from backend.runs.models import Dataset as DatasetRow
from backend.runs.models import Encoder as EncoderRow
from backend.schemas import DatasetInfo, DatasetReport, EncoderInfo, Modality
from backend.settings import Settings


class Library:
    """What was picked before, so that it can be picked again.

    Args:
        settings: where files lie; their paths are kept relative to the home, so that it can move.
        database: an open one.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.database = database
        self._home = settings.home.resolve()

    def remember_dataset(self, info: DatasetInfo, fingerprint: str | None = None) -> None:
        """Keeps a data set that was read, so that it can be picked again; its report stays."""
        with self.database.write() as session:
            row = session.get(DatasetRow, info.id)
            report = row.report if row and row.fingerprint == fingerprint else None
            session.merge(
                DatasetRow(
                    id=info.id,
                    info=info.model_dump(mode="json"),
                    report=report,
                    fingerprint=fingerprint,
                )
            )

    def keep_report(self, report: DatasetReport, fingerprint: str) -> None:
        """Keeps what was found when a data set was looked at in full."""
        told = report.model_dump(mode="json")
        if report.listing is not None and report.listing.is_relative_to(self._home):
            told["listing"] = report.listing.relative_to(self._home).as_posix()
        with self.database.write() as session:
            session.merge(
                DatasetRow(
                    id=report.info.id, info=told["info"], report=told, fingerprint=fingerprint
                )
            )

    def dataset_report(self, dataset: str) -> DatasetReport | None:
        """What was found when a data set was last looked at in full."""
        with self.database.read() as session:
            row = session.get(DatasetRow, dataset)
            if row is None or row.report is None:
                return None
            report = DatasetReport.model_validate(row.report)
        listing = self._home / report.listing if report.listing else None
        return report.model_copy(update={"listing": listing})

    def list_datasets(self) -> list[DatasetInfo]:
        """The remembered data sets, by name."""
        with self.database.read() as session:
            rows = session.scalars(sa.select(DatasetRow))
            found = [DatasetInfo.model_validate(row.info) for row in rows]
        return sorted(found, key=lambda info: (info.name, info.id))

    def forget_dataset(self, dataset: str) -> None:
        """Takes a data set off the list."""
        with self.database.write() as session:
            session.execute(sa.delete(DatasetRow).where(DatasetRow.id == dataset))

    def remember_encoder(self, info: EncoderInfo) -> None:
        """Keeps an encoder that was found to work, so that it can be picked again."""
        told = info.model_dump(mode="json")
        with self.database.write() as session:
            session.merge(EncoderRow(id=info.id, modality=info.modality, info=told))

    def list_encoders(self, modality: Modality) -> list[EncoderInfo]:
        """The remembered encoders of one modality, last used first."""
        with self.database.read() as session:
            rows = session.scalars(
                sa.select(EncoderRow)
                .where(EncoderRow.modality == modality)
                .order_by(EncoderRow.checked_at.desc(), EncoderRow.id)
            )
            return [EncoderInfo.model_validate(row.info) for row in rows]

    def forget_encoder(self, encoder: str, modality: Modality) -> None:
        """Takes an encoder off the list."""
        with self.database.write() as session:
            session.execute(
                sa.delete(EncoderRow).where(
                    EncoderRow.id == encoder, EncoderRow.modality == modality
                )
            )
