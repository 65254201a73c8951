"""What is shown beside a point under the pointer."""

from __future__ import annotations

from typing import Final

from backend.errors import IsthmusError
from backend.services import Services
from ui import faces, words

_LONGEST: Final = 240


class HoverCards:
    """Answers the map's questions about single points; a browser can ask about anything."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def card(self, run: str, point: int) -> dict[str, str]:
        """A point's picture and words; nothing where there is no such point."""
        try:
            item = self.services.map_points(run, [point])[0]
        except IsthmusError:
            return {}
        caption, own = faces.described(item), item.text or item.image_id
        return {
            "src": words.file_url(item.thumbnail) if item.thumbnail else "",
            "alt": caption,
            "caption": own[:_LONGEST] if item.side == "image" and not item.thumbnail else caption,
            "side": f"i-side {item.side}",
            "kind": words.thing(item.side, item.modality),
            "id": item.id,
        }
