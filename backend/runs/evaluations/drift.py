"""A telephone game: its chains are made, or read where they were made elsewhere; then they are scored.

Every step is written as it is made, so that a game that was stopped or killed goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backend.drift.measuring import Backbone, Measured, scored, together
from backend.drift.measuring import measure as measured
from backend.drift.retrieving import is_nearest
from backend.errors import Cancelled, InvalidInput, IsthmusError, StorageError
from backend.runs.backbones import Contents, EncoderPair, OwnSpace, is_own, name_of
from backend.runs.evaluations.kinds import Work
from backend.runs.games import ELSEWHERE, GameFiles
from backend.schemas import BackboneChoice, GameReport, GameRequest, Modality, Side

if TYPE_CHECKING:
    from backend.drift.chains import ChainTable
    from backend.drift.colours import ColourClassifier
    from backend.exploration.gallery import Gallery
    from backend.features.encoders import Encoder
    from backend.reporting import Report
    from backend.runs.evaluations.opened import OpenedRun
    from backend.schemas.drift_scores import Attraction, AttributeSurvival, MultiGenerationGenEval


def measure(work: Work, request: GameRequest) -> GameReport:
    """Plays a game, or goes on with it, and scores it.

    Raises:
        InvalidInput: there is no seed, the folder cannot be used, or no backbone could measure anything.
        NotFound: the run is gone or has no index, or a seed is not in its gallery.
        StorageError: the steps cannot be written.
    """
    begun = time.monotonic()
    game = _Game.of(work, request)
    game.play()
    table = game.files.table()
    found, lacking = game.measured(table)
    game.files.keep(found)
    return GameReport(
        run_name=game.name,
        seeds=len(table.seeds),
        chains=len(table.codes),
        broken=0 if request.folder else table.broken,
        generations=table.generations,
        text_to_image=game.words(table, "image"),
        image_to_text=game.words(table, "text"),
        backbones=tuple(scored(each, request.seed) for each in found),
        attributes=game.attributes(table),
        attraction=game.attraction(),
        geneval=game.geneval(table, lacking),
        notes=(*game.notes(table, found), *lacking),
        seconds=time.monotonic() - begun,
    )


@dataclass
class _Game:
    """One attempt at a game."""

    work: Work
    request: GameRequest
    files: GameFiles
    opened: OpenedRun | None
    gallery: Gallery | None

    @staticmethod
    def of(work: Work, request: GameRequest) -> _Game:
        """The game with its run opened, where it is of one."""
        files = GameFiles(work.settings, work.run_id, work.evaluation, request)
        if request.folder:
            return _Game(work, request, files, None, None)
        if not request.seeds:
            raise InvalidInput("There is no seed. Choose items of the gallery, or have some drawn.")
        from backend.exploration.gallery import load_gallery
        from backend.runs.indexing import index_store

        opened = work.open()
        gallery = load_gallery(
            work.settings.indexes_dir / opened.detail.summary.id,
            work.settings.thumbnails_dir,
            work.settings.device,
            index_store(work.settings),
        )
        return _Game(work, request, files, opened, gallery)

    @property
    def name(self) -> str:
        """The run's, or the folder's."""
        return self.opened.detail.summary.name if self.opened else self.files.pictures.name

    def play(self) -> None:
        """Makes what is not made yet."""
        if self.gallery is None:
            self.files.read_folder(self.work.stage("Read the chains"))
            return
        from backend.drift.nearness import NearJournal
        from backend.drift.playing import play
        from backend.runs.decoding import surroundings

        assert self.opened is not None  # a game with a gallery is a run's
        around = surroundings(self.work.settings, self.opened, self.gallery)
        journal = NearJournal(self.files.journal.path, around.space)
        play(around, self.request, journal, self.work.stage("Play"))

    # --- scores ---------------------------------------------------------------------------------

    def measured(self, table: ChainTable) -> tuple[list[Measured], list[str]]:
        """By every backbone that could; and of the others, why not, in sentences.

        Raises:
            InvalidInput: none could.
        """
        contents = Contents(self.gallery, self.files.pictures)
        found: list[Measured] = []
        lacking: list[str] = []
        for choice in self.request.backbones:
            name = name_of(choice)
            try:
                backbone = self._backbone(choice, contents)
                made = measured(table, backbone, self.work.stage(f"Measure: {name}"))
            except (Cancelled, StorageError):
                raise
            except IsthmusError as error:
                lacking.append(f"{name} could not measure anything: {error}")
                continue
            if made.to_start:
                found.append(made)
            else:
                lacking.append(f"{name} could not read any of these chains.")
        if not found:
            raise InvalidInput("\n".join(["There is nothing to score.", *lacking]))
        mixed = together(found)
        return ([*found, mixed] if mixed else found), lacking

    def _backbone(self, choice: BackboneChoice, contents: Contents) -> Backbone:
        if not is_own(choice):
            return EncoderPair(choice, contents, self._load, self.work.settings)
        if self.opened is None:
            raise InvalidInput(
                "Chains that were made elsewhere have no space of their own. Choose encoders."
            )
        return OwnSpace(self.opened, contents)

    def _load(self, name: str, side: Side, report: Report) -> Encoder:
        from backend.catalog.encoders import find_encoder
        from backend.features.loading import load_encoder

        settings = self.work.settings
        modality: Modality = "text"
        if side == "image":
            modality = self.gallery.modality if self.gallery else "image"
        spec = find_encoder(name, modality, settings)
        return load_encoder(
            spec, settings.device, None, report, max_pixels=settings.max_image_pixels
        )

    def attributes(self, table: ChainTable) -> tuple[AttributeSurvival, ...]:
        """What is kept of the built-in world's scenes."""
        if self.opened is None or self.gallery is None:
            return ()
        from backend.runs.survivals import attributes

        stage = self.work.stage("Compare attributes")
        dataset = self.opened.detail.request.dataset
        journal, seed = self.files.journal, self.request.seed
        return attributes(table, self.gallery, dataset, journal, seed, stage)

    def attraction(self) -> Attraction | None:
        """Where the seeds end; only chains of nearest items have such ends."""
        if self.opened is None or self.gallery is None or not is_nearest(self.request):
            return None
        from backend.drift.attractors import attraction, functional_graph
        from backend.runs.attracting import nearest_of

        stage, settings = self.work.stage("Find attractors"), self.work.settings
        found = nearest_of(settings, self.opened.detail, self.gallery.indexes, stage)
        return attraction(found, functional_graph(found.successor), self.request.seeds)

    def geneval(self, table: ChainTable, lacking: list[str]) -> MultiGenerationGenEval | None:
        """Pictures judged by an object detector, where that was asked for."""
        if not self.request.geneval:
            return None
        from backend.drift.detectors import load_owlv2
        from backend.drift.scores.geneval import multi_generation_geneval
        from backend.runs.game_objects import judged, names_colours, prompts_of

        stage, settings = self.work.stage("Judge pictures"), self.work.settings
        try:
            prompts = prompts_of(self.request.prompts, self.files.pictures)
            colours = self._colours(stage)
            if colours is None and any(map(names_colours, prompts)):
                lacking.append(
                    "GenEval: nothing tells colours, so prompts that name them are left out. Choose a "
                    "backbone of two encoders that share a space."
                )
            detector = load_owlv2(self.request.geneval, settings.device, report=stage)
            contents = Contents(self.gallery, self.files.pictures)
            told = judged(table, contents, prompts, detector, colours, stage)
            self.files.keep_judged(told)
            return multi_generation_geneval(told, self.request.seed)
        except (Cancelled, StorageError):
            raise
        except IsthmusError as error:
            lacking.append(f"GenEval could not be scored: {error}")
            return None

    def _colours(self, report: Report) -> ColourClassifier | None:
        """By the first backbone whose two encoders share a space; None where there is none."""
        from backend.drift.colours import ColourClassifier

        for choice in self.request.backbones:
            if choice.shared and choice.image and choice.text:
                image = self._load(choice.image, "image", report)
                text = self._load(choice.text, "text", report)
                return ColourClassifier(image.encode, text.encode)
        return None

    # --- words ----------------------------------------------------------------------------------

    def words(self, table: ChainTable, side: Side) -> str:
        """What made the generations of a modality, as the journal tells."""
        sides = np.array([content.side == side for content in table.contents], np.bool_)
        there = table.codes[:, 1:] >= 0
        if sides.size:
            there &= sides[table.codes[:, 1:]]
        places = np.argwhere(there)
        if not len(places):
            return ELSEWHERE if self.request.folder else "nothing was made"
        row, column = places[0].tolist()
        (step,) = self.files.journal.at([int(table.lines[row, column + 1])])
        return step.operator

    def notes(self, table: ChainTable, found: Sequence[Measured]) -> list[str]:
        """What has to be said of these numbers."""
        notes = []
        for each in found:
            if each.unread:
                notes.append(
                    f"{each.unread:,} texts or pictures could not be read by {each.name}; they count as "
                    "missing."
                )
        if self.request.folder:
            missing = int((table.codes < 0).sum())
            if missing:
                notes.append(f"{missing:,} samples are missing from the folder.")
        elif table.broken:
            notes.append(
                f"{table.broken:,} chains ended before the last generation, with nothing left to go to."
            )
        return notes
