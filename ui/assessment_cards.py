"""An assessment of encoders on the page: their measures side by side, and what foretells alignment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from backend.schemas import (
    AssessedTogether,
    AssessmentReport,
    AssessmentRequest,
    Correlation,
    EncoderAssessment,
    EvaluationSummary,
    Modality,
    Share,
)
from ui import words
from ui.markup import Html, tag
from ui.shares import between
from ui.sweep_cards import short

#: by the names of the report's fields; in the order shown
MEASURES: Final[dict[str, str]] = {
    "knn": "Neighbours",
    "linear_probe": "Linear probe",
    "adjusted_mutual_information": "AMI",
    "adjusted_rand_index": "ARI",
    "silhouette": "Silhouette",
}
WAYS: Final = ("text_to_image", "image_to_text")
_PLAIN: Final[dict[str, str]] = {
    "adjusted_mutual_information": "chance 0",
    "adjusted_rand_index": "chance 0",
    "silhouette": "−1 to 1",
}
_SAIL: Final = (
    "SAIL (Zhang et al. 2025) found r = 0.99 for neighbours and 0.85 for the linear probe, with its "
    "encoders and ImageNet-1k."
)


def line(evaluation: EvaluationSummary) -> str:
    """What was asked for, in a line."""
    asked = AssessmentRequest.model_validate(evaluation.request)
    by = f" by {asked.attribute}" if asked.attribute else ""
    probe = ", no alignment probe"
    if asked.pairs and asked.text_encoder:
        probe = f"; probe: {short(asked.pairs)} with {short(asked.text_encoder)}"
    encoders = [short(name) for name in asked.encoders]
    named = words.listed(encoders) if len(encoders) < 3 else words.count(len(encoders), "encoder")
    return f"{named} on {short(asked.labelled)}{by}{probe}"


def card(evaluation: EvaluationSummary, report: AssessmentReport) -> Html:
    """Every encoder's measures, what they rest on, and what goes with the alignment probe."""
    return tag(
        "section.i-card",
        tag("h3", line(evaluation)),
        tag("p.i-soft", counts(report.encoders, report.attribute)),
        table(report.encoders, report.modality),
        [tag("p.i-soft", note) for note in report.notes],
        foretells(report.encoders, report.correlations, report.modality),
        _definitions(report.encoders[0], report.modality),
    )  # fmt: skip


def counts(encoders: Sequence[EncoderAssessment], attribute: str) -> str:
    """What the numbers rest on."""
    first = encoders[0]
    said = (
        f"{words.count(first.classes, 'class', 'classes')} by {attribute}: learnt from "
        f"{words.count(first.train_items, 'item')}, tried on {first.test_items:,}."
    )
    probe = next((each.alignment for each in encoders if each.alignment is not None), None)
    if probe is not None:
        said += (
            f" Alignment probe: linear heads fitted on {words.count(probe.train_images, 'item')} "
            f"with their captions, R@1 on {probe.images:,} items and {probe.captions:,} captions of "
            f"{probe.split}."
        )
    return said


def table(encoders: Sequence[EncoderAssessment], modality: Modality) -> Html:
    """Encoders down, measures across; 95 % intervals below shares, chance in the head."""
    columns: list[tuple[str, Callable[[EncoderAssessment], Share | float | None], str]] = [
        (label, lambda each, name=name: getattr(each, name), _PLAIN.get(name, ""))  # type: ignore[misc]
        for name, label in MEASURES.items()
    ]
    if any(each.alignment is not None for each in encoders):
        columns += [
            (
                f"Probe R@1 {words.direction(way, modality)}",
                lambda each, way=way: each.alignment and getattr(each.alignment, way),  # type: ignore[misc]
                "",
            )
            for way in WAYS
        ]
    head = [
        tag("th", label, tag("small.i-soft", note or _chance([of(each) for each in encoders])),
            scope="col")
        for label, of, note in columns
    ]  # fmt: skip
    rows = [
        tag(
            "tr",
            tag("th", short(each.encoder), tag("small.i-soft", f"{each.dimension:,} d"),
                scope="row", title=each.encoder),
            [_cell(of(each)) for _, of, _ in columns],
        )
        for each in encoders
    ]  # fmt: skip
    return tag(
        "div.i-table-frame.i-below",
        tag("table.i-assessed", tag("thead", tag("tr", tag("th", "Encoder", scope="col"), head)),
            tag("tbody", rows)),
        tabindex="0", role="region", aria_label="Encoders by measure",
    )  # fmt: skip


def _cell(found: Share | float | None) -> Html:
    if found is None:
        return tag("td", "–")
    if isinstance(found, Share):
        interval = tag("small.i-soft", between(found.interval), title="95 % interval")
        return tag("td", tag("b", words.percent(found.value)), interval)
    return tag("td", tag("b", _plain(found)))


def _plain(value: float) -> str:
    """Three places, without a sign at 0."""
    return f"{round(value, 3) + 0.0:.3f}".replace("-", "−")


