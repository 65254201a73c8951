"""What every test gets: a home of its own, no network, no settings from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# read when these libraries are imported, so before any of them is
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# threads that spin while they wait take the cores from the processes that tests start
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
# how wide a terminal is, is a test's own matter
os.environ.pop("COLUMNS", None)

import pytest
from hypothesis import settings as hypothesis_settings

REPOSITORY = Path(__file__).resolve().parent.parent

# the same examples every time, and no deadline: a loaded machine is no reason to fail
hypothesis_settings.register_profile("isthmus", derandomize=True, deadline=None, max_examples=60)
hypothesis_settings.load_profile("isthmus")


#: the quick ones first
ORDER = ("unit", "integration", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests, then integration tests, then the browser's; within each as they were found."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: ORDER.index(item.path.relative_to(tests).parts[0]))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A scratch ISTHMUS_HOME for each test; other ISTHMUS_* settings are unset."""
    for name in [name for name in os.environ if name.startswith("ISTHMUS_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("ISTHMUS_HOME", str(folder))
    yield folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photographs and encoders, beside the repository where there is one."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the real photographs and encoders in ../shared, which are not here")
    return folder
