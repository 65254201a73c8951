"""Whether a run hears a small change of words: benchmarks of composition, and swapped words."""

from __future__ import annotations

from pathlib import Path

from backend.errors import InvalidInput, NotFound
from backend.schemas import (
    CompositionalReport,
    CompositionalRequest,
    CounterfactualRequest,
    DatasetInfo,
    Evaluation,
)
from backend.services.evaluating import Evaluating


class Wording(Evaluating):
    """Questions about captions that are nearly true."""

    def built_in_benchmarks(self) -> list[DatasetInfo]:
        """The built-in sets, whose test pictures come with hard negatives."""
        from backend.catalog.datasets import list_datasets

        return list_datasets()

    def launch_compositional(self, run_id: str, request: CompositionalRequest) -> str:
        """Reads a benchmark's files, and puts it into the queue where they can be used.

        Returns:
            The evaluation's id.

        Raises:
            DatasetError: the files cannot be used; every fault is listed.
            InvalidInput: the run's items are no images.
            NotFound: no such run.
        """
        self.may_change()
        self.check_evaluated(run_id)
        from backend.catalog.compositional import read_benchmark
        from backend.scenes.world import WORLDS

        if self._store.get_summary(run_id).modality != "image":
            raise InvalidInput(
                "These benchmarks are of images; choose a run whose items are images."
            )
        # a built-in set may have to be drawn first, which the worker does
        if request.benchmark not in WORLDS:
            read_benchmark(request.benchmark, request.images, request.kind)
        return self.launch_evaluation("compositional", request, run_id)

    def example_pictures(self, evaluation: Evaluation) -> dict[str, Path]:
        """Thumbnails of the examples that a benchmark's report shows, by the pictures' ids; without
        those that are gone.

        Args:
            evaluation: a finished one of a benchmark.
        """
        from backend.catalog.datasets.folders import Folder
        from backend.exploration.previews import thumbnail

        place = self._pictures_of(CompositionalRequest.model_validate(evaluation.request))
        if place is None:
            return {}
        report = CompositionalReport.model_validate(evaluation.result)
        folder, found = Folder(place), {}
        for name in {name for example in report.worst for name in example.image_ids}:
            (image_id, _), fault = folder.find(name)
            if fault:
                continue
            try:
                found[name] = thumbnail(folder.blob(image_id), self.settings.thumbnails_dir)
            except NotFound:  # it was there a moment ago, or is no picture any more
                continue
        return found

    def _pictures_of(self, request: CompositionalRequest) -> Path | None:
        """The folder that a benchmark's pictures are in, where it is still there."""
        from backend.catalog.compositional.files import existing
        from backend.catalog.datasets.layouts.captions_files import items_folder
        from backend.scenes.world import WORLDS, world_folder

        try:
            if request.benchmark in WORLDS:
                return items_folder(world_folder(self.settings.worlds_dir, request.benchmark))
            path = existing(request.benchmark).resolve()
            return items_folder(path if path.is_dir() else path.parent, request.images).resolve()
        except InvalidInput:
            return None

    def word_pairs(self) -> str:
        """The pairs of words that are usually swapped, one a line, to be edited."""
        from backend.evaluation.swapping import DEFAULT_PAIRS

        return "\n".join(map(str, DEFAULT_PAIRS))

    def launch_counterfactual(self, run_id: str, request: CounterfactualRequest) -> str:
        """Checks pairs of words, and puts their swapping into the queue.

        Returns:
            The evaluation's id.

        Raises:
            InvalidInput: pairs that cannot be used, with every such line, or no caption of the test
                split has any of the words.
            NotFound: no such run, or it has no index.
        """
        self.may_change()
        self.check_evaluated(run_id)
        from backend.evaluation.swapping import DEFAULT_PAIRS, parse_pairs, swaps

        pairs = parse_pairs(request.pairs) if request.pairs.strip() else DEFAULT_PAIRS
        entries = self._space(run_id).gallery.entries.values()
        captions = [caption for entry in entries for caption in entry.captions]
        if not swaps(captions, pairs):
            raise InvalidInput(
                f"None of the {len(captions):,} captions of the test split has any of these words. "
                "Add pairs of words that the captions use."
            )
        return self.launch_evaluation("counterfactual", request, run_id)
