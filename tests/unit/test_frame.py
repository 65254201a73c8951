"""The project's frame: what is required, pinned and promised agrees with itself."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from backend.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]


def lines(file: str) -> list[str]:
    texts = (line.split("#")[0].strip() for line in (REPOSITORY / file).read_text().splitlines())
    return [text for text in texts if text and not text.startswith("-")]


def pins() -> dict[str, str]:
    return {
        canonicalize_name(name): pin
        for name, _, pin in (line.partition("==") for line in lines("constraints.txt"))
    }


def test_every_requirement_is_pinned_within_its_range() -> None:
    for line in lines("requirements.txt") + lines("requirements-dev.txt"):
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)]), line


def test_pins_are_exact_and_of_any_build() -> None:
    assert pins()["torch"] == "2.13.0"
    assert all(re.fullmatch(r"[\w.]+", pin) for pin in pins().values()), "a local tag such as +cpu"


def test_what_is_installed_is_what_is_pinned() -> None:
    for line in lines("requirements.txt") + lines("requirements-dev.txt"):
        name = Requirement(line).name
        assert version(name).split("+")[0] == pins()[canonicalize_name(name)], name


def test_the_gpu_requirements_differ_in_faiss_alone() -> None:
    cpu, gpu = set(lines("requirements.txt")), set(lines("requirements-gpu.txt"))
    assert {Requirement(line).name for line in cpu - gpu} == {"faiss-cpu"}
    assert {Requirement(line).name for line in gpu - cpu} == {"faiss-gpu-cu12"}


def test_the_card_names_the_tested_gradio() -> None:
    front_matter = (REPOSITORY / "README.md").read_text().split("---")[1]
    assert f"sdk_version: {pins()['gradio']}" in front_matter
    assert "app_file: app.py" in front_matter


def test_the_card_lists_every_setting() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    for name in Settings.model_fields:
        assert f"| `ISTHMUS_{name.upper()}` |" in readme


def test_nothing_of_this_machine_is_in_the_repository() -> None:
    """No absolute path of a checkout and no registry's address in what is committed."""
    suspects = [str(REPOSITORY), "--extra-index-url", "--index-url", "--find-links"]
    for pattern in ("*.py", "*.toml", "*.txt", "*.md", "Makefile", ".ci/run"):
        for path in REPOSITORY.rglob(pattern):
            inside = path.relative_to(REPOSITORY)
            if inside.parts[0] in (".venv", ".git") or path == Path(__file__):
                continue
            text = path.read_text("utf-8")
            assert not [word for word in suspects if word in text], inside
