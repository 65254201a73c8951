"""What every part of the door stands on."""

from __future__ import annotations

from backend.errors import DatasetError, NotAllowed
from backend.settings import Settings


class Door:
    """Settings, the database and the queue.

    Args:
        settings: where things are kept and what is allowed.
    """

    def __init__(self, settings: Settings) -> None:
        from backend.runs.jobs import Jobs
        from backend.runs.library import Library
        from backend.runs.links import Links
        from backend.runs.store import Store

        self.settings = settings
        self._store = Store(settings)
        self._library = Library(settings, self._store.database)
        self._links = Links(self._store.database)
        self._jobs = Jobs(settings, self._store)

    def may_change(self) -> None:
        """Refuses what changes anything where the place is read-only.

        Raises:
            NotAllowed: it is.
        """
        if self.settings.mode == "readonly":
            raise NotAllowed(
                "This place is read-only. Copy it (or run Isthmus on your own machine) to make runs."
            )

    def check_fetched(self, dataset: str) -> None:
        """Refuses a data set that has to be fetched first, which takes long and is shown elsewhere.

        Raises:
            DatasetError: it is not on this disk.
        """
        from backend.catalog.datasets.imports.removal import is_fetched

        if not is_fetched(dataset, self.settings):
            raise DatasetError(
                f"{dataset} is not on this disk yet. Look at it on the page Encoders & data first, "
                "which fetches it and shows how far it is."
            )
