"""The map in headless Chromium with software WebGL: drawn, moved, coloured anew, clicked.

A page of Gradio with the map alone and a synthetic run: clusters in the plane, a caption column, neighbours
drawn by chance, so that what is timed is the way from the server to the screen and not a search. The peer
is plotly's scattergl with the same points, without any server. Skips where there is no chromium.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
import numpy as np

from backend.schemas import Colouring, Frames, LayoutRequest, MapView
from ui import map_figures as figures
from ui import theme
from ui.components import map_view, scripts
from ui.context import QUIET
from ui.figures import PALETTE

if TYPE_CHECKING:
    from playwright.sync_api import Page

FLAGS: Final = [
    "--no-sandbox", "--use-gl=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
]  # fmt: skip
SIZES: Final = (20_000, 100_000)
#: of the points that are images
IMAGES: Final = 1 / 6
CLUSTERS: Final = 24

_DRAWN: Final = "(key) => document.querySelector('#map .i-map')?.dataset.shown === key"
_FRAME: Final = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_PLACE: Final = "(row) => document.querySelector('#map .i-map').isthmus.place(row)"
_SLID: Final = """(at) => {
  const slider = document.querySelector('#map .i-map-frames input');
  slider.value = at;
  slider.dispatchEvent(new Event("input"));
}"""
_LINES: Final = """() => {
  const node = document.querySelector('#map .rays line.partner');
  return node && node !== window.had;
}"""
_PEER: Final = """async ({ x, y, colours }) => {
  const next = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const timed = async (act) => {
    const begun = performance.now();
    await act();
    await next();
    return performance.now() - begun;
  };
  const node = document.body.appendChild(document.createElement("div"));
  node.style = "width: 900px; height: 640px";
  const marker = { size: 5, color: colours };
  const trace = { type: "scattergl", mode: "markers", x, y, hoverinfo: "none", marker };
  const bare = { visible: false };
  const layout = { dragmode: "pan", hovermode: "closest", xaxis: bare, yaxis: { ...bare, scaleanchor: "x" } };
  const drawn = await timed(() => Plotly.newPlot(node, [trace], layout, { displayModeBar: false }));
  const coloured = await timed(() => Plotly.restyle(node, { "marker.color": [[...colours].reverse()] }));
  const moved = await timed(() => Plotly.relayout(node, { "xaxis.range": [-8, 8] }));
  const shifted = await timed(() => Plotly.restyle(node, { x: [x.map((value) => value + 0.1)] }));
  node.remove();
  return { drawn, coloured, moved, shifted };
}"""


def measure(quick: bool) -> dict[str, float]:
    """Seconds until it is on the screen, and milliseconds of what is done with it."""
    chromium = next(
        (found for name in ("chromium", "google-chrome") if (found := which(name))), None
    )
    if chromium is None or find_spec("playwright") is None:
        return {"skipped: no chromium": float("nan")}
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    demo = _app()
    _, url, _ = demo.launch(
        prevent_thread_lock=True, quiet=True, theme=theme.theme(), css=theme.css(), head=scripts(),
    )  # fmt: skip
    measured: dict[str, float] = {}
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            for size in SIZES[:1] if quick else SIZES:
                page.goto(url)
                page.locator("#go").wait_for()
                measured |= _ours(page, size, 3 if quick else 9)
                measured |= _peer(page, size)
            browser.close()
    finally:
        demo.close()
    return measured


def view(size: int) -> MapView:
    """Clusters in the plane."""
    draw = np.random.default_rng(0)
    middles = 6 * draw.normal(size=(CLUSTERS, 2))
    xy = middles[draw.integers(0, CLUSTERS, size)] + 0.6 * draw.normal(size=(size, 2))
    return MapView(
        run="synthetic", layout=LayoutRequest(), graph="", points=np.arange(size, dtype=np.int32),
        images=round(size * IMAGES), xy=xy.astype(np.float32), total=size,
        total_images=round(size * IMAGES),
    )  # fmt: skip


def column(size: int, seed: int) -> Colouring:
    """Categories drawn by chance."""
    codes = np.random.default_rng(seed).integers(0, 12, size).astype(np.float32)
    return Colouring(name=f"kind {seed}", labels=tuple("abcdefghijkl"), values=codes)


def moving(size: int) -> Frames:
    """The same points at two stops."""
    seen = view(size)
    xy = np.stack([seen.xy, seen.xy[:, ::-1]])
    return Frames(
        run="synthetic", kind="runs", points=seen.points, images=seen.images, total=size,
        stops=(0, 1), names=("first", "second"), xy=xy,
    )  # fmt: skip


def _app() -> gr.Blocks:
    def go(size: float) -> Any:
        seen = view(int(size))
        coloured = figures.colours(figures.key_of(seen), column(int(size), 0))
        return gr.update(value=figures.geometry(seen), colouring=coloured, rays=figures.NO_RAYS)

    def colour(size: float, seed: float) -> Any:
        key = figures.key_of(view(int(size)))
        return gr.update(colouring=figures.colours(key, column(int(size), int(seed))))

    def move(size: float) -> Any:
        return gr.update(value=figures.frames(moving(int(size))))

    def pick(size: float, event: gr.EventData) -> Any:
        near = np.random.default_rng(event.row).integers(0, int(size), 18).tolist()
        rays = {
            "key": keys[int(size)], "centre": event.row, "images": near[:8], "texts": near[8:16],
            "partners": near[16:17], "retrieved": near[17],
        }  # fmt: skip
        return gr.update(rays=rays)

    def lasso(event: gr.EventData) -> Any:
        return gr.update(selected=event.rows)

    keys = {size: figures.key_of(view(size)) for size in SIZES}
    demo = gr.Blocks()
    with demo:
        size = gr.Number(SIZES[0], elem_id="size")
        seed = gr.Number(1, elem_id="seed")
        button, other = gr.Button("go", elem_id="go"), gr.Button("colour", elem_id="colour")
        third = gr.Button("move", elem_id="move")
        shown = map_view(lambda run, point: {}, elem_id="map")
        button.click(go, size, shown, **QUIET)
        other.click(colour, [size, seed], shown, **QUIET)
        third.click(move, size, shown, **QUIET)
        shown.pick(pick, size, shown, **QUIET)
        shown.lasso(lasso, None, shown, **QUIET)
    return demo


def _ours(page: Page, size: int, rounds: int) -> dict[str, float]:
    key = figures.key_of(view(size))
    page.locator("#size input").fill(str(size))
    page.locator("#size input").press("Tab")
    begun = time.perf_counter()
    page.locator("#go").click()
    page.wait_for_function(_DRAWN, arg=key)
    page.evaluate(_FRAME)
    drawn = time.perf_counter() - begun
    measured = {f"{size:,} points: drawn, s": drawn}
    for name, act in (
        ("coloured anew", lambda at: _coloured(page, at)),
        ("moved by a frame", lambda at: _moved(page, at)),
        ("click to neighbours", lambda at: _picked(page, at)),
        ("lasso to count", lambda at: _lassoed(page)),
    ):
        measured[f"{size:,} points: {name}, ms"] = _median(act, rounds)
    page.locator("#move").click()
    page.locator("#map .i-map-frames input").wait_for()
    measured[f"{size:,} points: other coordinates, ms"] = _median(
        lambda at: _slid(page, at), rounds
    )
    return measured


def _median(act: Callable[[int], float], rounds: int) -> float:
    act(rounds)  # warm
    return statistics.median(1000 * act(at) for at in range(rounds))


def _coloured(page: Page, at: int) -> float:
    page.locator("#seed input").fill(str(at + 2))
    page.locator("#seed input").press("Tab")
    begun = time.perf_counter()
    page.locator("#colour").click()
    page.locator("#map summary", has_text=f"kind {at + 2}").first.wait_for()
    page.evaluate(_FRAME)
    return time.perf_counter() - begun


def _moved(page: Page, at: int) -> float:
    begun = time.perf_counter()
    page.mouse.move(640, 620)
    page.mouse.wheel(0, 120 if at % 2 else -120)
    page.evaluate(_FRAME)
    return time.perf_counter() - begun


def _slid(page: Page, at: int) -> float:
    begun = time.perf_counter()
    page.evaluate(_SLID, 0.1 * (at + 1))
    page.evaluate(_FRAME)
    return time.perf_counter() - begun


def _picked(page: Page, at: int) -> float:
    """From the press of the button to the lines on the screen."""
    page.locator("#map [data-tool=all]").first.click()
    page.evaluate(_FRAME)
    x, y = page.evaluate(_PLACE, 50 + at)
    page.evaluate("window.had = document.querySelector('#map .rays line.partner')")
    page.mouse.move(x, y)
    begun = time.perf_counter()
    page.mouse.click(x, y)
    page.wait_for_function(_LINES)
    return time.perf_counter() - begun


def _lassoed(page: Page) -> float:
    page.locator("#map [data-tool=box]").first.click()
    page.mouse.move(560, 520)
    page.mouse.down()
    page.mouse.move(700, 640)
    page.mouse.move(760, 700)
    begun = time.perf_counter()
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('#map .i-map').isthmus.state().chosen > 0")
    page.evaluate(_FRAME)
    took = time.perf_counter() - begun
    page.locator("#map .i-map-chosen button").click()
    page.locator("#map [data-tool=move]").first.click()
    return took


def _peer(page: Page, size: int) -> dict[str, float]:
    found = find_spec("plotly")
    if found is None or found.origin is None:
        return {}
    page.goto("about:blank")
    page.add_script_tag(path=Path(found.origin).parent / "package_data" / "plotly.min.js")
    seen = view(size)
    colours = [PALETTE[int(code)] for code in column(size, 0).values]
    told = {"x": seen.xy[:, 0].tolist(), "y": seen.xy[:, 1].tolist(), "colours": colours}
    took = page.evaluate(_PEER, told)
    return {
        f"{size:,} points in scattergl: drawn, s": took["drawn"] / 1000,
        f"{size:,} points in scattergl: coloured anew, ms": took["coloured"],
        f"{size:,} points in scattergl: moved by a frame, ms": took["moved"],
        f"{size:,} points in scattergl: other coordinates, ms": took["shifted"],
    }
