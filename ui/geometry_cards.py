"""The geometry of a run's shared space as a table, each line saying what it means."""

from __future__ import annotations

from typing import Final

from backend.schemas import GeometryReport, Modality, RetrievalReport, SideGeometry
from ui import words
from ui.markup import Html, tag

_ACROSS: Final = (
    (
        "modality_gap",
        "Modality gap",
        "distance of the two sides' means; it says nothing about recall",
    ),
    ("pair_cosine", "Cosine of a pair", "mean over pairs; 1 is perfect"),
    ("alignment", "Alignment", "mean squared distance of a pair; lower is closer"),
    (
        "cross_uniformity",
        "Cross-modal uniformity",
        "over items that are no pair; lower is more even",
    ),
)


def geometry(of: RetrievalReport, modality: Modality = "image") -> Html | None:
    """Between the sides, then within each; nothing where it was not measured."""
    report = of.geometry
    if report is None:
        return None
    k = report.neighbours
    within = (
        ("uniformity", "Uniformity", "how evenly the items are spread; lower is more even"),
        ("effective_rank", "Effective rank", f"dimensions in use, of {report.dimension}"),
        ("hubness", "Hubness", f"skew of how often each is among the {k} nearest; 0 is none"),
        ("trustworthiness", "Trustworthiness",
         f"are the head's {k} neighbours the encoder's? 1 is all"),
        ("continuity", "Continuity", f"are the encoder's {k} neighbours still the head's? 1 is all"),
    )  # fmt: skip
    names = [words.ITEM_WORDS[modality], "caption"]
    head = tag("tr", [tag("th", name, scope="col")
                      for name in ("", *(f"{name.capitalize()}s" for name in names))])  # fmt: skip
    across = [
        tag("tr", _named(name, meaning), tag("td", _shown(getattr(report, field)), colspan=2))
        for field, name, meaning in _ACROSS
    ]
    inside = [
        tag("tr", _named(name, meaning), [tag("td", _value(side, field))
                                          for side in (report.image, report.text)])
        for field, name, meaning in within
    ]  # fmt: skip
    line = f"{words.METRIC_WORDS.get(of.split, of.split).capitalize()} split: {_counts(of, report, names)}."
    table = tag("table.i-scores.i-geometry", tag("thead", head), tag("tbody", across, inside))
    return tag("section.i-card", tag("h3", "Geometry"), table, tag("p.i-soft", line))


def _counts(of: RetrievalReport, report: GeometryReport, names: list[str]) -> str:
    """How many items of each side were measured, and of how many they were drawn."""
    told = []
    for side, total, name in zip((report.image, report.text), (of.images, of.captions), names,
                                 strict=True):  # fmt: skip
        drawn = f"{side.items:,} of " if side.items < total else ""
        told.append(drawn + words.count(total, name))
    return " and ".join(told)


def _named(name: str, meaning: str) -> Html:
    return tag("th", name, tag("small.i-soft", meaning), scope="row")


def _value(side: SideGeometry, field: str) -> str:
    return _shown(getattr(side, field))


def _shown(value: float | None) -> str:
    """Three decimals, fewer where the number is large; a dash where there is none."""
    if value is None:
        return "–"
    shown = f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    return shown.replace("-", "−")
