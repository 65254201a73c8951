"""Methods that are told no pairs at all."""

from __future__ import annotations

from typing import Final

from backend.alignment.register.method import Method
from backend.alignment.register.options import integer
from backend.schemas import MethodInfo

UNPAIRED: Final[tuple[Method, ...]] = (
    Method(
        MethodInfo(
            id="mini-vec2vec",
            name="mini-vec2vec",
            summary="Uses no pairs at all. For two encoders of one modality, or very alike spaces; "
            "near chance for images and captions with small encoders.",
            paper="Dar 2025 (mini-vec2vec)",
            family="unpaired",
            trained=False,
            uses_unpaired=True,
            options=(
                integer("clusters", "Clusters", 20, 3, 100, "Groups matched between the sides."),
                integer("matchings", "Matchings", 15, 1, 1000, "Clusterings put together."),
                integer("restarts", "Restarts", 200, 1, 1000, "Starts of each matching."),
                integer("neighbours", "Neighbours", 50, 1, 1000, "Rows averaged to a partner."),
                integer("refinements", "Refinements", 50, 0, 10_000, "Steps after the first map."),
                integer(
                    "unpaired",
                    "Unpaired rows",
                    10_000,
                    100,
                    200_000,
                    "Most images, and captions, used.",
                ),
            ),
        ),
        "mini_vec2vec",
    ),
)
