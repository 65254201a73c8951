"""What the map draws, as plain JSON values: coordinates, colours, lines, queries, names of clusters.

Points are addressed by their row in the view. Columns are sent as base64 of the bytes: at 100,000 points
the coordinates are 1.1 MB, once for each layout, and a colouring 135 kB.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.schemas import (
    ClusterLabel,
    Colouring,
    Frames,
    LayoutRequest,
    MapView,
    Modality,
    Neighbours,
    Query,
)
from ui import words
from ui.figures import PALETTE

OTHER: Final = "#8a9496"

#: an attribute whose values are colours is shown in those colours
NAMED: Final[dict[str, str]] = {
    "red": "#d4262a", "orange": "#fa8a18", "yellow": "#e3c11e", "green": "#269c42",
    "blue": "#265cdc", "purple": "#8038b2", "pink": "#f884be", "brown": "#7a4826",
    "black": "#3a3d42", "white": "#c9cdd0", "grey": "#8a9496", "gray": "#8a9496",
}  # fmt: skip

#: what takes lines away again; of None, Gradio would say nothing to the browser
NO_RAYS: Final[dict[str, Any]] = {}

#: numbers are sent as 0 to 254; 255 is a point that has none
_STEPS: Final = 254
_MISSING: Final = 255


def packed(values: NDArray[Any]) -> str:
    """A float32 array as base64, little-endian."""
    return letters(np.ascontiguousarray(values, dtype="<f4").tobytes())


def bits(chosen: NDArray[np.bool_]) -> str:
    """A bit a row as base64, the lowest bit of a byte first; empty where none is set."""
    if not chosen.any():
        return ""
    return letters(np.packbits(chosen, bitorder="little").tobytes())


def read_bits(text: str, count: int) -> NDArray[np.bool_]:
    """What :func:`bits` made. Whatever a browser sent in its place has no row set."""
    try:
        raw = base64.b64decode(str(text), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != (count + 7) // 8:
        return np.zeros(count, bool)
    return np.unpackbits(np.frombuffer(raw, np.uint8), count=count, bitorder="little").astype(bool)


def letters(raw: bytes) -> str:
    """Bytes as base64, as all columns are sent."""
    return base64.b64encode(raw).decode("ascii")


def geometry(view: MapView, modality: Modality = "image") -> dict[str, Any]:
    """A view's points: the value of a map, sent once for each run, layout and number of points."""
    return {
        **_points(view.run, view.points, view.images, view.total, modality),
        "key": key_of(view),
        "dims": view.xy.shape[1],
        "xy": packed(view.xy),
        "file": f"{view.run}-map-{layout_name(view.layout)}",
    }


def frames(moving: Frames, modality: Modality = "image", slider: bool = True) -> dict[str, Any]:
    """The points of a map that moves, at all of its stops.

    Args:
        slider: whether the map shows one of its own.
    """
    return {
        **_points(moving.run, moving.points, moving.images, moving.total, modality),
        "key": f"{moving.run}/{moving.kind}/{_digest(moving.xy.tobytes())}",
        "dims": 2,
        "frames": {
            "stops": list(moving.stops),
            "names": list(moving.names),
            "xy": packed(moving.xy),
        },
        "slider": slider,
        "file": f"{moving.run}-map-{moving.kind}",
    }


def _points(
    run: str, points: NDArray[np.int32], images: int, total: int, modality: Modality
) -> dict[str, Any]:
    sent = ""
    if len(points) < total:
        among = np.zeros(total, bool)
        among[points] = True
        sent = bits(among)
    thing = words.ITEM_WORDS[modality]
    return {
        "run": run, "n": len(points), "images": images, "total": total, "points": sent,
        "things": [f"{thing}s", "captions"],
    }  # fmt: skip


def key_of(view: MapView) -> str:
    """Differs between views whose points or coordinates do."""
    return f"{view.run}/{_digest(view.layout.model_dump_json().encode())}/{len(view.points)}"


def layout_name(layout: LayoutRequest) -> str:
    """A layout in a file's name, e.g. ``umap-joint-2d``."""
    space = "" if layout.space == "shared" else f"-{layout.space.replace(' ', '-')}"
    return f"{layout.method}-{layout.graph}{space}-{layout.dimensions}d"


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:12]


