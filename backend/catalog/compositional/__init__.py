"""Benchmarks of compositional understanding: published ones from their files, and the built-in world's."""

from __future__ import annotations

from backend.catalog.compositional.benchmark import Benchmark, Example
from backend.catalog.compositional.built_in import read_scenes
from backend.catalog.compositional.published import read_benchmark

__all__ = ["Benchmark", "Example", "read_benchmark", "read_scenes"]
