"""From records to rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.runs.pairing import Rows, chosen


@dataclass(frozen=True)
class Record:
    id: str
    split: str
    captions: tuple[str, ...]
    path: Path = Path("x.png")
    attributes: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def records() -> Any:
    splits = ["train", "test", "train", "val", "train", "test"] * 20
    return [
        Record(f"image-{n}", split, tuple(f"caption {n}.{k}" for k in range(n % 4)))
        for n, split in enumerate(splits)
    ]


def test_a_draw_is_of_training_images_alone_and_keeps_the_order(records: Any) -> None:
    drawn = chosen(records, 10, seed=3)
    assert sum(record.split == "train" for record in drawn) == 10
    assert [r for r in drawn if r.split != "train"] == [r for r in records if r.split != "train"]
    assert [records.index(record) for record in drawn] == sorted(map(records.index, drawn))


def test_a_draw_depends_on_the_seed_and_not_on_the_order(records: Any) -> None:
    def names(among: Any, count: int, seed: int) -> set[str]:
        return {record.id for record in chosen(among, count, seed)}

    drawn = names(records, 10, 3)
    assert drawn == names(records[::-1], 10, 3)
    assert drawn != names(records, 10, 4)
    assert drawn < names(records, 20, 3)


@pytest.mark.parametrize("wanted", [None, 60, 1000])
def test_all_are_used_where_there_are_no_more(records: Any, wanted: int | None) -> None:
    assert chosen(records, wanted, seed=0) == tuple(records)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_each_caption_stays_with_its_image(records: Any, split: str) -> None:
    rows = Rows.of(records)
    # features that say whose they are
    image = np.array([[int(record.id.split("-")[1])] for record in records], np.float32)
    text = np.array([[float(caption.split()[1])] for caption in rows.captions])
    pairs = rows.pairs(split, image, text)
    assert pairs.image[:, 0].tolist() == [
        int(record.id.split("-")[1]) for record in rows.split(split)
    ]
    assert len(pairs.text) == sum(len(record.captions) for record in rows.split(split))
    owners = pairs.image[pairs.image_of_text][:, 0]
    assert owners.tolist() == np.floor(pairs.text[:, 0]).tolist()


def test_an_encoder_that_is_fitted_sees_training_captions_alone(records: Any) -> None:
    expected = [c for record in records if record.split == "train" for c in record.captions]
    assert Rows.of(records).training_captions() == expected
