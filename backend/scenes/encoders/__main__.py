"""``python -m backend.scenes.encoders ssl|classes|untrained``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Final

import torch

from backend.scenes.encoders.model import new_model, save_encoder
from backend.scenes.encoders.self_supervised import train_self_supervised
from backend.scenes.encoders.supervised import train_supervised
from backend.settings import Settings

NAMES: Final = {
    "ssl": "scene-resnet-ssl",
    "classes": "scene-resnet-classes",
    "untrained": "scene-resnet-untrained",
}

_UNTRAINED: Final = """---
license: apache-2.0
---
# scene-resnet-untrained

The architecture of Isthmus's other built-in image encoders with random weights: the control that shows
what an architecture gives without training. Made by `python -m backend.scenes.encoders untrained`.
"""


def main() -> None:
    """Trains one of the built-in image encoders again."""
    parser = argparse.ArgumentParser(prog="python -m backend.scenes.encoders", description=__doc__)
    parser.add_argument("name", choices=sorted(NAMES))
    parser.add_argument("--folder", type=Path, help="default: the committed one")
    parser.add_argument("--threads", type=int, default=2, help="of the processor")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(given.threads)
    target = given.folder or Settings().demo_dir / NAMES[given.name]
    if given.name == "ssl":
        train_self_supervised(target)
    elif given.name == "classes":
        train_supervised(target)
    else:
        save_encoder(new_model(seed=0).eval(), target, _UNTRAINED)


if __name__ == "__main__":
    main()
