"""Encoders by themselves: what is asked for, checked; and all that were assessed alike, together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from backend.errors import Fault, InvalidInput, IsthmusError, NotFound
from backend.schemas import (
    AssessedTogether,
    AssessmentReport,
    AssessmentRequest,
    EncoderAssessment,
    EncoderInfo,
    Evaluation,
    Modality,
    RunRequest,
)
from backend.services.evaluating import Evaluating
from backend.services.needs import Weighing

if TYPE_CHECKING:
    from backend.catalog.datasets import Dataset

_MOST_ENCODERS: Final = 20


class Assessing(Weighing, Evaluating):
    """Questions about encoders before anything is aligned."""

    def modality_of_set(self, dataset: str) -> Modality:
        """Of a data set's items; may read it, which takes a moment.

        Raises:
            DatasetError: it cannot be read.
            NotAllowed: it would have to be read in a read-only place.
        """
        known = {info.id: info.modality for info in self.datasets()}
        if dataset in known:
            return known[dataset]
        self.may_change()  # reads any folder of this machine
        return self._loaded(dataset).modality

    def launch_assessment(self, request: AssessmentRequest) -> str:
        """Checks a request and puts the assessment into the queue.

        Returns:
            The evaluation's id.

        Raises:
            InvalidInput: encoders that cannot be used here, all of them at once; or half a probe.
            DatasetError: a set cannot be read, has no such labels, or is of another kind.
            NotAllowed: the place is read-only.
        """
        from backend.runs.evaluations.assessment import (
            check_pairs,
            check_probe,
            divided,
            labelled,
        )

        self.may_change()
        check_probe(request)
        dataset = self._loaded(request.labelled)
        found = labelled(dataset, request)
        divided(found, range(len(found.records)), request.seed)
        if request.pairs is not None:
            check_pairs(dataset, self._loaded(request.pairs))
        return self.launch_evaluation("assessment", self._with_encoders(request, dataset.modality))

    def assessed_together(self, evaluation_id: str) -> AssessedTogether:
        """Every encoder that was assessed as those of an assessment: the same items, probe and seed.

        Each counts once, as it was assessed last.

        Raises:
            NotFound: there is no such evaluation, or it has no result.
        """
        from backend.evaluation.assessment import correlations

        finished = self._jobs.evaluations.finished("assessment")
        own = next((_likeness(each) for each in finished if each.id == evaluation_id), None)
        if own is None:
            raise NotFound(f"There is no finished assessment {evaluation_id}.")
        alike = [
            AssessmentReport.model_validate(each.result)
            for each in finished
            if _likeness(each) == own
        ]
        newest: dict[str, EncoderAssessment] = {}
        for report in alike:
            for encoder in report.encoders:
                newest.setdefault(encoder.encoder, encoder)
        return AssessedTogether(
            modality=alike[0].modality,
            encoders=tuple(newest.values()),
            assessments=len(alike),
            correlations=correlations([*newest.values()], own.seed),
        )

    # --- checking -------------------------------------------------------------------------------

    def _loaded(self, dataset: str) -> Dataset:
        """A data set that is on this disk, its files not hashed."""
        from backend.catalog.datasets import load_dataset

        self.check_fetched(dataset)
        return load_dataset(dataset, self.settings, hashed=False)

    def _with_encoders(self, request: AssessmentRequest, modality: Modality) -> AssessmentRequest:
        """The request with each encoder by its one address, once."""
        faults: list[Fault] = []
        text = None
        if request.text_encoder is not None:
            text = self._usable(request.text_encoder, "text", faults)
        found = [
            info
            for name in dict.fromkeys(request.encoders)
            if (info := self._usable(name, modality, faults, fitted=False)) is not None
        ]
        made = request.model_copy(
            update={
                "encoders": tuple(dict.fromkeys(info.id for info in found)),
                "text_encoder": text and text.id,
            }
        )
        if len(made.encoders) > _MOST_ENCODERS:
            what = f"at most {_MOST_ENCODERS} at once, not {len(made.encoders)}"
            faults.append(Fault("encoders", what))
        if not faults:
            faults.extend(self.memory_faults(_probes(made), modality))
        if faults:
            raise InvalidInput("These encoders cannot be assessed yet; correct the list.", faults)
        return made

    def _usable(
        self, name: str, takes: Modality, faults: list[Fault], *, fitted: bool = True
    ) -> EncoderInfo | None:
        """What is known of an encoder; None where it cannot be used, and why is among the faults.

        Args:
            fitted: whether one that is fitted on captions first will do.
        """
        from backend.catalog.encoders import find_encoder
        from backend.runs.evaluations.assessment import ONE_VECTOR

        try:
            info = self.check_encoder(name, takes)
        except IsthmusError as error:
            faults.append(Fault(name, _in_short(error)))
            return None
        if info.pooling == "tokens":
            faults.append(Fault(name, ONE_VECTOR))
        elif not fitted and find_encoder(name, takes, self.settings).kind == "bag-of-words":
            faults.append(Fault(name, "is fitted on captions first, and there are none here"))
        return info


class _Likeness(NamedTuple):
    """What must be the same for two assessments to stand side by side."""

    fingerprints: tuple[str, ...]
    attribute: str
    text_encoder: str | None
    seed: int
    counted: tuple[int, ...]  # items and pairs that all its encoders could read


def _likeness(made: Evaluation) -> _Likeness:
    asked = AssessmentRequest.model_validate(made.request)
    report = AssessmentReport.model_validate(made.result)
    first = report.encoders[0]
    probe = first.alignment
    counted: tuple[int, ...] = (first.classes, first.train_items, first.test_items)
    if probe is not None:
        counted += (probe.train_images, probe.images, probe.captions)
    return _Likeness(report.fingerprints, report.attribute, asked.text_encoder, asked.seed, counted)


def _in_short(error: IsthmusError) -> str:
    """What is wrong with an encoder, without the list of all others: the field offers that."""
    own = error.faults if isinstance(error, InvalidInput) else ()
    said = error.summary if isinstance(error, InvalidInput) else str(error)
    return "; ".join([said.partition(". ")[0], *(str(fault) for fault in own[:5])])


def _probes(request: AssessmentRequest) -> list[RunRequest]:
    """The runs that the alignment probe is like, to be weighed; without one, the encoders alone."""
    from backend.runs.evaluations.assessment import PROBE

    return [
        RunRequest(
            dataset=request.pairs or request.labelled,
            image_encoder=name,
            text_encoder=request.text_encoder or "bag-of-words",
            method=PROBE,
        )
        for name in request.encoders
    ]
