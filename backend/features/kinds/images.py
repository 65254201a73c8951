"""Image encoders in transformers' format."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from backend.catalog.encoders import EncoderSpec
from backend.catalog.encoders.files import EncoderFiles
from backend.errors import EncoderError, InvalidInput
from backend.features.encoders import Encoder, resolve_device
from backend.features.models.checkpoints import Checkpoint, image_processor, load_checkpoint
from backend.features.models.readings import outputs, readings
from backend.features.work import Outcome, Work
from backend.media.decoding import Decoders, decode
from backend.media.pictures import read_picture
from backend.media.pixels import Recipe, recipe

if TYPE_CHECKING:  # it imports torch
    from backend.features.models.gradients import PixelModel

#: items of a batch before others are tried, and what is tried
_BATCH: Final = {"cpu": 16, "cuda": 128}
_BATCHES: Final = {"cpu": (2, 4, 8, 16), "cuda": (32, 64, 128, 256, 512, 1024)}

#: what processors make that models take; the last two of pictures of any aspect (SigLIP 2 NaFlex)
_INPUTS: Final = ("pixel_values", "pixel_attention_mask", "spatial_shapes")

#: batches beside each other on a GPU, each with a process that decodes
_LANES: Final = 16


class ImageEncoder(Encoder):
    """Pictures to features.

    On a CPU the threads that compute decode, too: the model takes nearly all of the time, and
    processes beside it would take the cores away from it. On a GPU processes decode ahead.

    Items are blobs, paths or PIL images.

    Args:
        decoders: processes that decode; None for what suits the device.
    """

    unit = "images"

    def __init__(
        self,
        spec: EncoderSpec,
        files: EncoderFiles,
        device: str,
        max_pixels: int,
        decoders: int | None = None,
    ) -> None:
        self.spec = spec
        self._readings = readings(spec, files)
        self.outputs = outputs(spec, files, self._readings)
        self._files = files
        self._asked_device = device
        self._max_pixels = max_pixels
        self._asked_decoders = decoders

    @cached_property
    def dimension(self) -> int:
        return self._width(Image.new("RGB", (64, 64)))

    @property
    def pooling(self) -> str:
        """How the model's output becomes one vector."""
        return self._readings[0].pooling

    @cached_property
    def device(self) -> str:
        """Where it computes."""
        return resolve_device(self._asked_device)

    @cached_property
    def batch_size(self) -> int:
        """Pictures of a batch; :mod:`backend.features.store.batches` finds a better one."""
        return _BATCH["cpu" if self.device == "cpu" else "cuda"]

    @property
    def batch_sizes(self) -> Sequence[int]:
        """What may be tried."""
        return _BATCHES["cpu" if self.device == "cpu" else "cuda"]

    def prepare(self) -> None:
        _ = self._loaded

    def with_gradients(self) -> PixelModel:
        """The model as a function of pixels, loaded once more.

        Raises:
            EncoderError: it prepares pictures in a way of its own, or cannot be loaded.
        """
        from backend.features.models.gradients import PixelModel

        return PixelModel(self.spec, self._files, self._readings, self.device)

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        loaded, size = self._loaded, self.batch_size  # by this thread, before others ask for it
        for start in range(0, len(items), size):
            batch = [i for i in range(start, min(start + size, len(items))) if wanted[i]]
            if batch:
                pictures = [items[i] for i in batch]
                yield Work(tuple(batch), partial(self._run, loaded, batch, pictures))

    @cached_property
    def _loaded(self) -> _Loaded:
        import torch

        processor = image_processor(self._files)
        threads = torch.get_num_threads()
        lanes = threads if self.device == "cpu" else min(threads, _LANES)
        count = self._asked_decoders
        if count is None:
            count = 0 if self.device == "cpu" else lanes
        return _Loaded(
            load_checkpoint(self._files, "image", self.device, self._readings, self.spec.precision),
            processor,
            recipe(processor),
            Decoders(count) if count else None,
            threading.BoundedSemaphore(lanes),
        )

    def _run(self, loaded: _Loaded, batch: Sequence[int], sources: Sequence[Any]) -> Outcome:
        """Decodes a batch, sets aside what cannot be decoded, and encodes the rest."""
        with loaded.lanes:
            places, inputs, faults = self._inputs(loaded, sources)
            told = {batch[place]: what for place, what in faults.items()}
            if not len(places):
                return Outcome((), (), faults=told)
            kept = [batch[place] for place in places]
            return loaded.checkpoint.outcome(kept, inputs, "image", told)

    def _inputs(
        self, loaded: _Loaded, sources: Sequence[Any]
    ) -> tuple[Sequence[int], dict[str, Any], dict[int, str]]:
        """Places of what could be decoded, the model's input, and the faults of the rest."""
        import torch

        if loaded.recipe is None:
            return self._processed(loaded, sources)
        ask = decode if loaded.decoders is None else loaded.decoders.decode
        found = ask(sources, loaded.recipe.plan, self._max_pixels)
        pixels = torch.from_numpy(loaded.recipe.numbers(found.pictures))
        return found.kept, {"pixel_values": pixels}, found.faults

    def _processed(
        self, loaded: _Loaded, sources: Sequence[Any]
    ) -> tuple[Sequence[int], dict[str, Any], dict[int, str]]:
        """The same with the library's own processor, for those that are out of the ordinary."""
        kept: list[int] = []
        made: list[Any] = []
        faults: dict[int, str] = {}
        for place, source in enumerate(sources):
            try:
                picture = read_picture(source, self._max_pixels)
            except InvalidInput as fault:
                faults[place] = fault.summary
                continue
            kept.append(place)
            # one by one, so that a large picture is let go as soon as it is resized
            made.append(loaded.processor(images=picture, return_tensors="pt"))
        return kept, self._batched(made) if made else {}, faults

    def _batched(self, made: Sequence[Any]) -> dict[str, Any]:
        """Inputs of single pictures as those of a batch.

        Raises:
            EncoderError: they are of different sizes.
        """
        import torch

        names = [name for name in _INPUTS if name in made[0]]
        if len({tuple(one["pixel_values"].shape) for one in made}) > 1:
            raise EncoderError(
                f"{self.spec.id} brings every picture to another size, which cannot go into one "
                f"batch. Give the preprocessor_config.json in {self._files.folder} one size for "
                "all: size with height and width, or do_center_crop with crop_size."
            )
        return {name: torch.cat([one[name] for one in made]) for name in names}


@dataclass(frozen=True)
class _Loaded:
    """What is needed to encode, once it is in memory.

    Attributes:
        lanes: how many batches of pictures may be in memory at once.
    """

    checkpoint: Checkpoint
    processor: Any
    recipe: Recipe | None
    decoders: Decoders | None
    lanes: threading.BoundedSemaphore
