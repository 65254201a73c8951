"""What a run asks of the machine, as far as it can be told before it starts.

The rule, for a batch of one, since a batch that is too large for a GPU is halved until it fits:

- weights: 4 bytes a parameter. Models are kept in float32 on every device; half precision is what
  they compute in. (Measured with a ViT-L of 303 M parameters on a CPU: 1.21 GB by this rule, 1.22 GB
  more than before it was loaded, the checkpoint's own pages aside, which the system may drop.)
- activations: of a transformer 14 x width floats a token, for the residual stream, its norm, query,
  key, value, the attention's output and the feed-forward layer's 4 x width twice; and one hidden
  state for each layer, where layers are asked for. (Measured there: 20 MB for a picture; the rule
  says 15 MB, or 41 MB with all layers.) Of a convolutional network, 64 channels at half the side.
- what Python and the libraries take: 0.6 GB.

Training adds the heads: their weights, gradients and two moments (one with Lion), and a copy of the
best so far, in float32.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from backend.catalog.address import parse
from backend.errors import Fault, InvalidInput, IsthmusError
from backend.schemas import ITEM_WORDS, EncoderInfo, Modality, Needs, RunRequest
from backend.services.heads import head_parameters, step_activations
from backend.services.machine import Device, device
from backend.services.picking import Picking

_GB: Final = 1_000_000_000
_FLOAT: Final = 4
_LIBRARIES: Final = 600_000_000
#: floats a token and unit of width in one block
_BLOCK: Final = 14
#: tokens that are read of a text where more would be allowed; of a caption, and a second of sound
_LONGEST_TEXT, _CAPTION, _TOKENS_A_SECOND = 512, 24, 50
#: finest patches that are usual, so most tokens
_PATCH: Final = 14
_CHANNELS: Final = 64
#: products a second: of a core (a ViT-Ti does 31 images a second on two), of a GPU at half precision
_CORE, _GPU = 35e9, 30e12
#: seconds of encoding that are worth a word
_LONG: Final = 600
#: memory of GPUs that people have, in GB
_CARDS: Final = (4, 6, 8, 12, 16, 24, 40, 48, 80)
#: share of the free memory above which its size is worth a word
_MUCH: Final = 0.5


@dataclass(frozen=True)
class _Encoder:
    """One encoder of a request, weighed.

    Attributes:
        field: of the request.
        info: what the catalogue or its files say.
        items: how many it would have to encode; 0 where that is not known.
        bytes: of memory while it works.
        products: floating-point operations for one item.
    """

    field: str
    info: EncoderInfo
    items: int
    bytes: int
    products: float

    @property
    def words(self) -> str:
        """ "DINOv2 giant has 1.1 billion parameters"."""
        return f"{self.info.name} has {_count(self.info.parameters or 0)} parameters"

    def seconds(self, at: Device) -> float:
        """For all its items, as a rule of thumb."""
        return self.items * self.products / (_GPU if at.gpu else _CORE * at.cores)


#: encoders that were looked up, so that a grid of runs asks for each once
_Scales: TypeAlias = dict[tuple[str, Modality], EncoderInfo | None]


class Weighing(Picking):
    """Runs weighed before they start."""

    def needs(self, request: RunRequest) -> Needs:
        """What a run asks of the machine. Never raises: what cannot be told is left out."""
        at = device(self.settings)
        modality = self._modality(request.dataset)
        scales: _Scales = {}
        encoders = list(self._weighed(request, modality, scales, self._counts(request)))
        heads = self._heads(request, modality, scales)
        # a run keeps both encoders until it ends
        kept = {each.field.partition("_")[0]: each.bytes for each in sorted(encoders, key=_bytes)}
        total = sum(kept.values()) + heads + _LIBRARIES
        faults = _faults(request.method, encoders, heads, at)
        if any(each.seconds(at) > _LONG for each in encoders):
            encoders = self._without_stored(encoders)
        told = [fault.what for fault in faults]
        if any(self._may_be_stored(fault.where, encoders) for fault in faults):
            told.append("Only where its features are stored already can it be used here.")
        told = told or _advice(encoders, heads, total, at, modality)
        known = all(
            info and (info.parameters or info.library == "none") for info in scales.values()
        )
        return Needs(
            memory_bytes=total if known else None,
            device=at.name,
            fits=False if faults else True if known and at.total else None,
            text=" ".join(told),
        )

    def memory_faults(self, requests: Iterable[RunRequest], modality: Modality) -> list[Fault]:
        """What of some runs can by no means run here, each said once; empty where that cannot be told.

        An encoder whose features may be stored already is let pass: it may not be needed at all.
        """
        at = device(self.settings)
        if at.total is None:
            return []
        found: dict[Fault, None] = {}
        scales: _Scales = {}
        for request in requests:
            encoders = list(self._weighed(request, modality, scales, (0, 0)))
            heads = self._heads(request, modality, scales)
            for fault in _faults(request.method, encoders, heads, at):
                if fault not in found and not self._may_be_stored(fault.where, encoders):
                    found[fault] = None
        return list(found)

    # --- weighing -------------------------------------------------------------------------------

    def _weighed(
        self, request: RunRequest, modality: Modality, scales: _Scales, counts: tuple[int, int]
    ) -> Iterator[_Encoder]:
        """The encoders of a request that are models of a known size; items and captions are counted."""
        items, captions = counts
        sides: tuple[tuple[str, tuple[str, ...], Modality, int], ...] = (
            ("image_encoder", (request.image_encoder,), modality, items),
            ("image_candidates", request.image_candidates, modality, items),
            ("text_encoder", (request.text_encoder,), "text", captions),
            ("text_candidates", request.text_candidates, "text", captions),
        )
        for field, names, takes, count in sides:
            for name in names:
                info = self._info(name, takes, scales)
                if info is not None and info.parameters:
                    deep = request.select_layers or "layers" in dict(parse(name).options)
                    yield _weigh(field, info, count, deep)

    def _info(self, name: str, modality: Modality, scales: _Scales) -> EncoderInfo | None:
        """What is known of an encoder, looked up once; None where it cannot be used."""
        from backend.catalog.encoders import encoder_info

        if (name, modality) not in scales:
            try:
                scales[name, modality] = encoder_info(name, modality, self.settings)
            except IsthmusError:  # told by the check of the request
                scales[name, modality] = None
        return scales[name, modality]

    def _modality(self, dataset: str) -> Modality:
        """Of a data set that was looked at before; nothing is read for it."""
        return next((info.modality for info in self.datasets() if info.id == dataset), "image")

    def _counts(self, request: RunRequest) -> tuple[int, int]:
        """Items and captions that a run would encode; 0 where the data set was not read yet."""
        found = next((info for info in self.datasets() if info.id == request.dataset), None)
        splits = dict(found.splits) if found else {}
        items, captions = (
            sum(split.images for split in splits.values()),
            sum(split.captions for split in splits.values()),
        )
        train = splits.get("train")
        asked = request.train_images
        if train is None or asked is None or asked * request.seeds >= train.images:
            return items, captions
        # each seed draws its own
        share = asked * request.seeds / train.images
        return (
            round(items - train.images * (1 - share)),
            round(captions - train.captions * (1 - share)),
        )

    def _heads(self, request: RunRequest, modality: Modality, scales: _Scales) -> int:
        """Bytes of both heads while they are fitted; 0 where a width is not known."""
        from backend.alignment.methods import METHODS, resolve_options

        image = self._info(request.image_encoder, modality, scales)
        text = self._info(request.text_encoder, "text", scales)
        try:
            options = resolve_options(request.method, request.options)
        except InvalidInput:
            return 0
        if not (image and text and image.dimension and text.dimension):
            return 0
        widths = image.dimension, text.dimension
        count = head_parameters(request.method, options, *widths)
        if not METHODS[request.method].info.trained:
            return count * _FLOAT
        beside = step_activations(request.method, options, *widths)
        return (count * _copies(options) + beside) * _FLOAT

    def _may_be_stored(self, field: str, encoders: list[_Encoder]) -> bool:
        """Whether the feature store holds anything of the encoders of a field."""
        asked = {parse(each.info.id).base for each in encoders if each.field == field}
        return bool(asked) and asked <= set(self._stored())

    def _without_stored(self, encoders: list[_Encoder]) -> list[_Encoder]:
        """The same with the items that are left to encode, as far as numbers can tell."""
        stored = self._stored()
        return [
            replace(each, items=max(0, each.items - stored.get(parse(each.info.id).base, 0)))
            for each in encoders
        ]

    def _stored(self) -> dict[str, int]:
        """How many items the feature store holds of each encoder, whatever its options."""
        from backend.features.store.inventory import stored_features

        found: dict[str, int] = {}
        for entry in stored_features(self.settings.features_dir):
            name = parse(entry.encoder).base
            if entry.items:
                found[name] = max(found.get(name, 0), entry.items)
        return found


def _faults(method: str, encoders: list[_Encoder], heads: int, at: Device) -> list[Fault]:
    """What does not fit into the device's memory even by itself."""
    if at.total is None:
        return []
    faults = [
        Fault(
            each.field,
            f"{each.words} and needs about {_size(each.bytes + _LIBRARIES)} of memory; "
            f"{at.name} has {_size(at.total)}. Choose a smaller encoder, or run it where "
            f"there is {_card(each.bytes + _LIBRARIES)}.",
        )
        for each in encoders
        if each.bytes + _LIBRARIES > at.total
    ]
    if heads + _LIBRARIES > at.total:
        faults.append(
            Fault(
                "method",
                f"the heads of {method} need about {_size(heads)} of memory while they are fitted; "
                f"{at.name} has {_size(at.total)}. Choose smaller heads or another method.",
            )
        )
    return faults


