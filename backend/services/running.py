"""Runs: launch, watch, stop, resume, rename, delete."""

from __future__ import annotations

from backend.errors import Fault, InvalidInput, IsthmusError
from backend.schemas import Modality, RunDetail, RunRequest, RunSummary, WorkerState
from backend.services.exploring import Exploring
from backend.services.picking import Picking


class Running(Picking, Exploring):
    """The queue and the runs in it. A run that is deleted is closed for exploring, too."""

    def launch(self, request: RunRequest) -> RunSummary:
        """Checks a request and puts the run into the queue.

        Raises:
            InvalidInput: every fault at once; ``Fault.where`` is the request's field.
            NotAllowed: the place is read-only.
        """
        self.may_change()
        self.check(request)
        return self._jobs.launch(request)

    def check(self, request: RunRequest) -> None:
        """Looks at a request without starting anything.

        Raises:
            InvalidInput: every fault at once; ``Fault.where`` is the request's field.
        """
        from backend.alignment.methods import resolve_options

        faults: list[Fault] = []

        def note(field: str, error: IsthmusError) -> None:
            own = error.faults if isinstance(error, InvalidInput) else ()
            text = error.summary if isinstance(error, InvalidInput) else str(error)
            faults.append(Fault(field, "; ".join([text, *(str(fault) for fault in own[:5])])))

        modality: Modality = "image"
        try:
            built_in = {info.id: info for info in self.datasets() if info.built_in}
            found = built_in.get(request.dataset) or self.check_dataset(request.dataset)
            modality = found.modality
        except IsthmusError as error:
            note("dataset", error)
        pair: tuple[tuple[str, str, Modality], ...] = (
            ("image_encoder", request.image_encoder, modality),
            ("text_encoder", request.text_encoder, "text"),
        )
        for field, name, takes in pair:
            try:
                self.check_encoder(name, takes)
            except IsthmusError as error:
                note(field, error)
        try:
            resolve_options(request.method, request.options)
        except InvalidInput as error:
            faults.extend(error.faults)
        if faults:
            raise InvalidInput("The run cannot start yet; correct what is marked.", faults)

    def runs(self) -> list[RunSummary]:
        """All runs, newest first."""
        return self._store.list_runs()

    def run(self, run_id: str) -> RunDetail:
        """Everything about one run.

        Raises:
            NotFound: there is no such run.
        """
        return self._store.get_run(run_id)

    def cancel(self, run_id: str) -> None:
        """Stops a run within two seconds; what was done is kept."""
        self.may_change()
        self._jobs.cancel(run_id)

    def resume(self, run_id: str) -> None:
        """Goes on with a stopped run after its last finished step."""
        self.may_change()
        self._jobs.resume(run_id)

    def rename(self, run_id: str, name: str) -> None:
        """Gives a run another name."""
        self.may_change()
        self._store.rename_run(run_id, name)

    def delete(self, run_id: str) -> None:
        """Removes a run with everything that only it uses; refuses one that is live."""
        self.may_change()
        self._jobs.delete(run_id)
        self._forget(run_id)

    def worker(self) -> WorkerState:
        """Whether jobs are being carried out."""
        return self._jobs.worker()
