"""Games to take away, and chains from elsewhere: zips in the paper's layout, reports, scoring of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backend.errors import InvalidInput
from backend.schemas import (
    PAPER_BACKBONES,
    BackboneChoice,
    EvaluationSummary,
    Finding,
    GameRequest,
)
from backend.services.game_chains import GameChains
from backend.whole_files import write_whole_file

if TYPE_CHECKING:
    from backend.runs.backbones import Contents
    from backend.runs.game_export import Leaving

MOST_GAMES: Final = 6

_GIVE: Final = "Give the folder that holds text-first/ or image-first/."


class TakingGames(GameChains):
    """What leaves and what comes."""

    def export_game(self, game: str, folder: Path) -> Path:
        """Writes all chains in the paper's layout, with every step as a row of chains.csv.

        Args:
            folder: where; made where it is missing.

        Returns:
            The folder.

        Raises:
            InvalidInput: the folder holds something already.
            NotFound: there is no such game.
            StorageError: it cannot be written.
        """
        from backend.runs.game_export import write_game

        write_game(folder, self._leaving(game))
        return folder

    def zip_games(self, games: Sequence[str]) -> Path:
        """The same as one zip under data/reports; of several games each has a folder in it.

        Args:
            games: 1 to 6, each once.

        Raises:
            InvalidInput: none, too many, or twice the same.
            NotFound: no such game.
            StorageError: it cannot be written.
        """
        from backend.runs.game_export import zip_games

        target = self._report_file(games, "zip")
        zip_games(target, [self._leaving(game) for game in games])
        return target

    def import_chains(self, file: Path) -> Path:
        """Unpacks an uploaded zip of chains in the paper's layout.

        Returns:
            Its folder, for :meth:`score_folder`. The same zip is unpacked once.

        Raises:
            InvalidInput: it is no zip, is too large or holds no chains; lists everything, with its place.
            NotAllowed: the place is read-only.
            StorageError: the disk is full.
        """
        from backend.catalog.datasets.imports.archives import unpack_zip
        from backend.drift.folder import open_chains, with_protocol

        def check(draft: Path, left_out: Sequence[Finding]) -> None:
            try:
                open_chains(with_protocol(draft), incomplete=True)
            except InvalidInput as error:
                told = error.summary.replace(str(draft), file.name)
                raise InvalidInput(told, error.faults) from error

        self.may_change()
        root = self.settings.uploads_dir / "chains"
        return unpack_zip(file, root, "chains", check, self.settings)

    def keep_prompts(self, file: Path) -> tuple[str, int]:
        """Takes in an uploaded file of GenEval's metadata.

        Returns:
            Where it is kept, for a request's ``prompts``, and how many it holds. The same file is kept
            once.

        Raises:
            InvalidInput: it cannot be read, or holds no prompts; tells every wrong line.
            NotAllowed: the place is read-only.
            StorageError: it cannot be written.
        """
        from backend.runs.game_objects import prompts_of

        self.may_change()
        count = len(prompts_of(str(file), file.parent))
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:16]
        target = self.settings.uploads_dir / "prompts" / f"{digest}.jsonl"
        write_whole_file(target, content)
        return str(target), count

    def score_folder(self, asked: GameRequest) -> EvaluationSummary:
        """Has chains scored that were made elsewhere: a game without run, shown and compared as others.

        Args:
            asked: what :meth:`folder_request` gives.

        Raises:
            NotAllowed: the place is read-only.
        """
        self.may_change()
        return self.evaluation(self._jobs.launch_evaluation("drift", asked, None))

    def folder_request(
        self,
        folder: str,
        backbones: Sequence[BackboneChoice] = PAPER_BACKBONES,
        incomplete: bool = True,
        geneval: str = "",
        prompts: str = "",
        seed: int = 0,
    ) -> GameRequest:
        """What :meth:`score_folder` asks for; :meth:`play_here` scores it in a terminal.

        Args:
            folder: in the paper's layout.
            backbones: encoders; there is no space of their own.
            incomplete: whether items and generations may be missing.
            geneval: an object detector, where GenEval is asked for.
            prompts: GenEval's metadata.
            seed: of the bootstrap.

        Raises:
            InvalidInput: there is no such folder, or a backbone or the prompts cannot be used.
        """
        from backend.drift.names import PROTOCOLS

        place = Path(folder).expanduser()
        if not folder or not any((place / protocol).is_dir() for protocol in PROTOCOLS):
            raise InvalidInput(f"There are no chains in {folder or 'no folder'}. {_GIVE}")
        if not backbones or BackboneChoice() in backbones:
            raise InvalidInput(
                "Chains made elsewhere come without a space of their own. Choose an encoder that "
                "similarity is measured by."
            )
        asked = GameRequest(
            folder=str(place.resolve()),
            backbones=tuple(backbones),
            incomplete=incomplete,
            geneval=geneval,
            prompts=prompts,
            seed=seed,
        )
        faults = self._measure_faults(asked)
        if faults:
            raise InvalidInput("These chains cannot be scored. Correct what is named.", faults)
        return asked

    # --- helpers --------------------------------------------------------------------------------

    def _leaving(self, game: str) -> Leaving:
        from backend.runs.game_export import Leaving

        report = self.game_report(game)
        told = report.model_dump_json(indent=2) if report else ""
        return Leaving(game, self._files(game), self._contents(game), told)

    def _report_file(self, games: Sequence[str], kind: str) -> Path:
        """Where what is made of some games is written.

        Raises:
            InvalidInput: none, too many, or twice the same.
        """
        if not 1 <= len(set(games)) == len(games) <= MOST_GAMES:
            raise InvalidInput(f"Choose 1 to {MOST_GAMES} games, each once.")
        digest = hashlib.sha256(" ".join(games).encode()).hexdigest()[:8]
        name = games[0] if len(games) == 1 else f"{games[0]}-{digest}"
        return self.settings.data_dir / "reports" / f"drift-{name}.{kind}"

    def _contents(self, game: str) -> Contents:
        """What a game's contents are."""
        from backend.runs.backbones import Contents

        run, files = self._game(game).run, self._files(game)
        return Contents(self._space(run).gallery if run else None, files.pictures)
