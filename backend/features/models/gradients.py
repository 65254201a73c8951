"""An image encoder as a function of pixels that has gradients, for those who ask how little moves it.

Pictures are brought to the model's size as it always brings them; what may change are the numbers 0 to 255
of that smaller picture. The weights are laid out as they were trained and not as :mod:`.packed` does it,
which has no gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from backend.catalog.encoders import EncoderSpec
from backend.catalog.encoders.files import EncoderFiles
from backend.errors import EncoderError
from backend.features.models.checkpoints import image_processor, load_checkpoint
from backend.features.models.readings import Reading
from backend.media.decoding import decode
from backend.media.pixels import recipe

_LARGEST: Final = 255


class PixelModel:
    """The model of an image encoder.

    Args:
        spec: what it is called.
        files: the model's.
        readings: what is read of its output.
        device: "cpu", "cuda" or "cuda:N".

    Raises:
        EncoderError: its processor is out of the ordinary, so it is not known what pixels become; or it
            cannot be loaded.
    """

    def __init__(
        self, spec: EncoderSpec, files: EncoderFiles, readings: tuple[Reading, ...], device: str
    ) -> None:
        found = recipe(image_processor(files))
        if found is None or (len(readings) > 1 and any(reading.ragged for reading in readings)):
            raise EncoderError(
                f"{spec.id} prepares or reads pictures in a way of its own, through which no gradient "
                "leads to their pixels."
            )
        self._plan = found.plan
        self._checkpoint = load_checkpoint(
            files, "image", device, readings, "float32", packed=False
        )
        self._ragged = readings[0].ragged
        self.device = device
        # what becomes of a value is a straight line, channel by channel
        low, high = found.table[:, 0], found.table[:, _LARGEST]
        self._low = torch.from_numpy(low.copy()).to(device)[:, None, None]
        self._step = torch.from_numpy((high - low) / _LARGEST).to(device)[:, None, None]

    def pictures(self, sources: Sequence[Any], max_pixels: int) -> tuple[Sequence[int], Tensor]:
        """Pictures as the model sees them.

        Args:
            sources: blobs, paths or PIL images.
            max_pixels: larger ones are left out.

        Returns:
            Places of those that can be read, and (n, 3, height, width) values from 0 to 255.
        """
        found = decode(sources, self._plan, max_pixels)
        values = np.ascontiguousarray(found.pictures.transpose(0, 3, 1, 2), np.float32)
        return found.kept, torch.from_numpy(values).to(self.device)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Features of pictures, with gradients.

        Args:
            pixels: (n, 3, height, width), from 0 to 255.

        Returns:
            (n, d); of an encoder that gives every token, (n, tokens, d).
        """
        inputs = {"pixel_values": self._low + self._step * pixels}
        features: tuple[Tensor, ...] = self._checkpoint.features(inputs, "image")
        if self._ragged:
            return features[0].reshape(len(pixels), -1, features[0].shape[-1])
        return torch.cat(features, dim=1)
