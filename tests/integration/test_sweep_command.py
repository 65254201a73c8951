"""Sweeps from a terminal: made here and now, stopped, killed, gone on with, or put into the queue."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.errors import InvalidInput
from backend.schemas import RunRequest
from backend.services import Services
from backend.settings import REPOSITORY, Settings

#: of the trained method: long enough to be caught in the middle
_LONG = {"epochs": 10_000, "batch": 16, "dimension": 16, "patience": 100_000, "least_steps": 0}


def isthmus(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
    )


def grid(small: RunRequest, *more: str) -> list[str]:
    return [
        *("sweep", "--dataset", small.dataset),
        *("--image-encoder", small.image_encoder, "--text-encoder", small.text_encoder, *more),
    ]


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


def wait(met: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 240
    while not met():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            pytest.fail(f"it did not come so far: {process.communicate()}")
        time.sleep(0.05)


def test_a_sweep_made_here_prints_its_matrix_and_is_in_the_app(
    small: RunRequest, services: Services, tmp_path: Path
) -> None:
    file = tmp_path / "sweep.json"
    done = isthmus(
        *grid(small, "--method", "ridge-cca", "--method", "procrustes"),
        *("--pairs-used", "20", "--pairs-used", "all", "--pairs-used", "5000"),
        *("-o", "ridge-cca.dimension=8", "--json", str(file), "--name", "Mine"),
    )
    assert done.returncode == 0, done.stderr
    assert "n = 20" in done.stdout and "n = all" in done.stdout and "procrustes" in done.stdout
    assert "4 of 4" in done.stderr and "n = 5" not in done.stdout
    written = json.loads(file.read_text())
    rows = [(row["method"], row["train_images"]) for row in written["table"]]
    assert rows == [
        *(("ridge-cca", 20), ("ridge-cca", "all"), ("procrustes", 20), ("procrustes", "all"))
    ]
    for row in written["table"]:
        assert row["status"] == "finished" and row["test_images"] == 6
        for way in ("image_to_text", "text_to_image"):
            low, high = row[way]["interval"]
            assert low <= row[way]["mean"] <= high and len(row[way]["values"]) == 1
    (sweep,) = services.sweeps()
    assert (sweep.name, sweep.counts) == ("Mine", {"finished": 4})
    first = services.sweep(sweep.id).cells[0].run
    assert first is not None and services.run(first.id).configuration["options"]["dimension"] == 8
    assert sweep.id in isthmus("sweeps").stdout
    # the command it names makes the same again
    repeated = services.sweep(sweep.id).command.split()[3:]
    assert services.check_sweep(sweep.request) == sweep.request and repeated[0] == "sweep"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_what_was_stopped_or_killed_goes_on(
    small: RunRequest, services: Services, how: signal.Signals
) -> None:
    options = [
        word for name, value in _LONG.items() for word in ("-o", f"linear-infonce.{name}={value}")
    ]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "backend"),
            *grid(small, "--method", "procrustes", "--method", "linear-infonce", *options),
            *("--pairs-used", "20", "--pairs-used", "40"),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # tests that run in the background of a shell have it ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )

    def aligning() -> bool:
        return any(
            run.method == "linear-infonce" and run.progress and run.progress.stage == "Align"
            for run in services.runs()
        )

    wait(aligning, process)
    os.kill(process.pid, how)
    output = process.communicate(timeout=60)
    (sweep,) = services.sweeps()
    again = f"--resume {sweep.id}"
    if how == signal.SIGINT:
        assert process.returncode == 1 and again in output[1]
        assert sweep.counts == {"finished": 1, "cancelled": 1, "interrupted": 2}
    else:
        assert sweep.counts == {"finished": 1, "running": 1, "interrupted": 2}
        # as if it had been killed a while ago: a run that has just begun may still get its job
        _age(services)
    cells = {cell.run.name: cell.run for cell in services.sweep(sweep.id).cells if cell.run}
    (slow,) = [
        run for run in cells.values() if run.method != "procrustes" and run.train_images == 40
    ]
    services.delete(slow.id)  # a cell that nobody wants any more
    (long,) = [
        run for run in cells.values() if run.method != "procrustes" and run.train_images == 20
    ]
    _shorten(services, long.id)
    done = isthmus("sweep", "--resume", sweep.id)
    assert done.returncode == 0, done.stderr
    assert "deleted" in done.stdout and "2 of 2" in done.stderr
    assert services.sweep(sweep.id).summary.counts == {"finished": 3}


def _age(services: Services) -> None:
    import sqlalchemy as sa

    from backend.runs.models import Run

    with services._store.database.write() as session:
        moment = sa.func.datetime("now", "-1 hour")
        session.execute(sa.update(Run).values(queued_at=moment))


def _shorten(services: Services, run_id: str) -> None:
    """Asks a run for so few epochs that it ends at once."""
    from backend.runs.models import Run

    with services._store.database.write() as session:
        run = session.get(Run, run_id)
        assert run is not None
        run.request = {**run.request, "options": {**run.request["options"], "epochs": 2}}


def test_the_queue_takes_it_too(small: RunRequest, services: Services) -> None:
    done = isthmus(*grid(small, "--method", "all", "--pairs-used", "20", "--queue"))
    assert done.returncode == 0, done.stderr
    (sweep,) = services.sweeps()
    count = len(services.methods())
    assert sweep.counts == {"queued": count} and f"{count} runs are in the queue" in done.stdout
    services.cancel_sweep(sweep.id)
    again = isthmus("sweep", "--resume", sweep.id, "--queue")
    assert again.returncode == 0 and services.sweeps()[0].counts == {"queued": count}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--method", "magic"], "'magic' is not one of"),
        (["--method", "csa", "--pairs-used", "few"], "neither a number nor all"),
        (["--method", "csa", "-o", "ridge=1"], "METHOD.NAME=VALUE"),
        (["--method", "csa", "--pair", "a+b+c"], "IMAGE+TEXT"),
        (["--method", "csa", "--image-encoder", "a"], "come in pairs"),
        ([], "Name a --method"),
        (["--method", "csa", "--name", "x" * 121], "120"),
        (["--resume", "s-nobody"], "no sweep s-nobody"),
        (["--resume", "s-nobody", "--method", "csa"], "Leave the rest out"),
    ],
)
def test_bad_input_ends_with_status_two_and_a_sentence(
    arguments: list[str], told: str, services: Services
) -> None:
    done = CliRunner().invoke(app, ["sweep", "--dataset", "scenes-small", *arguments])
    assert done.exit_code == 2, done.stderr
    assert told in " ".join(done.stderr.split()) and "Traceback" not in done.stderr
    assert services.runs() == [] and services.sweeps() == []


def test_names_with_a_plus_are_told_apart() -> None:
    from backend.cli.sweeps import _pairs

    assert _pairs(["a+b", "c + d"], ["x?pooling=cls+mean"], ["y"]) == (
        *(("a", "b"), ("c", "d"), ("x?pooling=cls+mean", "y")),
    )
    with pytest.raises(InvalidInput, match="come in pairs"):
        _pairs([], ["x"], [])
