"""Pieces of the page made of encoders: the table, what is known of one, and how it is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.schemas import EncoderInfo, Modality
from ui import words
from ui.cards import button, empty
from ui.markup import Html, tag

#: how pooling is called; the keys are what an address holds
POOLING_WORDS: Final[dict[str, str]] = {
    "cls": "CLS token",
    "mean": "mean of patches or tokens",
    "cls+mean": "CLS token and mean, joined",
    "last": "last token",
    "pooler": "the model's own pooler",
    "projection": "the projection of an aligned model",
    "tokens": "every token by itself",
}
#: a form of its own on the page: class name in style.css, heading
_COLUMNS: Final = (
    ("", "Encoder"),
    ("number", "Dimension"),
    ("number less", "Layers"),
    ("number", "Parameters"),
    ("less", "Input"),
    ("less", "Pooling"),
    ("less", "Licence"),
    ("number less", "Download"),
    ("less", "Revision"),
    ("", "Here"),
)


def matching(infos: Sequence[EncoderInfo], asked: str, here: bool) -> list[EncoderInfo]:
    """Those that have every word of ``asked`` somewhere in their name, id, family or description."""
    needles = asked.lower().split()
    found = []
    for info in infos:
        text = " ".join(
            (info.name, info.id, info.family, info.description, info.licence or "", info.library)
        ).lower()
        if all(needle in text for needle in needles) and (info.available or not here):
            found.append(info)
    return found


def table(infos: Sequence[EncoderInfo], opened: str, changeable: bool) -> Html:
    """Encoders row by row; the opened one with everything that is known of it below its row."""
    if not infos:
        return empty("No encoder is like that.", "Use fewer words, or another kind of input.")
    head = tag("tr", [tag("th", name, scope="col", class_=kind) for kind, name in _COLUMNS])
    rows: list[Html] = []
    for info in infos:
        rows.append(_row(info, info.id == opened))
        if info.id == opened:
            inner = tag("td", detail(info, changeable), colspan=len(_COLUMNS))
            rows.append(tag("tr.i-opened", inner))
    return tag(
        "div.i-table-frame", tag("table.i-runs.i-encoders", tag("thead", head),
                                 tag("tbody", rows)),
        tabindex="0", role="region", aria_label="Encoders",
    )  # fmt: skip


def _row(info: EncoderInfo, opened: bool) -> Html:
    name = tag(
        "button.i-link", info.name, type="button", data_act="open", data_arg=info.id,
        aria_expanded="true" if opened else "false",
    )  # fmt: skip
    marks = [
        tag("span.i-tag", "aligned", title="trained on pairs already: a reference")
        if info.aligned
        else None,
        tag("span.i-tag", "added") if info.added else None,
    ]
    cells: tuple[Html | str | None, ...] = (
        tag("span", name, marks, tag("small.i-soft", info.family) if info.family else None),
        f"{info.dimension:,}" if info.dimension else "–",
        str(info.layers) if info.layers else "–",
        words.millions(info.parameters) if info.parameters else "–",
        info.input_size or "–",
        info.pooling or "–",
        _licence(info),
        words.size(info.download_bytes) if info.download_bytes else "–",
        tag("code", info.revision[:7], title=info.revision) if info.revision else "–",
        here(info),
    )
    columns = [
        tag("td", cell, class_="i-name" if not position else kind)
        for position, ((kind, _), cell) in enumerate(zip(_COLUMNS, cells, strict=True))
    ]
    return tag(
        "tr", columns, class_="chosen" if opened else "", data_act="open", data_arg=info.id,
        data_encoder=info.id,
    )  # fmt: skip


def _licence(info: EncoderInfo) -> Html:
    gated = tag("span.i-gated", "gated", title="its terms must be accepted on the Hub first")
    return tag("span", info.licence or "–", " " if info.gated else None,
               gated if info.gated else None)  # fmt: skip


def here(info: EncoderInfo) -> Html:
    """Whether it is on this disk."""
    if info.available:
        return tag("span.i-badge.finished", tag("i", "●", aria_hidden="true"), "on this disk")
    return tag("span.i-badge", tag("i", "○", aria_hidden="true"), "to fetch")


def figures(info: EncoderInfo) -> dict[str, str]:
    """Everything known of an encoder, in words; what is not known is left out."""
    pooling = POOLING_WORDS.get(info.pooling, info.pooling)
    known = {
        "address": info.id,
        "takes": words.MODALITY_WORDS[info.modality],
        "family": info.family,
        "run by": info.library,
        "dimension": f"{info.dimension:,}" if info.dimension else "",
        "layers": str(info.layers or ""),
        "parameters": words.millions(info.parameters) if info.parameters else "",
        "input": info.input_size,
        "pooling": f"{pooling} ({info.pooling})" if pooling != info.pooling else pooling,
        "other poolings": ", ".join(each for each in info.poolings if each != info.pooling),
        "licence": info.licence or "",
        "access": "gated: accept its terms on the Hub and log in once" if info.gated else "",
        "download": words.size(info.download_bytes) if info.download_bytes else "",
        "revision": info.revision or "",
        "on this disk": "yes" if info.available else "no: fetched when a run needs it",
    }
    return {name: text for name, text in known.items() if text}


def detail(info: EncoderInfo, changeable: bool) -> Html:
    """One encoder with everything known of it and what can be done with it."""
    facts = [[tag("dt", name), tag("dd", text)] for name, text in figures(info).items()]
    acts = _uses(info) if changeable else []
    if changeable and info.added:
        acts.append(button("Forget it", "forget", info.id, "quiet"))
    return tag(
        "div.i-encoder", tag("p", info.description), tag("dl.i-facts-list.columns", facts),
        tag("div.i-row", acts) if acts else None,
        data_detail=info.id,
    )  # fmt: skip


def _uses(info: EncoderInfo) -> list[Html]:
    """The sides of a run that it can stand on; what takes words can stand on both."""
    kind = words.MODALITY_WORDS[info.modality]
    if info.modality in ("text", "code"):
        return [
            button("Use for the captions", "use-text", info.id, "primary"),
            button(f"Use for {words.ITEM_WORDS[info.modality]}s as items", "use-image", info.id),
        ]
    if info.modality == "features":
        return [
            button("Use for the items", "use-image", info.id, "primary"),
            button("Use for the captions", "use-text", info.id),
        ]
    return [button(f"Use as {kind} encoder in a new run", "use-image", info.id, "primary")]


def choice(info: EncoderInfo) -> tuple[str, str]:
    """An entry of a list to pick from: name with the figures that decide, and the id.

    Two that differ in their options alone are told apart by them.
    """
    options = info.id.partition("?")[2]
    parts = [f"{info.name} ({options})" if options and options not in info.name else info.name]
    if info.dimension:
        parts.append(f"{info.dimension:,} d")
    if info.parameters:
        parts.append(words.millions(info.parameters))
    if info.available:
        parts.append("on this disk")
    elif info.download_bytes:
        parts.append(f"{words.size(info.download_bytes)} to fetch")
    else:
        parts.append("to fetch")
    if info.gated:
        parts.append("gated")
    return "  ·  ".join(parts), info.id


def about(info: EncoderInfo) -> Html:
    """What stands below the field that picks an encoder, before anything is fetched."""
    facts = []
    if info.dimension:
        facts.append(words.count(info.dimension, "dimension"))
    if info.layers:
        facts.append(words.count(info.layers, "layer"))
    if info.parameters:
        facts.append(f"{words.millions(info.parameters)} parameters")
    if info.input_size:
        facts.append(info.input_size)
    if info.pooling:
        facts.append(f"pooling {info.pooling}")
    facts.append(info.licence or "licence not known")
    facts.append(_whereabouts(info))
    gated = None
    if info.gated and not info.available:
        gated = tag("p.i-gated", "Gated: accept its terms on the Hub and log in before launching.")
    return tag("div", tag("p", info.description), tag("p", " · ".join(facts)), gated)


def _whereabouts(info: EncoderInfo) -> str:
    if info.available:
        return "on this disk"
    if info.download_bytes:
        return f"{words.size(info.download_bytes)} to fetch from the Hub"
    return "not on this disk: is fetched from the Hub"


def takes(modality: Modality) -> tuple[Modality, ...]:
    """The kinds of encoders that can read items of a modality; programs are words, too."""
    if modality == "text":
        return "text", "code"
    if modality == "code":
        return "code", "text"
    return (modality,)
