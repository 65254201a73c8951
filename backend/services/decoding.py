"""Any point of a run's shared space read out as words."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from backend.errors import NotAllowed
from backend.reporting import Report, silent
from backend.schemas import Query, QueryPart, ReadOut
from backend.services.kept import Kept
from backend.services.searching import Searching
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.drift.decoder import Decoder

#: that decoders in memory may take together
_BUDGET_BYTES: Final = 256 * 1024 * 1024
#: other wordings that are drawn
_DRAWS: Final = 4
_TEMPERATURE: Final = 0.7
#: between two looks at whether somebody who waits wants to stop
_PATIENCE_SECONDS: Final = 0.5


class ReadingOut(Searching):
    """Questions to a run's decoder, which is trained the first time that it is asked."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._decoders: Kept[Decoder] = Kept(_BUDGET_BYTES)
        self._decoding = threading.Lock()

    def has_decoder(self, run_id: str) -> bool:
        """Whether a run's decoder is trained already: without, the first reading takes about a minute."""
        from backend.runs.decoding import decoder_folder

        run = self._store.get_summary(run_id).id
        return run in self._decoders or decoder_folder(self.settings, run).is_dir()

    def read_out(self, run_id: str, query: Query, report: Report = silent) -> ReadOut:
        """What is said at the point that a query is: a text, a picture, an item, a vector, a mixture.

        All but texts is put among the training captions first (the memory projection): an image lies
        elsewhere than captions do, and the decoder has learned from captions alone.

        Args:
            query: its parts count; it is not searched.
            report: told the steps of training, where there is no decoder yet; may raise ``Cancelled``.

        Raises:
            InvalidInput: what of the query cannot be used, all at once.
            NotFound: no such run, or it has no index.
            NotAllowed: the place is read-only and the run has no decoder.
            Cancelled: as ``report`` raised it; nothing of the decoder is kept.
        """
        space = self._space(run_id)
        vector = self._query_vector(space, query)[None]
        projected = not all(_is_text(part) for part in query.parts)
        decoder = self._decoder(run_id, report)
        (words,) = decoder.decode(vector, projected=projected)
        drawn = decoder.decode(
            vector.repeat(_DRAWS, axis=0), _TEMPERATURE, range(_DRAWS), projected
        )
        others = tuple(dict.fromkeys(each for each in drawn if each and each != words))
        return ReadOut(words=words, others=others, projected=projected)

    def _decoder(self, run_id: str, report: Report) -> Decoder:
        # who waits while somebody else trains may stop, too
        while not self._decoding.acquire(timeout=_PATIENCE_SECONDS):
            report(0, 0, "decoder steps")
        try:
            known = self._decoders.get(run_id)
            if known is not None:
                return known
            from backend.drift.operators.opening import open_decoder
            from backend.runs.decoding import surroundings
            from backend.runs.evaluations.opened import open_run

            if self.settings.mode != "full" and not self.has_decoder(run_id):
                raise NotAllowed("This run has no decoder yet, and this place is read-only.")
            run = open_run(self.settings, self._store, run_id)
            around = surroundings(self.settings, run, self._space(run_id).gallery)
            decoder = open_decoder(around, report)
            self._decoders.put(run_id, decoder)
            return decoder
        finally:
            self._decoding.release()

    def _forget(self, run_id: str) -> None:
        """Closes a run that is gone."""
        self._decoders.drop(run_id)
        super()._forget(run_id)


def _is_text(part: QueryPart) -> bool:
    return part.kind == "text" or (part.kind == "item" and part.value.startswith("text:"))
