"""Which side wins where an item and a text disagree: over a whole split, and for one pair tried at once."""

from __future__ import annotations

from backend.errors import InvalidInput, NotFound
from backend.schemas import ConflictReport, WeighedAnswer, WeighedPair
from backend.services.remembering import Remembering

_LONGEST = 500


class Conflicting(Remembering):
    """Questions in which both sides ask together."""

    def conflicts(self, run_id: str) -> ConflictReport:
        """Items of the test split, each asked together with a caption of another one.

        Raises:
            InvalidInput: there are no two items of which one has a caption.
            NotFound: no such run, or it has no index.
        """
        from backend.evaluation.conflict import conflicts

        gallery = self._space(run_id).gallery
        return self._remembered(("conflicts", run_id), lambda: conflicts(*gallery.embedded()))

    def weigh(self, run_id: str, item_id: str, text: str) -> WeighedPair:
        """The items found by (1 - w) item + w text, for every weight w from 0 to 1.

        Args:
            item_id: of an item of the gallery, as ``image:NAME``; ``image:`` may be left out.
            text: what it is asked together with.

        Raises:
            InvalidInput: no item was named, or no text; it is overlong, or a caption was named.
            NotFound: no such run or item.
        """
        from backend.evaluation.conflict import balance

        name, said = item_id.strip(), " ".join(text.split())
        if not name or not said:
            raise InvalidInput("Choose an item and type a text; both are asked together.")
        if len(said) > _LONGEST:
            raise InvalidInput(f"The text has {len(said)} letters; use at most {_LONGEST}.")
        if name.startswith("text:"):
            raise InvalidInput("This is a caption's id. Type an item's, as image:NAME.")
        space = self._space(run_id)
        index = space.gallery.indexes["image"]
        row = index.row_of.get(f"image:{name.removeprefix('image:')}")
        if row is None:
            raise NotFound(f"{name} is not in this run's gallery (the test split). Choose another.")
        vectors = index.vectors()
        found = balance(vectors[row], space.embed_text(said), vectors)
        return WeighedPair(
            item=space.gallery.item(index.ids[row]),
            text=said,
            gallery=len(index),
            answers=tuple(
                WeighedAnswer(
                    item=space.gallery.item(index.ids[each.row]), start=each.start, end=each.end
                )
                for each in found.segments
            ),
            leaves_image_at=found.leaves_image_at,
            reaches_text_at=found.reaches_text_at,
        )
