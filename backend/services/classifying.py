"""Zero-shot classification: what can be classified, and one picture tried at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backend.errors import Fault, InvalidInput
from backend.schemas import ClassProbability, Modality, PromptSet, ZeroShotRequest
from backend.services.evaluating import Evaluating

_MOST_CLASSES = 200
_LONGEST_NAME = 120
_MOST_PROMPTS = 1000


class Classifying(Evaluating):
    """Questions about classes in a run's space."""

    def prompt_sets(self) -> list[PromptSet]:
        """Published sets of templates; those for anything first."""
        from backend.catalog.prompts import prompt_sets

        return prompt_sets()

    def guess_prompt_set(self, dataset: str, modality: Modality = "image") -> str:
        """Id of the set that was made for a data set, by its name; else CLIP's 80, or of other items
        than images a plain one."""
        from backend.catalog.prompts import guess_set

        return guess_set(dataset, modality)

    def labels_of(self, dataset: str) -> list[str]:
        """The attributes that a data set's items can be classified by; may read it, which takes a
        moment.

        Raises:
            DatasetError: it cannot be read.
        """
        from backend.catalog.datasets import load_dataset
        from backend.catalog.labels import labelled_by

        self.may_change()  # reads any folder of this machine
        self.check_fetched(dataset)
        return labelled_by(load_dataset(dataset, self.settings, hashed=False).records)

    def launch_zero_shot(self, run_id: str, request: ZeroShotRequest) -> str:
        """Checks a request and puts the classification into the queue.

        Returns:
            The evaluation's id.

        Raises:
            InvalidInput: templates that cannot be used.
            DatasetError: the set cannot be read, or has no such labels.
            NotFound: no such run, or no such set of templates.
        """
        self.may_change()
        self.check_evaluated(run_id)
        from backend.catalog.datasets import load_dataset
        from backend.runs.evaluations.opened import open_run
        from backend.runs.evaluations.zero_shot import labelled, templates_of

        templates_of(request)
        self.check_fetched(request.dataset)
        opened = open_run(self.settings, self._store, run_id)
        # files are hashed by the worker: here only what can be told at once is
        dataset = load_dataset(request.dataset, self.settings, hashed=False)
        labelled(dataset, request, opened.detail.summary.modality)
        return self.launch_evaluation("zero-shot", request, run_id)

    def classify(
        self, run_id: str, file: Path, classes: Sequence[str], templates: Sequence[str] = ()
    ) -> list[ClassProbability]:
        """How likely a picture or a recording is of each of some classes, the likeliest first.

        Args:
            classes: at least two names.
            templates: each with ``{}``; without, "a photo of a {}.".

        Raises:
            InvalidInput: names or templates that cannot be used, or the file is of another kind than
                the run's items; all faults at once.
            NotFound: no such run, or it has no index.
        """
        import numpy as np

        from backend.catalog.prompts import parse_templates, prompts
        from backend.evaluation.zero_shot import class_embeddings, probabilities
        from backend.exploration.queries import read_file
        from backend.media.blobs import Blob

        names = _checked(classes)
        sentences = parse_templates("\n".join(templates)) if templates else ("a photo of a {}.",)
        if len(names) * len(sentences) > _MOST_PROMPTS:
            raise InvalidInput(
                f"{len(names)} classes in {len(sentences)} templates are "
                f"{len(names) * len(sentences):,} prompts; at most {_MOST_PROMPTS:,} are read at once. "
                "Take fewer templates."
            )
        space = self._space(run_id)
        if space.gallery.modality not in ("image", "audio"):
            raise InvalidInput("This run's items are no files, so none can be classified here.")
        pixels = self.settings.max_image_pixels
        item = space.embed_item(read_file(Blob(file), space.gallery.modality, pixels))
        said = space.embed_texts(prompts(names, sentences))
        ways = class_embeddings(said.reshape(len(names), len(sentences), -1))
        scores, shares = ways @ item, probabilities(item, ways)
        order = np.argsort(-shares, kind="stable")
        return [
            ClassProbability(
                name=names[row], score=float(scores[row]), probability=float(shares[row])
            )
            for row in order.tolist()
        ]


def _checked(classes: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(" ".join(name.split()) for name in classes))
    names = [name for name in names if name]
    faults = [
        Fault(name[:40], f"has {len(name)} letters; at most {_LONGEST_NAME} are allowed")
        for name in names
        if len(name) > _LONGEST_NAME
    ]
    if len(names) < 2:
        faults.append(Fault("classes", "name at least two, one a line"))
    if len(names) > _MOST_CLASSES:
        faults.append(Fault("classes", f"at most {_MOST_CLASSES}, not {len(names):,}"))
    if faults:
        raise InvalidInput("The picture cannot be classified yet.", faults)
    return names
