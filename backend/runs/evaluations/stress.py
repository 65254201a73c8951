"""Adversarial stress of a run: how small a change to a seed sends its chain to another attractor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from backend.errors import EncoderError, InvalidInput
from backend.runs.evaluations.kinds import Work
from backend.runs.indexing import index_store
from backend.schemas import (
    Side,
    StressFlip,
    StressReport,
    StressRequest,
    StressSeed,
    SwapKind,
    WordStress,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from backend.drift.stress.cells import Ground
    from backend.drift.stress.disturbing import Flips
    from backend.exploration.gallery import Gallery
    from backend.features.models.gradients import PixelModel
    from backend.runs.evaluations.opened import OpenedRun


def measure(work: Work, request: StressRequest) -> StressReport:
    """Disturbs seeds of the run's gallery in the shared space, in their pixels, and in their words.

    What cannot be done with this run, such as pixels of an encoder that has none, is told in a note.

    Raises:
        InvalidInput: the gallery has no pair or lacks a seed, or a line of words cannot be used.
        NotFound: the run is gone or has no index.
    """
    from backend.drift.stress.cells import Ground
    from backend.drift.stress.curves import curves
    from backend.drift.stress.disturbing import in_embedding
    from backend.drift.stress.words import word_pairs

    begun = time.monotonic()
    word_pairs(request)  # before an hour is spent, what cannot be used is told
    opened, gallery = work.open(), opened_gallery(work)
    items = chosen({opened.detail.summary.name: gallery}, request)
    ground = Ground(gallery.indexes, work.stage("Find where all chains end"))
    flips = in_embedding(ground, items, request, work.stage("Disturb vectors"))
    notes: list[str] = []
    if ground.attractors == 1:
        notes.append("All chains of this run end in one attractor, so none can be sent elsewhere.")
    for item, own in _in_pixels(work, opened, gallery, ground, items, request, notes).items():
        flips[item] = (*flips[item], *own)
    seeds = [_seed(gallery, ground, item, flips[item]) for item in items]
    words, seeds = _in_words(work, opened, gallery, ground, seeds, request, notes)
    sides: tuple[Side, ...] = ("image", "text")
    return StressReport(
        images=len(gallery.indexes["image"]),
        captions=len(gallery.indexes["text"]),
        attractors=ground.attractors,
        spread={side: ground.spread(side) for side in sides},
        curves=curves(seeds, request.seed),
        seeds=tuple(seeds),
        words=words,
        notes=tuple(notes),
        seconds=time.monotonic() - begun,
    )


def opened_gallery(work: Work) -> Gallery:
    """The run's gallery.

    Raises:
        NotFound: it has none yet.
    """
    from backend.exploration.gallery import load_gallery

    settings = work.settings
    return load_gallery(
        settings.indexes_dir / (work.run_id or ""),
        settings.thumbnails_dir,
        store=index_store(settings),
    )


def chosen(galleries: Mapping[str, Gallery], request: StressRequest) -> tuple[str, ...]:
    """The items that are disturbed: those that are named, else pairs that are drawn.

    Args:
        galleries: of the runs, by their names; all have every seed.
        request: what is asked for.

    Raises:
        InvalidInput: there is no pair to draw, or a named one is not in a gallery.
    """
    from backend.runs.game_seeds import drawn_seeds, strange_seeds

    named = [(name, gallery.indexes) for name, gallery in galleries.items()]
    if not request.seeds:
        return drawn_seeds([indexes for _, indexes in named], request.pairs, request.seed)
    faults = strange_seeds(named, request.seeds)
    if faults:
        raise InvalidInput("These seeds cannot be disturbed. Choose others.", faults)
    return tuple(dict.fromkeys(request.seeds))


def _seed(gallery: Gallery, ground: Ground, item: str, flips: tuple[StressFlip, ...]) -> StressSeed:
    return StressSeed(
        item=item,
        image=gallery.owner(item),
        side=ground.side(item),
        ends=ground.members(ground.attractor(item)),
        flips=flips,
    )


# --- pixels ---------------------------------------------------------------------------------------


def _in_pixels(
    work: Work,
    opened: OpenedRun,
    gallery: Gallery,
    ground: Ground,
    items: Sequence[str],
    request: StressRequest,
    notes: list[str],
) -> Flips:
    """The first images with their pixels changed; nothing, with a note, where that cannot be done."""
    from backend.drift.stress.disturbing import in_pixels

    images = [item for item in items if ground.side(item) == "image"][: request.pixel_seeds]
    if not images:
        return {}
    report = work.stage("Disturb pixels")
    try:
        model = _pixel_model(opened)
    except (EncoderError, InvalidInput) as error:
        notes.append(f"Pixels were not changed. {error}")
        return {}
    report(0, len(images), "images")
    sources = [gallery.entries[gallery.owner(item)].content for item in images]
    kept, pictures = model.pictures(sources, work.settings.max_image_pixels)
    if len(kept) < len(images):
        notes.append(f"{len(images) - len(kept):,} pictures cannot be read; their pixels stay.")
    head = opened.alignment.heads["image"].to(model.device)

    def embed(pixels: Tensor) -> Tensor:
        import torch

        from backend.alignment.heads import Inputs, TokenBatch

        features: Inputs = model(pixels)
        if (
            isinstance(features, torch.Tensor) and features.dim() > 2
        ):  # every token, of a picture always as many
            mask = torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
            features = TokenBatch(features, mask)
        embedded: Tensor = head(features)
        return embedded

    return in_pixels(ground, [images[row] for row in kept], pictures, embed, request, report)


def _pixel_model(opened: OpenedRun) -> PixelModel:
    """The run's image encoder as a function of pixels.

    Raises:
        InvalidInput: its items have none.
        EncoderError: no gradient leads to them.
    """
    from backend.features.kinds.images import ImageEncoder

    encoder = opened.encoder("image")
    if not isinstance(encoder, ImageEncoder):
        raise InvalidInput("The items of this run are read by no image encoder, so they have none.")
    return encoder.with_gradients()


# --- words ----------------------------------------------------------------------------------------


def _in_words(
    work: Work,
    opened: OpenedRun,
    gallery: Gallery,
    ground: Ground,
    seeds: list[StressSeed],
    request: StressRequest,
    notes: list[str],
) -> tuple[tuple[WordStress, ...], list[StressSeed]]:
    """What swapped words do to the captions, and the seeds with their share of it."""
    from backend.drift.stress.words import swapped, word_pairs

    captions = [seed for seed in seeds if seed.side == "text"]
    if not request.words or not captions:
        return (), seeds
    report = work.stage("Swap words")
    if not opened.reads_new("text"):
        notes.append(
            "Words were not swapped: the captions of this run are known by a file of features alone."
        )
        return (), seeds
    said = [gallery.said(seed.item) for seed in captions]
    words: list[WordStress] = []
    shares: dict[str, dict[SwapKind, float]] = {}
    for kind, pairs in word_pairs(request).items():
        told, own = swapped(
            kind,
            pairs,
            ground,
            captions,
            said,
            lambda texts: np.asarray(opened.embed_texts(texts, report), np.float32),
            request.seed,
        )
        words.append(told)
        for item, share in own.items():
            shares.setdefault(item, {})[kind] = share
    return tuple(words), [
        seed.model_copy(update={"swapped": shares.get(seed.item, {})}) for seed in seeds
    ]