def _advice(
    encoders: list[_Encoder], heads: int, total: int, at: Device, modality: Modality
) -> list[str]:
    """What a person should know of a run that can be made here."""
    told = []
    for each in sorted(encoders, key=_bytes, reverse=True):
        seconds = each.seconds(at)
        large = bool(at.free) and each.bytes > _MUCH * (at.free or 0)
        slow = seconds > _LONG and not at.gpu
        if not large and not slow:
            continue
        sentence = f"{each.words}: about {_size(each.bytes)}."
        if slow:
            words = ITEM_WORDS[modality if each.info.modality == modality else "text"][1]
            words = "captions" if each.field.startswith("text") else words
            sentence += (
                f" Encoding {each.items:,} {words} takes about {_time(seconds)} on {at.name}; "
                f"{_card(each.bytes + _LIBRARIES)} needs {_time(each.items * each.products / _GPU)}."
            )
        told.append(sentence)
    if heads > _GB:
        told.append(f"Training the heads takes about {_size(heads)} more.")
    limit = at.total
    if limit is not None and total > limit:
        told.append(
            f"Together that is more than the {_size(limit)} here: encode one side beforehand "
            "(python -m backend features extract)."
        )
    elif at.free is not None and total > at.free:
        told.append(f"Only {_size(at.free)} are free now: close other programs first.")
    return told


