"""The built-in world as a benchmark: what is true and false of its pictures is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from backend.catalog.compositional.benchmark import Benchmark, Example, check_some
from backend.catalog.records import Record
from backend.media.blobs import Blob
from backend.reporting import Report, silent
from backend.scenes.triplets import triplets
from backend.scenes.world import Picture, picture_of

_REPORT_EVERY: Final = 25


def read_scenes(name: str, records: Sequence[Record], report: Report = silent) -> Benchmark:
    """Triplets of the test pictures of a built-in set.

    Args:
        name: of the set, one of :data:`backend.scenes.world.WORLDS`.
        records: of the set; those of other splits are passed over.
        report: told the pictures; may raise ``Cancelled``.

    Raises:
        NotFound: there is no such set, or a record is none of its pictures.
        DatasetError: there is no test picture.
    """
    images = {
        record.id: record.content.path
        for record in records
        if record.split == "test" and isinstance(record.content, Blob)
    }

    def told() -> Iterator[Picture]:
        for number, image_id in enumerate(images):
            if number % _REPORT_EVERY == 0:
                report(number, len(images), "pictures")
            yield picture_of(name, image_id)
        report(len(images), len(images), "pictures")

    examples = tuple(
        Example(
            f"{one.image_id}/{one.kind}",
            one.kind,
            (one.image_id,),
            (one.positive, one.second),
            one.negative,
        )
        for one in triplets(told())
    )
    check_some(examples, (), f'The test split of the built-in set "{name}"')
    return Benchmark("scenes", examples, images)
