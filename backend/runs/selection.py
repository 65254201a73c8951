"""Which encoders and which of their layers a run uses, where that is left to the data.

Only training pairs of the first seed are looked at, so what is held out has no say: items that seed
draws, each with its first caption. Encoders are compared by CKA, as freeze-align chooses a pair; layers
by mutual kNN over all layer pairs, as STRUCTURE does, with what chance gives for the best of so many.
A layer is encoded for these items alone; for all others only the chosen one is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.catalog.address import Address, parse
from backend.catalog.encoders.options import canonical
from backend.errors import EncoderError, InvalidInput
from backend.reporting import Report
from backend.runs.inputs import SIDES, Inputs
from backend.runs.pairing import drawn
from backend.schemas import HeatMap, Side

if TYPE_CHECKING:
    from backend.alignment.selection import LayerChoice, PairChoice
    from backend.catalog.records import Record
    from backend.evaluation.calibration import Matrix
    from backend.features.encoders import Encoder
    from backend.features.extraction import Features

#: training items that are compared at most
PAIRS: Final = 5_000
#: what an encoder's only output is called among layers
OWN: Final = "own output"
_SURE: Final = 0.05
_DIGITS: Final = 5


class Chosen(NamedTuple):
    """What a run is to use.

    Attributes:
        encoders: the address of each side.
        heat: what they were chosen by; None where there was nothing to choose.
        notes: for a reader of the numbers.
    """

    encoders: dict[Side, str]
    heat: HeatMap | None
    notes: tuple[str, ...]


class OfferedLayers(NamedTuple):
    """The layers of one encoder that can be chosen: how each is called, and its address."""

    encoder: Encoder
    labels: tuple[str, ...]
    addresses: tuple[str, ...]
    note: str | None


def choose_pair(
    inputs: Inputs, images: Sequence[str], texts: Sequence[str], report: Report
) -> Chosen:
    """The two encoders that agree best before any training.

    Args:
        images, texts: addresses.
        report: told items encoded, then the comparison.
    """
    from backend.alignment.selection import select_pair

    records = sample(inputs, report)
    # the comparison counts as one more encoder
    parts = Parts(report, len(images) + len(texts) + 1, len(records))
    found: list[Features] = []
    for side, names in zip(SIDES, (images, texts), strict=True):
        for name in names:
            encoder = inputs.load(side, _pooled(name), parts.part())
            found.append(encoded(inputs, encoder, side, records, parts.part()))
            parts.next()
    taken = [_joined(outputs) for outputs in in_common(found)]
    count, widest = len(taken[0]), max(values.shape[1] for values in taken)
    unbiased = count < widest
    choice = select_pair(
        dict(zip(images, taken[: len(images)], strict=True)),
        dict(zip(texts, taken[len(images) :], strict=True)),
        pairs=PAIRS,
        unbiased=unbiased,
        seed=inputs.seeds[0],
        report=parts.part(),
    )
    why = f", as {count:,} pairs are fewer than {widest:,} numbers" if unbiased else ""
    note = (
        f"The pair was chosen out of {len(images) * len(texts)} by linear CKA ({choice.measure}{why}) on "
        f"{choice.pairs:,} training pairs: {choice.image} and {choice.text}, {choice.score:.3f}."
    )
    return Chosen({"image": choice.image, "text": choice.text}, _pair_map(choice), (note,))


def choose_layers(inputs: Inputs, report: Report) -> Chosen:
    """The layer of each encoder that agrees best with one of the other, before any training.

    An address that names layers offers these alone. An encoder that has none to choose from takes
    part with its own output, and a note says so.
    """
    from backend.alignment.selection import select_layers

    records = sample(inputs, report)
    parts = Parts(report, 3, len(records))
    offered = {side: offered_layers(inputs, side, report) for side in SIDES}
    notes = tuple(own.note for own in offered.values() if own.note)
    if all(len(own.addresses) == 1 for own in offered.values()):
        return Chosen({side: inputs.name(side) for side in SIDES}, None, notes)
    found: list[Features] = []
    for side in SIDES:
        found.append(encoded(inputs, offered[side].encoder, side, records, parts.part()))
        parts.next()
    image, text = in_common(found)
    choice = select_layers(image, text, pairs=PAIRS, seed=inputs.seeds[0], report=parts.part())
    place = {"image": choice.image, "text": choice.text}
    labels = [offered[side].labels[place[side]] for side in SIDES]
    chosen = {side: offered[side].addresses[place[side]] for side in SIDES}
    heat = _layer_map(choice, offered["image"].labels, offered["text"].labels)
    return Chosen(chosen, heat, (*notes, _layer_note(choice, *labels)))


def sample(inputs: Inputs, report: Report) -> list[Record]:
    """The training items of the first seed that are looked at, in the data set's order."""
    seed = inputs.seeds[0]
    training = inputs.training(seed, report)
    kept = drawn(training, PAIRS, seed)
    return [record for record in training if record.id in kept]


def _pair_map(choice: PairChoice) -> HeatMap:
    return HeatMap(
        name="encoders",
        metric=f"linear CKA, {choice.measure}",
        rows=choice.images,
        columns=choice.texts,
        values=_rounded(choice.unbiased if choice.measure == "unbiased" else choice.cka),
        chosen=(choice.images.index(choice.image), choice.texts.index(choice.text)),
        facts={"pairs": choice.pairs, "score": choice.score},
    )


