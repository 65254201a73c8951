"""What is shown beside a point of a map under the pointer."""

from __future__ import annotations

from collections.abc import Callable

from backend.errors import IsthmusError
from backend.services import Services
from ui import faces, words

_LONGEST = 240


def looker(services: Services) -> Callable[[str, int], dict[str, str]]:
    """What :func:`ui.components.map_view` asks for a card: ``look(run id, point)``."""

    def look(run: str, point: int) -> dict[str, str]:
        """Empty where there is no such point; a browser can ask for any."""
        try:
            (found,) = services.map_points(run, [point])
        except IsthmusError:
            return {}
        caption = faces.described(found)
        own = found.text or found.image_id
        return {
            "src": words.file_url(found.thumbnail) if found.thumbnail else "",
            "alt": caption,
            "caption": own[:_LONGEST] if found.side == "image" and not found.thumbnail else caption,
            "side": f"i-side {found.side}",
            "kind": words.thing(found.side, found.modality),
            "id": found.id,
        }

    return look
