"""What the browser draws of encoders: a measure of each against its alignment probe."""

from __future__ import annotations

from typing import Any, Final

from backend.schemas import AssessedTogether, EncoderAssessment, Share
from ui import words
from ui.assessment_cards import MEASURES, WAYS, correlation_words, together_words
from ui.sweep_cards import short

NOTHING: Final[dict[str, Any]] = {"points": []}


def scatter(key: str, found: AssessedTogether) -> dict[str, Any]:
    """Points by every measure and direction, so that a choice is answered in the browser.

    Args:
        key: of what is shown.
        found: encoders; those without an alignment probe are left out.
    """
    aligned = [each for each in found.encoders if each.alignment is not None]
    if not aligned:
        return NOTHING
    ways = {way: f"R@1 {words.direction(way, found.modality)}" for way in WAYS}
    return {
        "key": key,
        "title": "What foretells alignment",
        "about": together_words(found),
        "measures": [
            {"id": name, "label": label, "percent": _is_share(aligned[0], name)}
            for name, label in MEASURES.items()
        ],
        "ways": [{"id": way, "label": label} for way, label in ways.items()],
        "points": [
            {
                "name": short(each.encoder),
                "of": {
                    **{name: _numbers(getattr(each, name)) for name in MEASURES},
                    **{way: _numbers(getattr(each.alignment, way)) for way in WAYS},
                },
            }
            for each in aligned
        ],
        "words": {
            f"{name}/{way}": correlation_words(
                label,
                found.correlations.get(f"{name}/{way}"),
                sum(getattr(each, name) is not None for each in aligned),
            )
            for name, label in MEASURES.items()
            for way in WAYS
        },
        "chance": {
            **_chances(aligned[0]),
            "adjusted_mutual_information": 0.0,
            "adjusted_rand_index": 0.0,
        },
        "note": "Bars: 95 % intervals over items; AMI, ARI and silhouette have none. Dashed: chance.",
    }


def _is_share(first: EncoderAssessment, name: str) -> bool:
    return isinstance(getattr(first, name), Share)


def _numbers(found: Share | float | None) -> list[float] | None:
    """The value, and the interval's ends where it has one."""
    if found is None:
        return None
    return [found.value, *found.interval] if isinstance(found, Share) else [found]


def _chances(first: EncoderAssessment) -> dict[str, float]:
    """What guessing gives, of the measures that are shares."""
    shares = {name: getattr(first, name) for name in MEASURES}
    shares |= {way: getattr(first.alignment, way) for way in WAYS}
    return {name: each.chance for name, each in shares.items() if isinstance(each, Share)}
