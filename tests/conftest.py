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
# how wide a terminal is, is a test's own matter; processes that share the work are told 80
os.environ.pop("COLUMNS", None)

import pytest
from hypothesis import settings as hypothesis_settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

REPOSITORY = Path(__file__).resolve().parent.parent

# the same examples every time, and no deadline: a loaded machine is no reason to fail
hypothesis_settings.register_profile("isthmus", derandomize=True, deadline=None, max_examples=60)
hypothesis_settings.load_profile("isthmus")


#: the quick ones first; where two processes share the work, what takes longest first
ORDER = ("unit", "integration", "browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sorts by kind; within each they stay as they were found."""
    tests = Path(__file__).parent
    shared_out = hasattr(config, "workerinput")
    turn = {kind: number for number, kind in enumerate(reversed(ORDER) if shared_out else ORDER)}
    items.sort(key=lambda item: turn[item.path.relative_to(tests).parts[0]])


class Shares(LoadScopeScheduling):
    """Which tests stay in one process: all that drive the browser, and those of each other file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "browser" if file.startswith("tests/browser/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Shares:
    """Called where ``--numprocesses`` is given."""
    return Shares(config, log)


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
