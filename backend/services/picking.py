"""What can be picked: data sets, encoders, methods; looking at a data set before it is used."""

from __future__ import annotations

from pathlib import Path

from backend.errors import Fault, InvalidInput, NotFound
from backend.reporting import Report, silent
from backend.schemas import (
    DatasetInfo,
    DatasetReport,
    EncoderInfo,
    InspectionState,
    MethodInfo,
    Modality,
)
from backend.services.base import Door
from backend.services.inspections import Inspections
from backend.settings import Settings


class Picking(Door):
    """The catalogue, and what was picked before."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._inspections = Inspections(settings, self._library)

    # --- data sets ------------------------------------------------------------------------------

    def datasets(self) -> list[DatasetInfo]:
        """Built-in data sets, then the ones used before."""
        from backend.catalog.datasets import list_datasets

        known = {info.id: info for info in self._library.list_datasets()}
        built_in = [known.pop(info.id, info) for info in list_datasets()]
        return [*built_in, *known.values()]

    def check_dataset(self, dataset: str) -> DatasetInfo:
        """Reads what a data set says of itself, without opening its items, and remembers it.

        Raises:
            DatasetError: it cannot be used, or has to be fetched first; every fault is listed.
        """
        from backend.catalog.datasets import load_dataset

        self.check_fetched(dataset)
        loaded = load_dataset(dataset, self.settings, hashed=False)
        info = loaded.info()
        if self.settings.mode == "full":
            self._library.remember_dataset(info, loaded.fingerprint)
        return info

    def inspect_dataset(self, dataset: str) -> InspectionState:
        """Begins to look at a data set in full, in the background; joins where it is going on."""
        self.may_change()
        return self._inspections.begin(dataset.strip())

    def look_at_dataset(self, dataset: str, report: Report) -> DatasetReport:
        """The same here and now, for a terminal.

        Raises:
            DatasetError: it cannot be used; every fault is listed.
        """
        self.may_change()
        return self._inspections.look(dataset.strip(), report)

    def inspection(self, dataset: str) -> InspectionState | None:
        """How far that is, or what came of it; None where nobody asked for it."""
        return self._inspections.state(dataset.strip())

    def cancel_inspection(self, dataset: str) -> None:
        """Stops it; what was looked at is not looked at again next time."""
        self.may_change()
        self._inspections.cancel(dataset.strip())

    def forget_dataset(self, dataset: str) -> None:
        """Takes a data set off the list; one that was uploaded or fetched is deleted, too.

        Raises:
            InvalidInput: a run, or an evaluation that goes on, uses what would be deleted.
        """
        from backend.catalog.datasets.imports.removal import imported_folder, remove_import

        self.may_change()
        self._inspections.forget(dataset)
        folder = imported_folder(dataset, self.settings)
        if folder is not None:
            users = [
                run.id
                for run in self._store.list_runs()
                # by another address of it, too: with options, or a file in it
                if imported_folder(run.dataset, self.settings) == folder
            ]
            users += [
                each.id
                for each in self._jobs.evaluations.summaries()
                if each.live
                for name in ("dataset", "labelled", "pairs", "benchmark")
                if imported_folder(str(each.request.get(name) or ""), self.settings) == folder
            ]
            if users:
                raise InvalidInput(
                    "This data set lies in Isthmus's own folder and would be deleted, but it is in use. "
                    "Delete those runs first, and wait for evaluations that go on.",
                    [Fault("used by", ", ".join(users))],
                )
            remove_import(folder, self.settings)
        self._library.forget_dataset(dataset)

    def import_zip(self, file: Path, name: str, report: Report = silent) -> str:
        """Unpacks an uploaded archive safely.

        Args:
            file: the archive.
            name: its name as the person knows it.
            report: told the files unpacked; may raise ``Cancelled``, and nothing is left behind.

        Returns:
            The address of the data set in it.

        Raises:
            InvalidInput: it is no archive, too large, or leads out of its folder; lists every fault.
        """
        from backend.catalog.datasets.imports.archives import import_zip

        self.may_change()
        return import_zip(file, name, self.settings, report)

    # --- encoders -------------------------------------------------------------------------------

    def encoders(self, modality: Modality) -> list[EncoderInfo]:
        """The catalogue of a modality, then what else was used before."""
        listed = self._catalogue(modality)
        known = {info.id for info in listed}
        added = [info for info in self._library.list_encoders(modality) if info.id not in known]
        return [*listed, *(info.model_copy(update={"added": True}) for info in added)]

    def _catalogue(self, modality: Modality) -> list[EncoderInfo]:
        from backend.catalog.encoders import list_encoders

        return list_encoders(modality, self.settings)

    def check_encoder(self, encoder: str, modality: Modality) -> EncoderInfo:
        """Looks at an encoder's files without loading its weights, and remembers it.

        Raises:
            EncoderError: it cannot be used.
        """
        from backend.catalog.address import parse
        from backend.catalog.encoders import encoder_info

        info = encoder_info(encoder, modality, self.settings)
        # one of the catalogue's is not listed again for every pooling it was asked for
        added = parse(info.id).base not in {listed.id for listed in self._catalogue(modality)}
        if added and self.settings.mode == "full":
            self._library.remember_encoder(info)
        return info.model_copy(update={"added": added})

    def remove_encoder(self, encoder: str, modality: Modality) -> None:
        """Takes an encoder that was added off the list; its files stay.

        Raises:
            NotFound: it was not added.
        """
        self.may_change()
        if encoder not in {info.id for info in self._library.list_encoders(modality)}:
            raise NotFound(f"{encoder} is not among the encoders that were added.")
        self._library.forget_encoder(encoder, modality)

    # --- methods --------------------------------------------------------------------------------

    def methods(self) -> list[MethodInfo]:
        """All alignment methods with their options."""
        from backend.alignment.methods import METHODS

        return [method.info for method in METHODS.values()]
