"""What a report is made of, whatever it is written as."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Anchor = Literal["start", "middle", "end"]

#: of series, told apart by people with any colour vision (Okabe and Ito 2008), on light and dark
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


@dataclass(frozen=True)
class Line:
    """A line through points.

    Attributes:
        colour: empty for the text's.
        dashed: whether it is.
    """

    points: tuple[tuple[float, float], ...]
    colour: str = ""
    width: float = 1.0
    dashed: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Area:
    """A filled polygon, which what lies below shines through."""

    points: tuple[tuple[float, float], ...]
    colour: str


@dataclass(frozen=True)
class Dot:
    """A disc."""

    x: float
    y: float
    radius: float
    colour: str


@dataclass(frozen=True)
class Words:
    """Words in a drawing, with their baseline at (x, y)."""

    x: float
    y: float
    text: str
    size: float = 10.0
    anchor: Anchor = "start"
    colour: str = ""


Shape: TypeAlias = Line | Area | Dot | Words


@dataclass(frozen=True)
class Drawing:
    """Shapes in a box; y grows downwards.

    Attributes:
        told: what it shows, for who cannot see it.
    """

    width: float
    height: float
    shapes: tuple[Shape, ...]
    told: str = ""


@dataclass(frozen=True)
class Heading:
    """A title within the report."""

    text: str


@dataclass(frozen=True)
class Sentences:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table; numbers are words already.

    Attributes:
        left: columns that begin at the left; the others end at the right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    left: int = 1


@dataclass(frozen=True)
class Frame:
    """One generation in a film strip.

    Attributes:
        picture: file of a small picture; None for words.
        similarity: to the start, in words.
    """

    number: int
    text: str = ""
    picture: Path | None = None
    similarity: str = ""


@dataclass(frozen=True)
class Strip:
    """A chain."""

    title: str
    frames: tuple[Frame, ...]


Block: TypeAlias = Heading | Sentences | Grid | Drawing | Strip


@dataclass(frozen=True)
class Document:
    """All of it."""

    title: str
    subtitle: str
    blocks: tuple[Block, ...]
