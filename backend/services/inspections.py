"""Looking at data sets in full, in threads of this process, so that a page may come and go."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from backend.errors import Cancelled, IsthmusError
from backend.reporting import Report
from backend.runs.library import Library
from backend.runs.progress import Pace
from backend.schemas import DatasetReport, InspectionState, Progress
from backend.settings import Settings

#: states of inspections that ended badly are remembered for the page that asked; more are let go
_KEPT = 32


@dataclass
class _Going:
    """One that goes on or has just ended."""

    state: InspectionState
    stop: threading.Event = field(default_factory=threading.Event)


class Inspections:
    """All that this process looks at or has looked at. Reports are kept in the database.

    Args:
        settings: where things lie.
        library: keeps the reports.
    """

    def __init__(self, settings: Settings, library: Library) -> None:
        self._settings = settings
        self._library = library
        self._lock = threading.Lock()
        self._all: dict[str, _Going] = {}

    def begin(self, dataset: str) -> InspectionState:
        """Starts looking, or joins where it is going on."""
        with self._lock:
            going = self._all.get(dataset)
            running = going is not None and going.state.state == "running"
            if going is not None and running and not going.stop.is_set():
                return going.state
            going = _Going(InspectionState(dataset=dataset, state="running"))
            self._all.pop(dataset, None)
            self._all[dataset] = going
            for old in list(self._all)[:-_KEPT]:
                if self._all[old].state.state != "running":
                    del self._all[old]
        threading.Thread(target=self._look, args=(going,), name="inspect", daemon=True).start()
        return going.state

    def state(self, dataset: str) -> InspectionState | None:
        """How far it is; the stored report where it ended, as long as the data set has not changed."""
        with self._lock:
            going = self._all.get(dataset)
        if going is not None and going.state.report is None:
            return going.state
        # kept under the address with absolute paths; gone where the set changed or was forgotten
        found = going.state.report if going is not None else None
        report = self._library.dataset_report(found.info.id if found else dataset)
        if report is None:
            return None
        return InspectionState(dataset=dataset, state="finished", report=report)

    def look(self, dataset: str, report: Report) -> DatasetReport:
        """Looks at a data set in full, here and now, and keeps what was found.

        Raises:
            DatasetError: it cannot be used; every fault is listed.
            Cancelled: ``report`` raised it.
        """
        from backend.catalog.datasets import load_dataset
        from backend.catalog.datasets.inspection import inspect_dataset

        fingerprint = load_dataset(dataset, self._settings, report, hashed=False).fingerprint
        found = inspect_dataset(dataset, self._settings, report)
        self._library.keep_report(found, fingerprint)
        return found

    def cancel(self, dataset: str) -> None:
        """Asks it to stop."""
        with self._lock:
            going = self._all.get(dataset)
        if going is not None:
            going.stop.set()

    def forget(self, dataset: str) -> None:
        """Stops it and forgets how far it was."""
        self.cancel(dataset)
        with self._lock:
            self._all.pop(dataset, None)

    def _look(self, going: _Going) -> None:
        dataset = going.state.dataset
        pace = Pace()

        def report(done: int, total: int, unit: str) -> None:
            if going.stop.is_set():
                raise Cancelled("Stopped.")
            left = pace.seconds_left(done, total, time.monotonic())
            progress = Progress(stage="Looking", done=done, total=total, unit=unit)
            going.state = going.state.model_copy(
                update={"progress": progress.model_copy(update={"seconds_left": left})}
            )

        end: dict[str, object] = {"progress": None}
        try:
            end |= {"state": "finished", "report": self.look(dataset, report)}
        except Cancelled:
            end |= {"state": "cancelled"}
        except IsthmusError as error:
            end |= {"state": "failed", "error": str(error)}
        except Exception as error:
            # a thread has no caller: whoever watches must be told
            text = f"Something unexpected went wrong: {type(error).__name__}: {error}"
            end |= {"state": "failed", "error": text[:500]}
        going.state = going.state.model_copy(update=end)