def _weigh(field: str, info: EncoderInfo, items: int, deep: bool) -> _Encoder:
    parameters = info.parameters or 0
    tokens, usual, pixels = _tokens(info)
    if pixels and not info.layers or "conv" in info.family.lower() or "net" in info.family.lower():
        activations = _CHANNELS * (pixels // 2) ** 2 * _BLOCK
    else:
        layers = (info.layers or 0) + 1 if deep else 0
        activations = tokens * _width(info) * (_BLOCK + layers)
    return _Encoder(
        field, info, items, (parameters + activations) * _FLOAT, 2.0 * parameters * usual
    )


def _tokens(info: EncoderInfo) -> tuple[int, int, int]:
    """Most tokens of an item, as many as are usual, and the side of a picture."""
    numbers = [float(found) for found in re.findall(r"\d+(?:\.\d+)?", info.input_size)]
    first = numbers[0] if numbers else 0.0
    if "pixels" in info.input_size:
        tokens = (int(first) // _PATCH) ** 2 + 1
        return tokens, tokens, int(first)
    if "kHz" in info.input_size:
        tokens = int((first if " s " in info.input_size else 10.0) * _TOKENS_A_SECOND)
        return tokens, tokens, 0
    longest = min(int(first) or _LONGEST_TEXT, _LONGEST_TEXT)
    return longest, min(_CAPTION, longest), 0


def _width(info: EncoderInfo) -> int:
    """Length of a hidden state; where it is not told, that of a transformer of so many parameters."""
    if info.layers and info.parameters:
        # 12 x width^2 parameters a block
        return max(int((info.parameters / info.layers / 12) ** 0.5), info.dimension or 0)
    return info.dimension or 1024


def _copies(options: Mapping[str, int | float | str]) -> int:
    """Of a head's weights in training: weights, gradients, moments, the best so far."""
    return 4 if options.get("optimizer") == "lion" else 5


def _bytes(encoder: _Encoder) -> int:
    return encoder.bytes


def _count(number: int) -> str:
    return f"{number / 1e9:.1f} billion" if number >= 1e9 else f"{number / 1e6:,.0f} million"


def _size(number: float) -> str:
    gigabytes = number / _GB
    return f"{gigabytes:,.0f} GB" if gigabytes >= 9.5 else f"{gigabytes:.1f} GB"


def _card(number: int) -> str:
    """A GPU that is large enough, with room for what is beside."""
    needed = number * 1.2 / _GB
    card = next((size for size in _CARDS if size >= needed), None)
    return f"a GPU with {card} GB" if card else "several GPUs"


def _time(seconds: float) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 1.5 * length or unit == "minute":
            count = max(1, round(seconds / length))
            return f"{count:,} {unit}{'s' if count > 1 else ''}"
    raise AssertionError("minutes always match")
