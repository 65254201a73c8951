"""What a run uses and what was left out, counted and in words."""

from __future__ import annotations

from typing import Final, NamedTuple

from backend.errors import DatasetError
from backend.reporting import Report
from backend.runs.inputs import SIDES, Inputs
from backend.schemas import ITEM_WORDS

SPLITS: Final = ("train", "val", "test")


class Stock(NamedTuple):
    """What is used.

    Attributes:
        items, captions: by split; of the training split what the first seed draws.
        notes: for a reader of the numbers.
    """

    items: dict[str, int]
    captions: dict[str, int]
    notes: tuple[str, ...]


def take_stock(inputs: Inputs, report: Report) -> Stock:
    """Looks at both sides once they are encoded.

    Raises:
        DatasetError: nothing of a split can be used.
    """
    dataset = inputs.dataset(report)
    items = ITEM_WORDS[dataset.modality][1]
    features = {side: inputs.features(side, report) for side in SIDES}
    used = {
        split: inputs.pairs(split, report, inputs.seeds[0] if split == "train" else None)
        for split in SPLITS
    }
    counts = {split: len(pairs.image) for split, pairs in used.items()}
    captions = {split: len(pairs.text) for split, pairs in used.items()}
    if empty := [split for split in SPLITS if not counts[split]]:
        raise DatasetError(
            f"Nothing of {' and '.join(empty)} can be encoded. Replace the {items}, then Resume.",
            [*features["image"].faults, *features["text"].faults],
        )
    return Stock(
        counts, captions, tuple(_notes(inputs, counts["train"], captions["train"], report))
    )


def _notes(inputs: Inputs, items_used: int, captions_used: int, report: Report) -> list[str]:
    """What was left out, and how much the first seed is trained on."""
    dataset = inputs.dataset(report)
    items = ITEM_WORDS[dataset.modality][1]
    notes = []
    if dataset.set_aside:
        notes.append(
            f"{len(dataset.set_aside):,} rows or {items} were set aside; the data set's report "
            "names each with its reason."
        )
    for name, side in zip((items, "captions"), SIDES, strict=True):
        found = inputs.features(side, report)
        if found.faults:
            named = "; ".join(str(fault) for fault in found.faults[:3])
            count = f"{len(found.faults):,} {name}"
            notes.append(f"{count} could not be encoded and were left out: {named}.")
    there = len(dataset.split("train"))
    if items_used < there:
        drawn = " Each seed draws its own." if len(inputs.seeds) > 1 else ""
        notes.append(
            f"Trained on {items_used:,} of {there:,} training {items} with "
            f"{captions_used:,} captions.{drawn}"
        )
    beside = inputs.unpaired(inputs.seeds[0], report)
    if beside is not None:
        notes.append(
            f"Beside the pairs, {len(beside.image):,} training {items} and {len(beside.text):,} captions "
            "of other ones took part without their pairing."
        )
    return notes
