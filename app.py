"""Isthmus in the browser: settings, services, pages, launch.

``python app.py`` opens it on this machine; a Hugging Face Space runs the same file.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported: it looks only then

from backend.services import Services
from backend.settings import Settings
from ui.api import answer_in_json
from ui.shell import build, launch_options

services = Services(Settings())
demo = build(services)


def _terminate(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    """Serves the pages until it is told to stop, with the worker beside."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        _, address, _ = demo.launch(**launch_options(services))
        answer_in_json(demo)
        print(f"Isthmus is open at {address}", flush=True)
        services.start()
        demo.block_thread()
    finally:  # also where it is told to stop in the middle of starting
        services.stop()


if __name__ == "__main__":
    main()
