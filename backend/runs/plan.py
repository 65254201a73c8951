"""What a run is going to be, known before it begins: effective options, library versions."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from backend.alignment.methods import resolve_options
from backend.schemas import RunRequest

#: what can change a number
LIBRARIES = (
    "torch",
    "transformers",
    "sentence-transformers",
    "numpy",
    "scipy",
    "scikit-learn",
    "faiss-cpu",
    "faiss-gpu-cu12",
    "umap-learn",
    "pillow",
)


class Plan(NamedTuple):
    """What is kept with a run beside its request."""

    configuration: dict[str, Any]
    versions: dict[str, str]


def plan(request: RunRequest) -> Plan:
    """Completes a request. The two encoders are those that are used; where they or their layers are
    to be chosen, the run puts the chosen ones in their place.

    Raises:
        InvalidInput: unknown method, or options that cannot be used; all of them at once.
    """
    configuration = {
        "dataset": request.dataset,
        "image_encoder": request.image_encoder,
        "text_encoder": request.text_encoder,
        "method": request.method,
        "options": resolve_options(request.method, request.options),
        "seed": request.seed,
        "seeds": request.seeds,
        "train_images": request.train_images,
        "select_layers": request.select_layers,
        "image_candidates": list(request.image_candidates),
        "text_candidates": list(request.text_candidates),
    }
    return Plan(configuration, library_versions())


def library_versions() -> dict[str, str]:
    """Versions of Python and of the installed libraries, without importing any."""
    return dict(_installed())


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    """Looked up once a process: it takes 10 ms, and a sweep asks for each of its runs."""
    found = [("python", platform.python_version())]
    for name in LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)
