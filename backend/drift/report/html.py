"""A report as one HTML page: styles, drawings and pictures within it, no script, nothing fetched."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path
from typing import Final

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
    Shape,
    Strip,
    Words,
)

_EDGE: Final = 160  # pixels of a picture's longer edge
#: nothing may be loaded or run, whoever opens the file
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1e21; --page: #fff; --line: #d8dbe0; --soft: #5b6270 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --page: #16181c; --line: #3a3f47; --soft: #a0a7b3 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 3rem; color: var(--ink);
  background: var(--page); font: 15px/1.5 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.6rem } h2 { margin: 2rem 0 .5rem; font-size: 1.15rem }
h3 { margin: 1.2rem 0 .4rem; font-size: .95rem; font-weight: 600; overflow-wrap: anywhere }
.soft { color: var(--soft) } p { max-width: 46rem }
.wide { overflow-x: auto } svg { max-width: 100%; height: auto; font-family: system-ui, sans-serif }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem }
th, td { padding: .25rem .7rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line) }
th { font-weight: 600; vertical-align: bottom } .l { text-align: left; overflow-wrap: anywhere }
.strip { display: flex; gap: .5rem; overflow-x: auto; padding-bottom: .4rem }
.strip figure { flex: 0 0 8.2rem; margin: 0; padding: .4rem; border: 1px solid var(--line);
  border-radius: .4rem; font-size: .78rem; line-height: 1.35; overflow-wrap: anywhere }
.strip img { display: block; width: 100%; border-radius: .25rem }
.strip figcaption { color: var(--soft) }
@media print { .strip { flex-wrap: wrap } h2 { break-after: avoid } figure, svg { break-inside: avoid } }
"""


def as_html(document: Document) -> str:
    """The whole page."""
    told = "\n".join(_block(block) for block in document.blocks)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(document.title)}</title><style>{_STYLE}</style></head><body>\n"
        f'<h1>{escape(document.title)}</h1>\n<p class="soft">{escape(document.subtitle)}</p>\n'
        f"{told}\n</body></html>\n"
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Sentences(text):
            return f"<p>{escape(text)}</p>"
        case Grid():
            return _grid(block)
        case Drawing():
            return f'<div class="wide">{svg(block)}</div>'
        case Strip(title, frames):
            told = "".join(_frame(frame) for frame in frames)
            return f'<h3>{escape(title)}</h3><div class="strip" tabindex="0">{told}</div>'


def _grid(grid: Grid) -> str:
    def cells(tag: str, row: tuple[str, ...]) -> str:
        places = (' class="l"' if place < grid.left else "" for place in range(len(row)))
        told = zip(places, row, strict=True)
        return "".join(f"<{tag}{place}>{escape(text)}</{tag}>" for place, text in told)

    caption = f"<caption>{escape(grid.caption)}</caption>" if grid.caption else ""
    rows = "".join(f"<tr>{cells('td', row)}</tr>" for row in grid.rows)
    head = f"<thead><tr>{cells('th', grid.columns)}</tr></thead>"
    return f'<div class="wide"><table>{caption}{head}<tbody>{rows}</tbody></table></div>'


def _frame(frame: Frame) -> str:
    source = _embedded(frame.picture) if frame.picture else ""
    picture = f'<img src="{source}" alt="{escape(frame.text or "picture")}">' if source else ""
    said = "" if picture else escape(frame.text)
    near = f" · {escape(frame.similarity)}" if frame.similarity else ""
    return f"<figure><figcaption>{frame.number}{near}</figcaption>{picture}{said}</figure>"


def _embedded(path: Path) -> str:
    """A small copy within the page; empty where the file is gone."""
    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
    except OSError:
        return ""
    small.thumbnail((_EDGE, _EDGE))
    file = io.BytesIO()
    small.save(file, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def svg(drawing: Drawing) -> str:
    """A drawing as SVG; what has no colour of its own has the page's."""
    shapes = "".join(_shape(shape) for shape in drawing.shapes)
    size = f"{drawing.width:g} {drawing.height:g}"
    return (
        f'<svg viewBox="0 0 {size}" width="{drawing.width:g}" height="{drawing.height:g}" role="img" '
        f'aria-label="{escape(drawing.told)}">{shapes}</svg>'
    )


def _shape(shape: Shape) -> str:
    match shape:
        case Line(points, colour, width, dashed, faint):
            more = ' stroke-dasharray="5 4"' if dashed else ""
            more += ' opacity=".25"' if faint else ""
            return (
                f'<polyline points="{_points(points)}" fill="none" '
                f'stroke="{colour or "currentColor"}" stroke-width="{width:g}"{more}/>'
            )
        case Area(points, colour):
            return f'<polygon points="{_points(points)}" fill="{colour}" opacity=".18"/>'
        case Dot(x, y, radius, colour):
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"/>'
        case Words(x, y, text, size, anchor, colour):
            return (
                f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" '
                f'fill="{colour or "currentColor"}">{escape(text)}</text>'
            )


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
