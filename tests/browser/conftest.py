"""One real app process with its worker in a scratch home, and chromium to drive it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
#: software WebGL, so that the map is drawn as on a real screen
FLAGS = [
    "--no-sandbox",
    "--use-gl=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
#: the worker may share its cores; what is waited for is the condition, this only ends a hopeless wait
PATIENCE_MS = 600_000
#: what Gradio's client says of a stream that its own closing ended
CLOSED = "Unexpected error Connection errored out."
HOSTILE = '<img src=x onerror="window.__xss = 1"> a red square'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a browser test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class App:
    """The running app."""

    url: str
    home: Path
    log: Path


@dataclass
class Watch:
    """What a page did that it should not have."""

    origin: str
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    left: bool = False

    def attach(self, page: Page) -> Page:
        """Listens to a page from its first request on, and waits longer for it than by default."""
        page.set_default_timeout(90_000)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._error(str(error)))
        page.on("request", self._request)
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._error(message.text)

    def _error(self, text: str) -> None:
        # Gradio's client closes itself on beforeunload; where an event was still on its way, it says
        # these two things to nobody, in this order. Anything else counts, also while a page is left.
        closing = text.startswith("AbortError: ") and ".close (" in text
        if not closing and not (self.left and text.strip() == CLOSED):
            self.errors.append(text)
        self.left = self.left or closing

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.elsewhere.append(request.url)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where chromium is. Its absence is a reason to skip on a desk, and a failure in CI."""
    for name in CHROMIUM:
        found = shutil.which(name)
        if found:
            return found
    reason = "chromium is not installed; apt-get install chromium"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="package")
def app(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """``python app.py`` in an empty home, as a person starts it."""
    home = tmp_path_factory.mktemp("browser-home")
    log = home / "app.log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ISTHMUS_")}
    environment = kept | {"ISTHMUS_HOME": str(home), "ISTHMUS_PORT": str(port)}
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=REPOSITORY, env=environment, stdout=out, stderr=out
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        answering(process, url, log)
        yield App(url, home, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answering(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the app ended at its start:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the app did not answer:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for all tests; closed after the last, since no event loop starts beside Playwright's."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=60_000)
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def watch(app: App) -> Iterator[Watch]:
    """Afterwards: no console error, and no request to anywhere else."""
    watched = Watch(app.url)
    yield watched
    assert watched.errors == []
    assert watched.elsewhere == []


@pytest.fixture
def fresh(browser: Browser, watch: Watch) -> Iterator[Page]:
    """A fresh visitor's page, 1280 pixels wide, before anything is opened."""
    context = browser.new_context(
        reduced_motion="reduce", viewport={"width": 1280, "height": 900}, color_scheme="light"
    )
    opened = watch.attach(context.new_page())
    yield opened
    context.close()


@pytest.fixture
def page(fresh: Page, app: App) -> Page:
    """The same on the app."""
    fresh.goto(app.url)
    fresh.wait_for_selector("#i-header h1")
    return fresh


@pytest.fixture(scope="package")
def ready(app: App, browser: Browser) -> App:
    """The app with its demonstration run finished."""
    context = browser.new_context(reduced_motion="reduce")
    opened = context.new_page()
    opened.goto(app.url)
    opened.wait_for_selector("#i-results .i-hit", timeout=PATIENCE_MS)
    context.close()
    return app


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of one's own whose captions try to become elements of the page."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "images").mkdir()
    random = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for number in range(60):
        pixels = random.integers(0, 255, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        split = "test" if number % 5 == 0 else "val" if number % 5 == 1 else "train"
        captions = [f"{HOSTILE} {number}", f"picture number {number}"]
        rows.append({"file": f"{number}.png", "split": split, "captions": captions})
    (folder / "captions.json").write_text(json.dumps(rows))
    return folder
