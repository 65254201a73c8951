"""The one door: what the UI and the command line may ask for, as plain calls with frozen results.

Opening it is cheap. Whatever needs torch, transformers or faiss is imported by the first call that
needs it.
"""

from __future__ import annotations

from backend.services.assessing import Assessing
from backend.services.attracting import Attracting
from backend.services.classifying import Classifying
from backend.services.decoding import ReadingOut
from backend.services.drifting import Drifting
from backend.services.dueling import Dueling
from backend.services.features import StoredFeatureCalls
from backend.services.linking import Linking
from backend.services.mapping_games import MappingGames
from backend.services.moving import Moving
from backend.services.ranking import Ranking
from backend.services.side_by_side import SideBySide
from backend.services.stressing import Stressing
from backend.services.sweeping import Sweeping
from backend.services.wording import Wording
from backend.settings import Settings

__all__ = ["Services"]


class Services(
    Sweeping,
    SideBySide,
    Moving,
    Dueling,
    Drifting,
    MappingGames,
    Attracting,
    ReadingOut,
    Stressing,
    Classifying,
    Assessing,
    Ranking,
    Wording,
    Linking,
    StoredFeatureCalls,
):
    """Everything the app can do.

    Args:
        settings: where things are kept and what is allowed.
    """

    def __init__(self, settings: Settings) -> None:
        from backend.runs.supervisor import Supervisor

        super().__init__(settings)
        self._supervisor = Supervisor(settings)

    def start(self) -> None:
        """Starts the worker and, in a new home, the demonstration run."""
        from backend.runs.demonstration import ensure_demonstration

        self._supervisor.start()
        ensure_demonstration(self.settings, self._store, self._jobs)

    def stop(self) -> None:
        """Stops the worker; its jobs go on when it is started again."""
        self._supervisor.stop()