def _layer_map(choice: LayerChoice, rows: tuple[str, ...], columns: tuple[str, ...]) -> HeatMap:
    facts = ("pairs", "k", "score", "calibrated_score", "last", "chance", "null_mean")
    return HeatMap(
        name="layers",
        metric=f"mutual kNN, k = {choice.k}",
        rows=rows,
        columns=columns,
        values=_rounded(choice.scores),
        calibrated=_rounded(choice.calibrated),
        chosen=(choice.image, choice.text),
        facts={
            name: float(getattr(choice, name))
            for name in (*facts, "threshold", "p", "permutations")
        },
    )


def _rounded(values: Matrix) -> Matrix:
    """Written short: it stands in the run's row, which is read whenever the runs are listed."""
    return tuple(tuple(round(value, _DIGITS) for value in row) for row in values)


def _layer_note(choice: LayerChoice, image: str, text: str) -> str:
    sure = "" if choice.p <= _SURE else " That is no more than the best of so many has by chance."
    return (
        f"Layers were chosen by mutual kNN on {choice.pairs:,} training pairs: {_called(image)} of the "
        f"items' encoder and {_called(text)} of the captions', {choice.score:.3f}; the last ones have "
        f"{choice.last:.3f}, chance gives {choice.chance:.3f}, p = {choice.p:.2g}.{sure}"
    )


class Parts:
    """One bar over several pieces of work of the same size.

    Args:
        report: told the whole.
        parts: how many pieces.
        size: of each, in items.
    """

    def __init__(self, report: Report, parts: int, size: int) -> None:
        self._report = report
        self._parts = parts
        self._size = max(1, size)
        self._number = 0

    def part(self) -> Report:
        """The report of the piece at work; what it does not count yet is 0."""

        def tell(done: int, total: int, unit: str) -> None:
            share = min(1.0, done / total) if total else 0.0
            whole = int((self._number + share) * self._size)
            self._report(whole, self._parts * self._size, "items")

        return tell

    def next(self) -> None:
        """The next piece."""
        self._number += 1


def offered_layers(inputs: Inputs, side: Side, report: Report) -> OfferedLayers:
    """The layers of a side's encoder: those that its address names, else all."""
    name = inputs.name(side)
    given = parse(name)
    named = [number.strip() for number in given.get("layers").split(",")]
    numbers = [number for number in named if number not in ("", "all", "last")]
    try:
        asked = _with(given, layers=",".join(numbers) or "all")
        encoder = inputs.load(side, _pooled(asked), report)
    except EncoderError as error:
        # one that cannot be loaded at all says so here, in its own words
        encoder = inputs.load(side, _pooled(name), report)
        note = f"{name} has no layers to choose from: it takes part with its own output."
        if encoder.spec.kind not in ("bag-of-words", "features"):
            note += f" {'; '.join([error.summary, *map(str, error.faults)])}"
        return OfferedLayers(encoder, (OWN,), (name,), note)
    numbers = numbers or [str(number) for number in range(len(encoder.outputs))]
    addresses = tuple(_with(given, layers=number) for number in numbers)
    return OfferedLayers(encoder, tuple(numbers), addresses, None)


def _called(label: str) -> str:
    return label if label == OWN else f"layer {label}"


def _with(given: Address, **options: str) -> str:
    """An address with other options; empty ones are left out."""
    kept = [pair for pair in given.options if pair[0] not in options]
    new = [(name, value) for name, value in options.items() if value]
    return canonical(given.base, Address(given.base, (*kept, *new)))


def _pooled(name: str) -> str:
    """An encoder with one vector an item, where its address asks for every token."""
    given = parse(name)
    return _with(given, pooling="") if given.get("pooling") == "tokens" else name


def encoded(
    inputs: Inputs, encoder: Encoder, side: Side, records: Sequence[Record], report: Report
) -> Features:
    """Features of the items themselves, or of the first caption of each; ids are the items'."""
    from backend.features.extraction import extract_captions, extract_items
    from backend.features.store import FeatureStore

    store = FeatureStore(inputs.settings.features_dir)
    if side == "image":
        return extract_items(encoder, records, store, report)
    owner = {record.caption_ids[0]: record.id for record in records}
    texts = [record.captions[0] for record in records]
    found = extract_captions(encoder, texts, store, report, tuple(owner))
    return replace(found, ids=tuple(owner[name] for name in found.ids))


def in_common(found: Sequence[Features]) -> list[tuple[NDArray[Any], ...]]:
    """The outputs of each, row i the same item in all: of items that every one of them has."""
    everywhere = set(found[0].ids).intersection(*(features.ids for features in found))
    if not everywhere:
        raise InvalidInput(
            "No training item has features of all the encoders to choose from. Take out the one that "
            "lacks them, then launch again."
        )
    order = [name for name in found[0].ids if name in everywhere]
    return [_in_order(features, order) for features in found]


def _joined(outputs: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    """One array, also of an encoder whose address names several layers."""
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1)


def _in_order(features: Features, order: Sequence[str]) -> tuple[NDArray[Any], ...]:
    if list(features.ids) == order:
        return features.outputs
    place = features.rows()
    rows = np.asarray([place[name] for name in order], np.int64)
    return tuple(output[rows] for output in features.outputs)