def colours(key: str, colouring: Colouring, modality: Modality = "image") -> dict[str, Any]:
    """A byte of colour for each point of the map whose value has this key.

    At most twelve categories are told apart; where there are more, the rarest become "other". Numbers are
    told apart in 255 steps between the lowest tenth, which shares the palest, and the highest.
    """
    if not colouring.labels:
        return {
            "key": key, "title": colouring.name, "labels": [], "colours": [],
            **_scaled(colouring.values, colouring.name == "rank error"),
        }  # fmt: skip
    labels, codes = _merged(list(colouring.labels), colouring.values.astype(np.int64))
    shown = labels
    if colouring.name == "modality":
        shown = [f"{words.ITEM_WORDS[modality]}s", "captions"][: len(labels)]
    return {
        "key": key,
        "title": colouring.name,
        "labels": shown,
        "colours": _palette(colouring.name, labels),
        "values": letters(codes.astype(np.uint8).tobytes()),
    }


def _scaled(values: NDArray[np.float32], ranks: bool) -> dict[str, Any]:
    """Numbers as bytes, and what stands beside the scale.

    Args:
        ranks: whether they are log10 of ranks; else they are standard deviations from a mean.
    """
    there = np.isfinite(values)
    low, high = np.quantile(values[there], (0.1, 1.0)).tolist() if there.any() else (0.0, 1.0)
    share = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    codes = np.where(there, np.rint(np.where(there, share, 0) * _STEPS), _MISSING)
    told = [f"{10**value:,.0f}" if ranks else f"{value:+.1f}" for value in (low, high)]
    note = (
        "rank of its own pair, on a log scale"
        if ranks
        else "standard deviations from its modality's mean"
    )
    return {
        "values": letters(codes.astype(np.uint8).tobytes()),
        "low_text": told[0].replace("-", "−"), "high_text": told[1].replace("-", "−"), "note": note,
    }  # fmt: skip


def _merged(labels: list[str], codes: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    if len(labels) <= len(PALETTE):
        return labels, codes
    common = [code for code, _ in Counter(codes.tolist()).most_common(len(PALETTE) - 1)]
    place = np.full(len(labels), len(common), np.int64)
    for position, code in enumerate(common):
        place[code] = position
    return [*(labels[code] for code in common), "other"], place[codes]


def _palette(name: str, labels: Sequence[str]) -> list[str]:
    if name == "modality":
        return ["image", "caption"]
    if labels and all(label in NAMED or label == "other" for label in labels):
        return [NAMED.get(label, OTHER) for label in labels]
    return [OTHER if label == "other" else PALETTE[i] for i, label in enumerate(labels)]


def rows_of(points: NDArray[np.int32], wanted: Iterable[int]) -> list[int]:
    """Rows of some of the gallery's points in a view; those that it does not show are left out."""
    numbers = np.fromiter(wanted, np.int64)
    rows = np.searchsorted(points, numbers)
    there = rows < len(points)
    there[there] = points[rows[there]] == numbers[there]
    return [int(row) for row in rows[there]]


def rays(
    key: str, points: NDArray[np.int32], near: Neighbours, point_of: Callable[[str], int]
) -> dict[str, Any]:
    """Lines from an item to its neighbours, its partners and what is retrieved for it.

    Args:
        points: of the view.
        point_of: the gallery's point of an item's id.

    Returns:
        :data:`NO_RAYS` where the item itself is not among the points that are shown.
    """

    def rows(ids: Iterable[str]) -> list[int]:
        return rows_of(points, (point_of(each) for each in ids))

    centre = rows([near.item.id])
    if not centre:
        return NO_RAYS
    retrieved = rows([near.retrieved]) if near.retrieved else []
    return {
        "key": key,
        "centre": centre[0],
        "images": rows(hit.item.id for hit in near.images),
        "texts": rows(hit.item.id for hit in near.texts),
        "partners": rows(near.partners),
        "retrieved": retrieved[0] if retrieved else -1,
    }


def marks(query: Query, place: Sequence[float], label: str) -> list[dict[str, Any]]:
    """A query on the map, where it lands."""
    typed = {"text" if part.kind in ("text", "said") else part.kind for part in query.parts}
    kind = "text" if typed == {"text"} else "image" if typed <= {"file", "item"} else "mixed"
    where = dict(zip("xyz", place, strict=False))
    return [{**where, "label": label, "kind": kind}]


def names(labels: Sequence[ClusterLabel]) -> list[dict[str, Any]]:
    """Names of clusters, largest first: where two would overlap, the first is shown."""
    ranked = sorted(labels, key=lambda label: -label.points)
    return [{"x": label.x, "y": label.y, "text": label.text} for label in ranked]
