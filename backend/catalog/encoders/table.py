"""The table of known encoders: one JSON file a modality under ``tables/``, one row an encoder.

Figures stand in the table so that they can be shown before anything is downloaded.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, TypeAdapter

from backend.schemas import Frozen, Modality

_TABLES: Final = Path(__file__).parent / "tables"

#: what is encoded, in words
PLURALS: Final[dict[Modality, str]] = {
    "image": "images",
    "audio": "recordings",
    "text": "texts",
    "code": "programs",
    "features": "features",
}


class Input(Frozen):
    """What a model takes at most of one item."""

    pixels: int | None = Field(None, description="side of the square")
    tokens: int | None = None
    seconds: float | None = None
    rate: int | None = Field(None, description="samples a second")

    def __str__(self) -> str:
        if self.pixels:
            return f"{self.pixels} x {self.pixels} pixels"
        if self.tokens:
            return f"{self.tokens} tokens"
        if self.rate:
            length = f"{self.seconds:g} s" if self.seconds else "any length"
            return f"{length} at {self.rate / 1000:g} kHz"
        return ""


class EncoderRow(Frozen):
    """One encoder of a table. Sizes are those of the part that is used, unless said otherwise."""

    id: str
    kind: Literal["hub", "demo", "wheel", "bag-of-words"]
    name: str
    family: str = ""
    model_type: str = Field("", description="key of families.json")
    description: str
    library: Literal["transformers", "sentence-transformers", "timm"] = "transformers"
    module: str = Field("", description="package that holds it, of a wheel")
    folder: str = Field("", description="folder in that package")
    revision: str | None = Field(None, description="commit on the Hub; None where none is known")
    sha256: str | None = Field(None, description="of model.safetensors")
    dimension: int | None = Field(None, description="of a feature as it comes by default")
    width: int | None = Field(None, description="of a hidden state, where that is another number")
    layers: int | None = Field(None, description="blocks, or stages of a convolutional network")
    use_layers: tuple[int, ...] = Field((), description="hidden states joined by default")
    parameters: int | None = None
    licence: str
    download_mb: int | None = Field(
        None, description="10^6 bytes of the files that would be fetched, all towers"
    )
    gated: bool = False
    pooling: str = ""
    input: Input = Input()
    prefix: str = ""
    aligned: bool = False


@cache
def own_table(modality: Modality) -> tuple[EncoderRow, ...]:
    """The rows of one file, in its order; none for modalities without one."""
    path = _TABLES / f"{modality}_encoders.json"
    if not path.is_file():
        return ()
    return TypeAdapter(tuple[EncoderRow, ...]).validate_python(json.loads(path.read_text("utf-8")))


def offered(modality: Modality) -> list[tuple[Modality, EncoderRow]]:
    """What a list of encoders for a modality shows, each with the table it stands in.

    Programs can be read by any text encoder; a list for texts shows no encoders of programs.
    """
    tables: tuple[Modality, ...] = ("code", "text") if modality == "code" else (modality,)
    return [(table, row) for table in tables for row in own_table(table)]


def row_of(encoder_id: str, modality: Modality) -> EncoderRow | None:
    """The row that says how an encoder is used for a modality, or None."""
    found = find_row(encoder_id, modality)
    return found[1] if found else None


def find_row(encoder_id: str, modality: Modality) -> tuple[Modality, EncoderRow] | None:
    """As :func:`row_of`, with the table that it stands in."""
    for table in _accepted(modality):
        for row in own_table(table):
            if row.id == encoder_id:
                return table, row
    return None


def other_modalities(encoder_id: str, modality: Modality) -> list[Modality]:
    """The modalities whose tables know an encoder that this modality's tables do not."""
    if row_of(encoder_id, modality) is not None:
        return []
    everything: tuple[Modality, ...] = ("image", "audio", "text", "code")
    return [m for m in everything if any(row.id == encoder_id for row in own_table(m))]


def _accepted(modality: Modality) -> tuple[Modality, ...]:
    if modality in ("text", "code"):
        return ("text", "code") if modality == "text" else ("code", "text")
    return (modality,)
