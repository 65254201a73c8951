"""The drift report of one game or several, as HTML or PDF."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from backend.errors import InvalidInput, IsthmusError
from backend.services.taking_games import TakingGames
from backend.whole_files import write_whole_file

if TYPE_CHECKING:
    from backend.drift.report.document import Document
    from backend.drift.report.telling import Told

#: chains of each game that a report shows
_SHOWN: Final = 4


class ReportingGames(TakingGames):
    """Files under data/reports, each of which needs nothing else."""

    def report_html(self, games: Sequence[str]) -> Path:
        """Games beside each other as one page, with its curves and small pictures within it.

        Args:
            games: 1 to 6 finished ones; the others are held against the first.

        Raises:
            InvalidInput: none, too many, twice the same, or one that has not finished.
            NotFound: no such game.
            StorageError: it cannot be written.
        """
        from backend.drift.report.html import as_html

        return self._written(games, "html", as_html(self._document(games)).encode())

    def report_pdf(self, games: Sequence[str]) -> Path:
        """The same as PDF; see :meth:`report_html`."""
        from backend.drift.report.pdf import as_pdf

        return self._written(games, "pdf", as_pdf(self._document(games)))

    def _document(self, games: Sequence[str]) -> Document:
        from backend.drift.report.telling import document

        told = self._told_games(games)
        compared = []
        for other in told[1:]:
            with suppress(IsthmusError):  # of other seeds, or measured by other backbones
                compared.append((other.name, self.compare_games(games[0], other.id)))
        return document(told, datetime.now(UTC), compared)

    def _told_games(self, games: Sequence[str]) -> list[Told]:
        from backend.drift.report.telling import Told

        names = {game: self._name(game) for game in games}
        several = {name for name in names.values() if list(names.values()).count(name) > 1}
        found = []
        for game in games:
            report = self.game_report(game)
            if report is None:
                raise InvalidInput(f"{game} has not finished, so there is nothing to report yet.")
            name = f"{names[game]} ({game})" if names[game] in several else names[game]
            chains = self.game_chains(game, count=_SHOWN)
            found.append(Told(game, name, self.game_request(game), report, chains))
        return found

    def _name(self, game: str) -> str:
        return self._game(game).run_name or self._files(game).pictures.name

    def _written(self, games: Sequence[str], kind: Literal["html", "pdf"], content: bytes) -> Path:
        path = self._report_file(games, kind)
        write_whole_file(path, content)
        return path
