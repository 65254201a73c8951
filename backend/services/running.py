"""Runs: launch, watch, stop, resume, rename, delete."""

from __future__ import annotations

from backend.catalog.address import parse
from backend.errors import Fault, InvalidInput, IsthmusError
from backend.schemas import MethodInfo, Modality, RunDetail, RunRequest, RunSummary, WorkerState
from backend.services.comparing import Comparing
from backend.services.diagnosing import Diagnosing
from backend.services.needs import Weighing


class Running(Weighing, Comparing, Diagnosing):
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
        from backend.alignment.methods import METHODS, resolve_options

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
        method = METHODS.get(request.method)
        for field, name, takes in _encoders(request, modality):
            try:
                pooling = self.check_encoder(name, takes).pooling
            except IsthmusError as error:
                note(field, error)
                continue
            if pooling == "tokens" and method is not None:
                faults.extend(token_faults(field, name, method.info))
        faults.extend(_repeated(request))
        try:
            resolve_options(request.method, request.options)
        except InvalidInput as error:
            faults.extend(error.faults)
        faults.extend(self.memory_faults([request], modality))
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

    def finish_now(self, run_id: str) -> None:
        """Ends a run's training with the best heads so far, then evaluates it.

        Of a run that is training, or that was cancelled, interrupted or failed (also because its loss
        was no longer finite) after it had begun to train. Seeds that had not begun are left out.
        Once asked for, Resume does the same: there is no going back to training.

        Raises:
            NotFound: there is no such run.
            NotAllowed: its method is not trained, it has no heads yet, or no training is left.
        """
        self.may_change()
        self._jobs.finish_now(run_id)

    def rename(self, run_id: str, name: str) -> None:
        """Gives a run another name."""
        self.may_change()
        self._store.rename_run(run_id, name)

    def delete(self, run_id: str) -> None:
        """Removes a run with everything that only it uses; refuses one that is live."""
        self.may_change()
        self._jobs.delete(run_id)
        self._forget(run_id)
        for path in (self.settings.data_dir / "reports").glob(f"map-{run_id}-*"):
            path.unlink(missing_ok=True)

    def worker(self) -> WorkerState:
        """Whether jobs are being carried out."""
        return self._jobs.worker()


def _encoders(request: RunRequest, modality: Modality) -> list[tuple[str, str, Modality]]:
    """Every encoder that is named: the request's field, the address, what it takes."""
    return [
        ("image_encoder", request.image_encoder, modality),
        *(("image_candidates", name, modality) for name in request.image_candidates),
        ("text_encoder", request.text_encoder, "text"),
        *(("text_candidates", name, "text") for name in request.text_candidates),
    ]


def token_faults(field: str, name: str, method: MethodInfo) -> list[Fault]:
    """What is wrong with asking for every token of an encoder."""
    from backend.alignment.pairs import ONE_VECTOR

    if not method.uses_tokens:
        return [Fault(field, ONE_VECTOR)]
    layers = parse(name).get("layers")
    if "," in layers or layers == "all":
        return [Fault(field, "Tokens can be kept of one layer alone. Name one layer, or none.")]
    return []


def _repeated(request: RunRequest) -> list[Fault]:
    """Candidates that are named more than once, or are the first choice already."""
    sides = (
        ("image_candidates", request.image_encoder, request.image_candidates),
        ("text_candidates", request.text_encoder, request.text_candidates),
    )
    return [
        Fault(field, f"{name} is named more than once; name each encoder once")
        for field, first, others in sides
        for name in dict.fromkeys(others)
        if [first, *others].count(name) > 1
    ]
