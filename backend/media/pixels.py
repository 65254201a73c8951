"""Pictures to the numbers a model takes, as transformers' image processors make them.

For the usual processors: resize (shortest edge, or to height x width), crop at the centre, all with
PIL on whole bytes; then a table look-up for each of the 256 values of a channel, which gives the
processor's own numbers to the last bit at a fraction of its cost. Needs neither torch nor
transformers, so that it runs in light worker processes.

Source: transformers 5, image_processing_backends.PilBackend and image_transforms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.errors import InvalidInput

_CHANNELS: Final = 3
_VALUES: Final = 256

#: a long and narrow picture may not grow beyond it when its shorter edge is enlarged
_LARGEST: Final = 64_000_000

#: width and height of the pictures that a recipe is judged by
_PROBES: Final = ((97, 64), (250, 331), (300, 300))

#: from this size on ConvNeXt's processor warps instead of cropping
_WARPED_FROM: Final = 384


@dataclass(frozen=True)
class Plan:
    """What a processor does to a picture, up to the numbers.

    Attributes:
        shortest: the shorter edge is brought to it, keeping the proportions; None for ``size``.
        size: height and width that the picture is brought to where ``shortest`` is None; None to
            leave it.
        resample: PIL's number of the filter.
        crop: height and width that are cut out of the centre; None for all of it.
    """

    shortest: int | None
    size: tuple[int, int] | None
    resample: int
    crop: tuple[int, int] | None

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width of every result; None where it depends on the picture."""
        return self.crop or (None if self.shortest else self.size)

    def apply(self, picture: Image.Image) -> NDArray[np.uint8]:
        """(height, width, 3) bytes of an RGB picture.

        Raises:
            InvalidInput: it is too long and narrow.
        """
        width, height = picture.size
        if self.shortest:
            short, long = sorted((height, width))
            other = int(self.shortest * long / short)
            target = (other, self.shortest) if height > width else (self.shortest, other)
        else:
            target = self.size or (height, width)
        if target[0] * target[1] > _LARGEST:
            raise InvalidInput(
                f"{width} x {height} pixels: too long and narrow for this encoder, which enlarges "
                f"the shorter edge to {self.shortest}; cut it"
            )
        if self.shortest or self.size:
            # also where nothing changes: PIL then copies, as it does for the processor
            picture = picture.resize((target[1], target[0]), Image.Resampling(self.resample))
        if self.crop:
            top, left = (target[0] - self.crop[0]) // 2, (target[1] - self.crop[1]) // 2
            picture = picture.crop((left, top, left + self.crop[1], top + self.crop[0]))
        return np.asarray(picture)


@dataclass(frozen=True)
class Recipe:
    """A whole processor: a plan for each picture, then numbers from a table.

    Attributes:
        plan: to bytes.
        table: (3, 256) float32: what becomes of each value of each channel.
    """

    plan: Plan
    table: NDArray[np.float32]

    def numbers(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, 3, height, width) for (n, height, width, 3) bytes."""
        count, height, width, channels = pictures.shape
        result = np.empty((count, channels, height, width), np.float32)
        for place, picture in enumerate(pictures):
            for channel in range(channels):
                # "clip": a byte is never out of range, and the check costs as much as the rest
                np.take(
                    self.table[channel],
                    picture[..., channel],
                    out=result[place, channel],
                    mode="clip",
                )
        return result


def recipe(processor: Any) -> Recipe | None:
    """What a processor does, where it is of the usual kind and gives every picture the same shape.

    Judged by its numbers: the recipe must give exactly the processor's own for a few pictures.
    """
    try:
        convnext = type(processor).__name__.startswith("ConvNext")
        plan = _convnext_plan(processor) if convnext else _plan(processor)
        if plan is None or plan.shape is None:
            return None
        found = Recipe(plan, _table(processor))
        return found if all(_equal(found, processor, size) for size in _PROBES) else None
    except (AttributeError, KeyError, TypeError, ValueError):  # of another kind altogether
        return None


def _equal(found: Recipe, processor: Any, size: tuple[int, int]) -> bool:
    """Whether a picture becomes the very same numbers."""
    values = np.random.default_rng(0).integers(0, _VALUES, (size[1], size[0], _CHANNELS))
    picture = Image.fromarray(values.astype(np.uint8))
    wanted = np.asarray(processor(images=picture, return_tensors="np")["pixel_values"])
    return np.array_equal(found.numbers(found.plan.apply(picture)[None]), wanted)


def _plan(processor: Any) -> Plan | None:
    crop = _crop(processor)
    if not processor.do_resize:
        return None
    sides = {name: value for name, value in dict(processor.size).items() if value}
    if set(sides) == {"shortest_edge"}:
        shortest = int(sides["shortest_edge"])
        if crop is None or max(crop) > shortest:
            return None
        return Plan(shortest, None, _filter(processor), crop)
    if set(sides) != {"height", "width"}:
        return None
    size = (int(sides["height"]), int(sides["width"]))
    if crop and (crop[0] > size[0] or crop[1] > size[1]):
        return None
    return Plan(None, size, _filter(processor), crop)


def _convnext_plan(processor: Any) -> Plan | None:
    """ConvNeXt's resize is a resize and a crop in one."""
    edge = dict(processor.size).get("shortest_edge")
    if not processor.do_resize or not edge or _crop(processor):
        return None
    if edge >= _WARPED_FROM:
        return Plan(None, (int(edge), int(edge)), _filter(processor), None)
    shortest = int(edge / processor.crop_pct)
    return Plan(shortest, None, _filter(processor), (int(edge), int(edge)))


def _crop(processor: Any) -> tuple[int, int] | None:
    if not getattr(processor, "do_center_crop", None):
        return None
    told = dict(processor.crop_size)
    return int(told["height"]), int(told["width"])


def _filter(processor: Any) -> int:
    return int(Image.Resampling.BILINEAR if processor.resample is None else processor.resample)


def _table(processor: Any) -> NDArray[np.float32]:
    """All 256 values of each channel, rescaled and normalised with the processor's own steps."""
    values = np.arange(_VALUES, dtype=np.uint8)
    image = np.broadcast_to(values, (_CHANNELS, 1, _VALUES))
    if processor.do_rescale:
        image = processor.rescale(image, processor.rescale_factor)
    if processor.do_normalize:
        image = processor.normalize(image, processor.image_mean, processor.image_std)
    return np.ascontiguousarray(image.reshape(_CHANNELS, _VALUES), dtype=np.float32)
