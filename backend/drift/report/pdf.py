"""A report as PDF by reportlab: words stay words, curves stay curves."""

from __future__ import annotations

import io
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

from PIL import Image

from backend.drift.report.document import (
    Area,
    Block,
    Document,
    Dot,
    Drawing,
    Frame,
    Grid,
    Heading,
    Line,
    Sentences,
    Strip,
    Words,
)

_MARGIN: Final = 42.0
_FONT, _BOLD = "Vera", "VeraBd"  # the fonts that come with reportlab
_EDGE: Final = 200  # pixels of a picture's longer edge
_IN_A_ROW: Final = 6
_INK, _SOFT, _RULE = "#1c1e21", "#5b6270", "#d8dbe0"


def as_pdf(document: Document) -> bytes:
    """The whole file. Letters that its fonts lack are told as "?"; the HTML has them all."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

    for name in (_FONT, _BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    file = io.BytesIO()
    margins = {f"{side}Margin": _MARGIN for side in ("left", "right", "top", "bottom")}
    made = SimpleDocTemplate(
        file, pagesize=A4, title=document.title, author="Isthmus", invariant=1, **margins
    )
    writing = _Writing(A4[0] - 2 * _MARGIN)
    story = [
        Paragraph(writing.told(document.title), writing.style(17, 21, bold=True)),
        Paragraph(writing.told(document.subtitle), writing.style(9, 12, _SOFT)),
        Spacer(1, 8),
    ]
    for block in document.blocks:
        story += writing.block(block)
    made.build(story, onFirstPage=_numbered, onLaterPages=_numbered)
    return file.getvalue()


def _numbered(canvas: Any, document: Any) -> None:
    canvas.setFont(_FONT, 8)
    canvas.setFillColor(_SOFT)
    canvas.drawRightString(document.pagesize[0] - _MARGIN, _MARGIN / 2, str(document.page))


class _Writing:
    """Blocks as reportlab's flowables."""

    def __init__(self, width: float) -> None:
        from reportlab.pdfbase import pdfmetrics

        self.width = width
        self._known = pdfmetrics.getFont(_FONT).face.charToGlyph

    def told(self, text: str) -> str:
        """Words for a paragraph: escaped, without letters that the font lacks."""
        return escape(self.plain(text))

    def plain(self, text: str) -> str:
        """Words for a drawing."""
        return "".join(x if ord(x) in self._known else "?" for x in text.replace("\n", " "))

    def style(
        self,
        size: float,
        leading: float,
        colour: str = _INK,
        bold: bool = False,
        right: bool = False,
    ) -> Any:
        """How a paragraph looks."""
        from reportlab.lib.colors import HexColor
        from reportlab.lib.enums import TA_LEFT, TA_RIGHT
        from reportlab.lib.styles import ParagraphStyle

        return ParagraphStyle(
            "told", fontName=_BOLD if bold else _FONT, fontSize=size, leading=leading,
            textColor=HexColor(colour), alignment=TA_RIGHT if right else TA_LEFT, splitLongWords=1,
        )  # fmt: skip

    def block(self, block: Block) -> Iterator[Any]:
        """What a block comes to."""
        from reportlab.platypus import CondPageBreak, Paragraph, Spacer

        match block:
            case Heading(text):
                yield CondPageBreak(90)
                yield Spacer(1, 10)
                yield Paragraph(self.told(text), self.style(12, 16, bold=True))
                yield Spacer(1, 4)
            case Sentences(text):
                yield Paragraph(self.told(text), self.style(9, 13))
                yield Spacer(1, 5)
            case Grid():
                yield from self._grid(block)
            case Drawing():
                yield self._drawing(block)
                yield Spacer(1, 6)
            case Strip(title, frames):
                yield CondPageBreak(130)
                yield Paragraph(self.told(title), self.style(9, 12, bold=True))
                yield self._strip(frames)
                yield Spacer(1, 6)

    def _grid(self, grid: Grid) -> Iterator[Any]:
        from reportlab.lib.colors import HexColor
        from reportlab.platypus import Paragraph, Spacer, Table

        def row(cells: tuple[str, ...], bold: bool = False) -> list[Any]:
            return [
                Paragraph(
                    self.told(cell), self.style(7.5, 9.5, bold=bold, right=place >= grid.left)
                )
                for place, cell in enumerate(cells)
            ]

        if grid.caption:
            yield Paragraph(self.told(grid.caption), self.style(8, 11, _SOFT))
        rows = [row(grid.columns, bold=True), *(row(each) for each in grid.rows)]
        # what begins at the left is words, which need more room than numbers
        shares = [2.0 if place < grid.left else 1.0 for place in range(len(grid.columns))]
        yield Table(
            rows,
            [self.width * share / sum(shares) for share in shares],
            repeatRows=1,
            style=[
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor(_RULE)),
                ("LEFTPADDING", (0, 0), (-1, -1), 2), ("RIGHTPADDING", (0, 0), (-1, -1), 2),
                ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ],
        )  # fmt: skip
        yield Spacer(1, 7)

    def _strip(self, frames: tuple[Frame, ...]) -> Any:
        from reportlab.lib.colors import HexColor
        from reportlab.platypus import Table

        cells = [self._frame(frame) for frame in frames]
        cells += [[] for _ in range(-len(cells) % _IN_A_ROW)]
        rows = [cells[start : start + _IN_A_ROW] for start in range(0, len(cells), _IN_A_ROW)]
        return Table(
            rows,
            [self.width / _IN_A_ROW] * _IN_A_ROW,
            style=[
                ("VALIGN", (0, 0), (-1, -1), "TOP"), ("BOX", (0, 0), (-1, -1), 0.4, HexColor(_RULE)),
                ("LEFTPADDING", (0, 0), (-1, -1), 3), ("RIGHTPADDING", (0, 0), (-1, -1), 3),
                ("TOPPADDING", (0, 0), (-1, -1), 3), ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ],
        )  # fmt: skip

    def _frame(self, frame: Frame) -> list[Any]:
        from reportlab.platypus import Image as Picture
        from reportlab.platypus import Paragraph

        near = f" · {frame.similarity}" if frame.similarity else ""
        made: list[Any] = [Paragraph(self.told(f"{frame.number}{near}"), self.style(6.5, 8, _SOFT))]
        small = _small(frame.picture) if frame.picture else None
        if small is None:
            made.append(Paragraph(self.told(_short(frame.text)), self.style(6.5, 8)))
        else:
            file, wide, high = small
            scale = (self.width / _IN_A_ROW - 8) / max(wide, high)
            made.append(Picture(file, wide * scale, high * scale))
        return made

    def _drawing(self, drawing: Drawing) -> Any:
        from reportlab.graphics import shapes
        from reportlab.lib.colors import HexColor

        scale = min(1.0, self.width / drawing.width)
        made = shapes.Drawing(drawing.width * scale, drawing.height * scale)
        group = shapes.Group()
        group.scale(scale, scale)

        def flat(points: tuple[tuple[float, float], ...]) -> list[float]:
            return [number for x, y in points for number in (x, drawing.height - y)]

        for shape in drawing.shapes:
            match shape:
                case Line(points, colour, width, dashed, faint):
                    ink = _RULE if faint else colour or _INK
                    group.add(
                        shapes.PolyLine(
                            flat(points), strokeColor=HexColor(ink), strokeWidth=width,
                            strokeDashArray=[5, 4] if dashed else None,
                        )
                    )  # fmt: skip
                case Area(points, colour):
                    group.add(
                        shapes.Polygon(
                            flat(points), fillColor=HexColor(colour), fillOpacity=0.18, strokeColor=None
                        )
                    )  # fmt: skip
                case Dot(x, y, radius, colour):
                    group.add(
                        shapes.Circle(
                            x, drawing.height - y, radius, fillColor=HexColor(colour), strokeColor=None
                        )
                    )  # fmt: skip
                case Words(x, y, text, size, anchor, colour):
                    group.add(
                        shapes.String(
                            x, drawing.height - y, self.plain(text), fontName=_FONT, fontSize=size,
                            textAnchor=anchor, fillColor=HexColor(colour or _INK),
                        )
                    )  # fmt: skip
        made.add(group)
        return made


def _small(path: Path) -> tuple[io.BytesIO, int, int] | None:
    """A small copy and its size; None where the file is gone."""
    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
    except OSError:
        return None
    small.thumbnail((_EDGE, _EDGE))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=82)
    file.seek(0)
    return file, *small.size


def _short(text: str, most: int = 320) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
