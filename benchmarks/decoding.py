"""What the decoder says at points of the demonstration's space, against captions and scenes.

    ISTHMUS_HOME=/scratch python -m benchmarks decoding

Heads are fitted as the demonstration run's are, the decoder on its training captions alone. Every test
image and its full description (the first caption) is read out:

    captions    the share of what the held-out caption says that is said again
    images      the share of what is said that is so in the scene

each attribute by attribute, objects matched (:mod:`backend.drift.scores.scenes`); "all": nothing is lost,
or nothing said is wrong. Beside it the nearest training caption, and of images one drawn by chance.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.drift.decoder import train_decoder
from backend.drift.scores.scenes import ATTRIBUTES, Told, attribute_table
from backend.reporting import silent
from backend.runs.demonstration import REQUEST
from backend.scenes.world import picture_of
from backend.settings import Settings
from benchmarks.fitting import fitted

#: of training, where a rough figure will do
_QUICK_STEPS: Final = 300

Vectors = NDArray[np.float32]


def measure(quick: bool) -> dict[str, float]:
    """Shares by attribute of what is said; seconds of training and of reading out."""
    settings = Settings()
    settings.make_dirs()
    found = fitted(settings, REQUEST)
    rows = found.inputs.rows(silent)
    texts = [caption for record in rows.split("train") for caption in record.captions]
    known = found.heads.transform("text", found.train.text)
    begun = time.perf_counter()
    decoder = train_decoder(texts, known, steps=_QUICK_STEPS if quick else None)
    figures = {"training, s": time.perf_counter() - begun}

    records = rows.split("test")
    firsts = np.cumsum([0, *(len(record.captions) for record in records)])[:-1]
    spoken = found.heads.transform("text", found.test.text)[firsts]
    seen = found.heads.transform("image", found.test.image)
    names = [record.id for record in records]
    held_out = {record.id: record.captions[0] for record in records}
    scenes = {name: picture_of(REQUEST.dataset, name).scene for name in names}
    drawn = np.random.default_rng(0).integers(0, len(texts), len(names))

    begun = time.perf_counter()
    told = decoder.decode(spoken)
    figures[f"reading {len(told)} points out, s"] = time.perf_counter() - begun
    figures |= _shares("captions, decoder", held_out, names, told)
    figures |= _shares(
        "captions, nearest training caption", held_out, names, _nearest(spoken, known, texts)
    )
    said = {
        "decoder through the projection": decoder.decode(seen, projected=True),
        "decoder as they are": decoder.decode(seen),
        "nearest training caption": _nearest(seen, known, texts),
        "training caption by chance": [texts[row] for row in drawn],
    }
    for name, each in said.items():
        figures |= _shares_so(f"images, {name}", scenes, names, each)
    return figures


def _nearest(points: Vectors, known: Vectors, texts: Sequence[str]) -> list[str]:
    return [texts[row] for row in (points @ known.T).argmax(axis=1)]


def _shares(
    name: str, start: Mapping[str, Told], names: Sequence[str], said: Sequence[str]
) -> dict[str, float]:
    """Of what ``start`` says, the share that is said again."""
    table = attribute_table(start, [(1, dict(zip(names, said, strict=True)))])
    return _means(name, table.kept[:, 0])


def _shares_so(
    name: str, scenes: Mapping[str, Told], names: Sequence[str], said: Sequence[str]
) -> dict[str, float]:
    """Of what is said, the share that is so: what is said stands at the beginning, the scene after it."""
    table = attribute_table(dict(zip(names, said, strict=True)), [(1, scenes)])
    return _means(name, table.kept[:, 0])


def _means(name: str, kept: NDArray[np.float64]) -> dict[str, float]:
    """Means over those that say anything of an attribute; all: of those that say anything at all."""
    figures = {
        f"{name}: {attribute}": float(np.nanmean(kept[:, place]))
        for place, attribute in enumerate(ATTRIBUTES)
        if not np.isnan(kept[:, place]).all()
    }
    some = ~np.isnan(kept).all(axis=1)
    whole = np.nanmin(kept[some], axis=1) == 1
    return figures | {f"{name}: all": float(whole.sum() / len(kept))}