def _chance(found: Sequence[Share | float | None]) -> str:
    """Of a column; encoders that cannot encode everything may differ in it."""
    known = sorted({round(each.chance, 4) for each in found if isinstance(each, Share)})
    if not known:
        return ""
    return f"chance {between((known[0], known[-1])) if len(known) > 1 else words.percent(known[0])}"


# --- what foretells alignment -------------------------------------------------------------------


def foretells(
    encoders: Sequence[EncoderAssessment],
    found: Mapping[str, Correlation],
    modality: Modality,
) -> Html:
    """How each measure goes with the alignment probe, over the encoders that have both."""
    aligned = [each for each in encoders if each.alignment is not None]
    title = tag("h4", "What goes with alignment")
    if not aligned:
        text = (
            "No alignment probe was made: name pairs and a text encoder to see whether these numbers "
            "foretell how well an encoder aligns."
        )
        return tag("section.i-part", title, tag("p.i-soft", text))
    if len(aligned) < 3:
        text = (
            f"Over {words.count(len(aligned), 'encoder')}: too few to say. Assess more on this set."
        )
        return tag("section.i-part", title, tag("p.i-soft", text))
    head = tag(
        "tr", tag("th", "Measure", scope="col"),
        [tag("th", f"and R@1 {words.direction(way, modality)}", scope="col") for way in WAYS],
    )  # fmt: skip
    rows = [
        tag("tr", tag("th", label, scope="row"),
            [_correlated(found.get(f"{name}/{way}")) for way in WAYS])
        for name, label in MEASURES.items()
    ]  # fmt: skip
    note = f"Pearson's r and Spearman's ρ over {words.count(len(aligned), 'encoder')}"
    if all(each.pearson_interval is None for each in found.values()):
        note += ": too few to say how sure that is"
    return tag(
        "section.i-part", title,
        tag("table.i-scores", tag("thead", head), tag("tbody", rows)),
        tag("p.i-soft", f"{note}. {_SAIL}"),
    )  # fmt: skip


def _correlated(found: Correlation | None) -> Html:
    if found is None:
        return tag("td", "–", tag("small.i-soft", "the same for all, or for too many"))
    r, rank = f"r {_signed(found.pearson)}", f"ρ {_signed(found.spearman)}"
    wide = None
    if found.pearson_interval is not None:
        wide = tag("small.i-soft", f"{_range(found.pearson_interval)} (95 %)")
    if found.spearman_interval is not None:
        rank += f", {_range(found.spearman_interval)}"
    return tag("td", tag("b", r), wide, tag("small.i-soft", rank))


def correlation_words(name: str, found: Correlation | None, encoders: int) -> str:
    """How sure it is that one measure goes with alignment, in sentences."""
    over = f"over {words.count(encoders, 'encoder')}"
    if found is None:
        if encoders < 3:
            return f"{over.capitalize()}: too few to say."
        return f"{over.capitalize()}: their numbers are the same, so nothing goes with them."
    said = f"{name} and alignment {over}: Pearson r {_signed(found.pearson)}"
    if found.pearson_interval is None:
        return f"{said}, Spearman ρ {_signed(found.spearman)}. Too few encoders to say how sure that is."
    low, high = found.pearson_interval
    said += f" ({_range(found.pearson_interval)}, 95 %), Spearman ρ {_signed(found.spearman)}"
    if found.spearman_interval is not None:
        said += f" ({_range(found.spearman_interval)})"
    sure = low > 0 or high < 0
    return f"{said}. {'More than chance would give.' if sure else 'It may as well be chance.'}"


def together_words(found: AssessedTogether) -> str:
    """Which encoders the plot shows."""
    shown = sum(each.alignment is not None for each in found.encoders)
    return (
        f"{words.count(shown, 'encoder')} of {words.count(found.assessments, 'assessment')} on these "
        "items, with this probe and seed; each as it was assessed last."
    )


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _range(interval: tuple[float, float]) -> str:
    return f"{_signed(interval[0])} to {_signed(interval[1])}"


def _definitions(first: EncoderAssessment, modality: Modality) -> Html:
    """What each number is."""
    thing = words.ITEM_WORDS[modality]
    told = {
        "Neighbours": f"share of items whose class the {first.neighbours} nearest learnt "
        "items name, each voting by exp(cosine / 0.07); chance: always the largest class",
        "Linear probe": "share that multinomial logistic regression gets right; its strength of "
        "regularisation is chosen on a fifth of the learnt items",
        "AMI, ARI": "how well k-means, with as many clusters as classes, agrees with the labels "
        "beyond chance",
        "Silhouette": "how much nearer an item lies to its own class than to the next one, by cosine",
        "Alignment probe": f"R@1 of linear heads between the {thing} encoder and the text encoder, "
        "the same recipe for all (SAIL's alignment probing)",
        "95 % intervals": "of shares: items, or images with their captions, drawn again; of r: Fisher's "
        "z, from 4 encoders on; of ρ: encoders drawn again, from 6 on",
    }
    rows = [[tag("dt", name), tag("dd", text)] for name, text in told.items()]
    return tag("details", tag("summary", "What the numbers are"), tag("dl.i-facts-list", rows))
