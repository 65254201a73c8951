"""Telephone games: started for one run or several with the same seeds, watched, and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import Fault, InvalidInput, IsthmusError, NotFound
from backend.schemas import (
    DriftComparison,
    Evaluation,
    EvaluationSummary,
    GameReport,
    GameRequest,
    Side,
)
from backend.services.evaluating import Evaluating
from backend.services.remembering import Remembering

if TYPE_CHECKING:
    from backend.drift.scores.similarity import Similarities
    from backend.exploration.gallery import Gallery
    from backend.runs.games import GameFiles

MOST_RUNS = 6


class Gaming(Evaluating, Remembering):
    """Games are evaluations of kind "drift": stopped, resumed and deleted as all others."""

    # --- starting -------------------------------------------------------------------------------

    def start_game(self, runs: Sequence[str], request: GameRequest) -> list[EvaluationSummary]:
        """Puts a game of each run into the queue, all with the same seeds.

        Args:
            runs: finished ones with an index, 1 to 6.
            request: what is played. Without seeds, pairs are drawn from the items that all runs have; the
                jobs' requests name them.

        Returns:
            The jobs, in the order of the runs.

        Raises:
            InvalidInput: the runs have no pair in common, a seed is not in all galleries, or an operator
                or backbone cannot be used; every fault at once.
            NotFound: no such run, or it has no index.
            NotAllowed: the place is read-only.
        """
        self.may_change()
        asked = self.check_game(runs, request)
        return [self.evaluation(self._jobs.launch_evaluation("drift", asked, run)) for run in runs]

    def play_here(
        self,
        run: str | None,
        request: GameRequest,
        listener: Callable[[str, int, int, str], None] | None = None,
    ) -> Evaluation:
        """The same here and now, for a terminal; it is then in the app, too.

        Args:
            run: None where the request names a folder of chains made elsewhere.
        """
        self.may_change()
        asked = request if run is None else self.check_game([run], request)
        return self.evaluate_here("drift", asked, run, listener)

    def resume_game_here(
        self, game: str, listener: Callable[[str, int, int, str], None] | None = None
    ) -> Evaluation:
        """Goes on with a game that had stopped, here and now, for a terminal.

        Raises:
            NotFound: there is no such game.
            NotAllowed: it is going on or has finished.
        """
        from backend.runs.evaluations.carrying_out import evaluate_here
        from backend.runs.locks import RunLock

        self.may_change()
        rows = self._jobs.evaluations
        if self._game(game).status == "running" and not RunLock(self.settings, game).held():
            rows.interrupt(rows.attempt(game), "Whoever played this game was killed.")
        attempt = rows.new_attempt(game)
        return evaluate_here(self.settings, self._store, attempt, listener)

    def check_game(self, runs: Sequence[str], request: GameRequest) -> GameRequest:
        """Looks at a request without starting anything.

        Returns:
            The same with its seeds.

        Raises:
            InvalidInput, NotFound: see :meth:`start_game`.
        """
        from backend.runs.game_seeds import drawn_seeds, strange_seeds

        if not 1 <= len(set(runs)) == len(runs) <= MOST_RUNS:
            raise InvalidInput(f"Choose 1 to {MOST_RUNS} runs, each once.")
        for run in runs:
            self.check_evaluated(run)
        galleries = {run: self._space(run).gallery for run in runs}
        faults = self._operator_faults(request, galleries) + self._measure_faults(request)
        seeds = tuple(dict.fromkeys(request.seeds))
        if seeds:
            names = {run: self._store.get_summary(run).name for run in runs}
            faults += strange_seeds(
                [(names[run], gallery.indexes) for run, gallery in galleries.items()], seeds
            )
        if faults:
            raise InvalidInput("This game cannot be played. Correct what is named.", faults)
        if not seeds:
            indexes = [gallery.indexes for gallery in galleries.values()]
            seeds = drawn_seeds(indexes, request.pairs, request.seed)
        return request.model_copy(update={"seeds": seeds})

    def _operator_faults(self, request: GameRequest, galleries: dict[str, Gallery]) -> list[Fault]:
        """What is wrong with the two operators; nothing is loaded for it."""
        from backend.drift.operators.choosing import operator_faults

        if request.folder:
            return [Fault("folder", "names chains made elsewhere; those are scored, not played")]
        faults = operator_faults(request.text_to_image, "image")
        faults += operator_faults(request.image_to_text, "text")
        made = request.text_to_image.kind != "retrieval"
        if made and any(gallery.modality != "image" for gallery in galleries.values()):
            faults.append(Fault("text to image", "only retrieval finds items that are no pictures"))
        return faults

    def _measure_faults(self, request: GameRequest) -> list[Fault]:
        """What is wrong with the backbones and the prompts; no weights are read for it."""
        from backend.catalog.encoders import find_encoder
        from backend.runs.backbones import faults_of, is_own
        from backend.runs.game_objects import METADATA, prompts_of

        faults = []
        if request.geneval and not (request.prompts or request.folder):
            faults.append(Fault("geneval", f"needs the prompts, too: GenEval's {METADATA}"))
        elif request.geneval:
            try:
                prompts_of(request.prompts, Path(request.folder))
            except InvalidInput as error:
                faults.append(Fault("geneval", " ".join(str(error).split())))
        sides: tuple[Side, ...] = ("image", "text")
        for choice in request.backbones:
            if is_own(choice):
                continue
            faults += faults_of(choice)
            for side in sides:
                name = getattr(choice, side)
                try:
                    if name:
                        find_encoder(name, side, self.settings)
                except IsthmusError as error:
                    faults.append(Fault("backbones", " ".join(str(error).split())))
        return faults

    # --- what there is --------------------------------------------------------------------------

    def games(self, run: str | None = None) -> list[EvaluationSummary]:
        """All games, or a run's; newest first. Chains made elsewhere have no run."""
        return self.evaluations(run, "drift")

    def game_request(self, game: str) -> GameRequest:
        """What was asked for, with the seeds.

        Raises:
            NotFound: there is no such game.
        """
        return self._files(game).request

    def game_report(self, game: str) -> GameReport | None:
        """What came out; None where it has not finished.

        Raises:
            NotFound: there is no such game.
        """
        return self._remembered_report(self._game(game))

    def compare_games(self, first: str, second: str, backbone: str = "") -> DriftComparison:
        """How much less the second drifts, on the seeds, directions and generations of both.

        Args:
            first, second: finished games, usually of the same seeds.
            backbone: its name in both reports. Without, the first that both have; in the own spaces of
                two runs lengths are measured by two rulers, so another goes before.

        Raises:
            InvalidInput: they have no such backbone, or no sample, in common.
            NotFound: no such game, or it has not been measured.
        """
        from backend.drift.scores.cumulative import compare
        from backend.drift.scores.geneval import compare_geneval
        from backend.runs.backbones import OWN_SPACE

        told = [
            {each.name: each for each in self._files(game).measured()} for game in (first, second)
        ]
        common = [name for name in told[0] if name in told[1]]
        others = [name for name in common if name != OWN_SPACE]
        if backbone and backbone not in common:
            raise InvalidInput(
                f"Not both games were measured by {backbone}. Both have: {', '.join(common) or 'none'}."
            )
        if not common:
            raise InvalidInput(
                "These games were measured by different backbones. Start them with the same ones."
            )
        runs = [self._game(game).run for game in (first, second)]
        name = backbone or (others[0] if others and runs[0] != runs[1] else common[0])
        one, other = (each[name].to_start for each in told)
        if None in runs:  # chains made elsewhere know seeds by their files' names
            one, other = (
                {direction: _by_file(each) for direction, each in own.items()} if run else own
                for own, run in zip((one, other), runs, strict=True)
            )
        seed = self._files(first).request.seed
        found = compare(one, other, seed)
        judged = [self._files(game).judged() for game in (first, second)]
        geneval = compare_geneval(judged[0], judged[1], seed) if judged[0] and judged[1] else {}
        return found.model_copy(update={"backbone": name, "geneval": geneval})

    def delete_evaluation(self, evaluation_id: str) -> None:
        """Removes one with its files; refuses one that is going on."""
        made = self.evaluation(evaluation_id)
        files = self._files(evaluation_id) if made.kind == "drift" else None
        super().delete_evaluation(evaluation_id)
        if files is not None:
            import shutil

            files.delete()
            shutil.rmtree(self._small_pictures(evaluation_id), ignore_errors=True)

    # --- helpers --------------------------------------------------------------------------------

    def _game(self, game: str) -> Evaluation:
        """A game with its result.

        Raises:
            NotFound: there is none, or it is another evaluation.
        """
        found = self.evaluation(game)
        if found.kind != "drift":
            raise NotFound(f"{game} is no telephone game.")
        return found

    def _remembered_report(self, made: Evaluation) -> GameReport | None:
        if made.status != "finished" or made.result is None:
            return None
        return GameReport.model_validate(made.result)

    def _files(self, game: str) -> GameFiles:
        """A game's files.

        Raises:
            NotFound: there is no such game.
        """
        from backend.runs.games import GameFiles

        made = self._game(game)
        request = GameRequest.model_validate(made.request)
        return GameFiles(self.settings, made.run, made.id, request)

    def _small_pictures(self, game: str) -> Path:
        """Where small copies of a game's pictures are kept."""
        return self.settings.thumbnails_dir / "games" / game


def _by_file(similarities: Similarities) -> Similarities:
    """With the names that seeds have as files."""
    from backend.drift.names import safe_stem

    return replace(similarities, ids=tuple(map(safe_stem, similarities.ids)))
