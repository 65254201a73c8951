"""What a layout is asked for, in one form for all that ask the same, and in words."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from backend.exploration.layouts.projecting import method_words, neighbours_of
from backend.schemas import ITEM_WORDS, USUAL_LAYOUT, LayoutRequest, Modality, Side, Space

#: to be raised where the same request would be laid out otherwise; older files are then made anew
VERSION: Final = 1

SIDES: Final[dict[Space, tuple[Side, ...]]] = {
    "shared": ("image", "text"),
    "image encoder": ("image",),
    "text encoder": ("text",),
}
_WITHOUT_DISTANCE: Final = ("pca", "tsne", "pacmap")


def resolved(request: LayoutRequest, run_id: str, seed: int) -> LayoutRequest:
    """The request with everything that decides nothing put to its usual value.

    Args:
        request: as it was asked.
        run_id: whose map; a run is not laid out like itself.
        seed: the run's own.
    """
    decided: dict[str, object] = {"seed": seed if request.seed is None else request.seed}
    if request.method == "pca":
        decided |= {"seed": 0, "neighbours": USUAL_LAYOUT.neighbours}
    if request.method == "pca" or request.space != "shared":
        decided["graph"] = "joint"
    if request.method in _WITHOUT_DISTANCE:
        decided["min_dist"] = USUAL_LAYOUT.min_dist
    if request.like == run_id:
        decided["like"] = None
    return request.model_copy(update=decided)


def base_of(request: LayoutRequest) -> LayoutRequest | None:
    """The layout that a resolved request begins at: the same with the usual neighbours and distance.

    Always that one, whatever else is there, so that the same request gives the same coordinates. None
    where the request is that one, or no UMAP, or begins at another run's.
    """
    if request.method != "umap" or request.like is not None:
        return None
    usual = {"neighbours": USUAL_LAYOUT.neighbours, "min_dist": USUAL_LAYOUT.min_dist}
    base = request.model_copy(update=usual)
    return None if base == request else base


def key_of(request: LayoutRequest, made_of: str, like: str = "") -> str:
    """Names a layout's files.

    Args:
        request: a resolved one.
        made_of: what the gallery is made of.
        like: the key of the other run's layout, where it begins at one.
    """
    told = [VERSION, request.model_dump(mode="json"), made_of, like]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:20]


def words(request: LayoutRequest, modality: Modality, like: str = "") -> str:
    """Which neighbours a layout draws near each other, in a sentence without its full stop.

    Args:
        request: a resolved one.
        modality: what the items are.
        like: the other run's name.
    """
    items = ITEM_WORDS[modality][1]
    name = method_words(request.method)
    if request.method == "tsne":
        name += f" at perplexity {request.neighbours}"
    things = {"shared": "points", "image encoder": items, "text encoder": "captions"}[request.space]
    of = {
        "shared": "all embeddings",
        "image encoder": f"what the frozen encoder of the {items} gave, before the alignment",
        "text encoder": "what the frozen encoder of the captions gave, before the alignment",
    }[request.space]
    if request.method == "pca":
        count = {2: "two", 3: "three"}[request.dimensions]
        told = f"{name} of {of}: the {count} directions of largest variance"
    elif request.space != "shared":
        told = f"{name} of {of}: each is drawn near its {neighbours_of(request)} nearest {things}"
    else:
        told = f"{name}: {_drawn_near(request, items)}"
    if request.like is not None:
        told += f"; turned and scaled to lie on the map of {like or request.like}"
        if request.method != "pca":
            told += ", from which it began"
    return told


def _drawn_near(request: LayoutRequest, items: str) -> str:
    count = neighbours_of(request)
    if request.graph == "cross-modal":
        half, rest = count // 2, count - count // 2
        return (
            f"each point is drawn near its {half} nearest {items} and its {rest} nearest captions"
        )
    if request.graph == "centred":
        return (
            "each modality's mean is taken away, then each point is drawn near its "
            f"{count} nearest of either modality"
        )
    return (
        f"each point is drawn near its {count} nearest of either modality; those of its own are "
        "nearer, so the modalities lie apart"
    )
