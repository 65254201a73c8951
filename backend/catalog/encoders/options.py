"""The options of an encoder's address: how its output becomes a feature.

facebook/dinov2-base?layers=6,12&pooling=cls+mean&precision=float32
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args
from urllib.parse import quote

from backend.catalog.address import Address, check_options
from backend.catalog.encoders.files import Library
from backend.errors import EncoderError, Fault
from backend.schemas import Modality

Precision = Literal["auto", "float32", "float16", "bfloat16"]

#: CLS token, mean of patches or attention-masked mean of tokens, both joined, last token, the model's
#: own pooler, the projection of an aligned model, and every token by itself
POOLINGS: Final = ("cls", "mean", "cls+mean", "last", "pooler", "projection", "tokens")

#: of the transformer inside a sentence-transformers model
SENTENCE_POOLINGS: Final = ("mean", "cls", "cls+mean", "last", "tokens")
#: what a file of precomputed features can be told
FEATURE_OPTIONS: Final = ("name", "ids")
#: these are computed from a model's last output alone
_LAST_ONLY: Final = ("pooler", "projection")
_MODEL_OPTIONS: Final = ("layers", "library", "pooling", "precision", "prefix", "revision")
_REVISION: Final = re.compile(r"[\w.][\w./-]*")


@dataclass(frozen=True)
class Options:
    """What an address asks of a model; None and empty where it asks nothing.

    Attributes:
        layers: None for the encoder's default; empty for the model's own last output.
    """

    pooling: str = ""
    layers: tuple[int, ...] | None = None
    all_layers: bool = False
    revision: str | None = None
    prefix: str | None = None
    precision: Precision = "auto"
    library: Library | None = None

    @property
    def chooses_layers(self) -> bool:
        """Whether it asks for hidden states instead of the model's own output."""
        return self.all_layers or bool(self.layers)


def read_options(address: Address, modality: Modality, *, on_hub: bool) -> Options:
    """The options of a model's address.

    Args:
        on_hub: it has revisions; a folder has none.

    Raises:
        EncoderError: options that nobody reads, given twice, or with values that are not allowed;
            all are listed.
    """
    known = [
        name
        for name in _MODEL_OPTIONS
        if (name != "revision" or on_hub) and (name != "prefix" or modality in ("text", "code"))
    ]
    check_options(address, known, EncoderError)
    given = dict(address.options)
    faults = _repeated(address)
    faults += _one_of(given, "pooling", POOLINGS)
    faults += _one_of(given, "precision", get_args(Precision))
    faults += _one_of(given, "library", get_args(Library))
    layers, layer_faults = _layers(given.get("layers", ""))
    faults += layer_faults
    revision = given.get("revision") or None
    if revision is not None and not _REVISION.fullmatch(revision):
        faults.append(Fault("revision", f'"{revision}" is not a branch, tag or commit'))
    all_layers = given.get("layers") == "all"
    if (all_layers or layers) and given.get("pooling") in _LAST_ONLY:
        what = f"{given['pooling']} is made of the last layer alone; choose cls, mean or last"
        faults.append(Fault("pooling", what))
    refuse(address, faults)
    return Options(
        pooling=given.get("pooling", ""),
        layers=layers,
        all_layers=all_layers,
        revision=revision,
        prefix=given.get("prefix"),
        precision=cast(Precision, given.get("precision") or "auto"),
        library=cast(Library, given.get("library") or None),
    )


def options_that_do_not_fit(
    options: Options, poolings: tuple[str, ...], layers: int | None
) -> list[Fault]:
    """What a particular model cannot give, as far as it is known beforehand.

    Args:
        poolings: those that its family allows; empty where the family is not known.
        layers: number of its blocks or stages.
    """
    faults = []
    if options.pooling and poolings and options.pooling not in poolings:
        what = f"it has no {options.pooling}; choose one of {', '.join(poolings)}"
        faults.append(Fault("pooling", what))
    if layers is None or not options.layers:
        return faults
    beyond = [n for n in options.layers if not -layers - 1 <= n <= layers]
    if beyond:
        what = f"it has the layers 0 to {layers}, and so -1 to {-layers - 1} from the last; not "
        faults.append(Fault("layers", what + ", ".join(map(str, beyond))))
    elif len({n % (layers + 1) for n in options.layers}) < len(options.layers):
        faults.append(Fault("layers", "the same layer is named twice; name each once"))
    return faults


def refuse(address: Address, faults: list[Fault]) -> None:
    """Raises an EncoderError with all faults, if there are any."""
    if faults:
        raise EncoderError(f"{address} cannot be used as it is written.", faults)


def canonical(base: str, address: Address) -> str:
    """The address of the same encoder, its options in one order, so that equal ones look alike."""
    # an empty prefix says something: none, where the table has one
    kept = sorted(pair for pair in address.options if pair[1].strip() or pair[0] == "prefix")
    text = str(Address(base, tuple(kept)))
    end = len(text.rstrip())  # a prefix often ends in a blank, which reading it again would drop
    return text[:end] + quote(text[end:])


def _repeated(address: Address) -> list[Fault]:
    names = [key for key, _ in address.options]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [Fault(name, "is given more than once; give it once") for name in twice]


def _one_of(given: dict[str, str], name: str, allowed: tuple[str, ...]) -> list[Fault]:
    value = given.get(name)
    if not value or value in allowed:
        return []
    return [Fault(name, f'"{value}" is not one of {", ".join(allowed)}')]


def _layers(text: str) -> tuple[tuple[int, ...] | None, list[Fault]]:
    """ "last", "all", or numbers with commas between."""
    if text in ("", "all"):
        return None, []
    if text == "last":
        return (), []
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        what = f'"{text}" is neither last, all, nor numbers such as 3,6,-1'
        return None, [Fault("layers", what)]
    if len(set(numbers)) < len(numbers):
        return None, [Fault("layers", "the same layer is named twice; name each once")]
    return numbers, []
