"""Stress tests of finished runs: the same seeds for both, told, compared, and what cannot be done said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.errors import InvalidInput, NotFound
from backend.schemas import Evaluation, StressReport, StressRequest
from backend.services import Services
from backend.settings import Settings
from tests.integration.conftest import two_runs

REQUEST = StressRequest(pairs=5, directions=4, pixel_seeds=2, steps=4, restarts=0)


@pytest.fixture
def made(tmp_path: Path, tiny_vit: Path) -> Iterator[tuple[Services, list[str]]]:
    """The door, and two finished runs of the same pictures."""
    settings = Settings()
    ids = two_runs(settings, tmp_path / "pictures", tiny_vit)
    services = Services(settings)
    yield services, ids
    services._jobs.close()
    services._store.database.close()


def carried_out(services: Services, summary) -> Evaluation:
    """A queued one, carried out in this process."""
    from backend.runs.evaluations.carrying_out import carry_evaluation_out

    rows = services._jobs.evaluations
    done = carry_evaluation_out(
        services.settings, services._store, rows.attempt(summary.id), Path("log")
    )
    found = rows.get(summary.id)
    assert done == "done", found.error
    return found


def test_two_runs_are_stressed_by_the_same_seeds_and_compared(made) -> None:
    services, runs = made
    queued = services.start_stress(runs, REQUEST)
    assert [each.run for each in queued] == runs
    seeds = [StressRequest.model_validate(each.request).seeds for each in queued]
    assert seeds[0] == seeds[1]
    assert len(seeds[0]) == 10
    assert services.stress_report(queued[0].id) is None
    with pytest.raises(InvalidInput, match="has not finished"):
        services.compare_stress(queued[0].id, queued[1].id)
    for summary in queued:
        report = StressReport.model_validate(carried_out(services, summary).result)
        assert report == services.stress_report(summary.id)
        assert [seed.item for seed in report.seeds] == list(seeds[0])
        assert (report.images, report.captions) == (20, 40)
        told = {(curve.space, curve.side, curve.attack): curve.seeds for curve in report.curves}
        assert told == {
            **{("embedding", side, attack): 5 for side in ("image", "text")
               for attack in ("random", "pgd", "exact")},
            **{("pixels", "image", attack): 2 for attack in ("random", "pgd")},
        }  # fmt: skip
        assert [words.kind for words in report.words] == ["synonym", "meaning"]
        assert report.notes == ()
    found = services.compare_stress(queued[0].id, queued[1].id)
    assert found.items == 10
    assert len(found.curves) == 8
    assert found.notes == ()
    same = services.compare_stress(queued[0].id, queued[0].id)
    assert {each.mean_share.difference for each in same.curves} == {0.0}
    assert {each.id for each in services.stress_tests()} == {each.id for each in queued}
    assert [each.id for each in services.stress_tests(runs[0])] == [queued[0].id]


def test_what_is_asked_is_checked_before_anything_is_queued(made) -> None:
    services, runs = made
    for wrong, refused in (
        ((runs[:1] * 2, REQUEST), InvalidInput),
        (([], REQUEST), InvalidInput),
        ((["r-none"], REQUEST), NotFound),
        ((runs, REQUEST.model_copy(update={"seeds": ("image:gone",)})), InvalidInput),
        ((runs, REQUEST.model_copy(update={"swaps": "sea"})), InvalidInput),
    ):
        with pytest.raises(refused):
            services.start_stress(*wrong)
    assert services.stress_tests() == []


def test_pixels_of_an_encoder_without_any_are_told_in_a_note(made, monkeypatch) -> None:
    from backend.errors import EncoderError
    from backend.features.kinds.images import ImageEncoder

    def refused(self: ImageEncoder) -> None:
        raise EncoderError("No gradient leads to its pixels.")

    monkeypatch.setattr(ImageEncoder, "with_gradients", refused)
    services, runs = made
    made_here = services.evaluate_here("stress", REQUEST, runs[0])
    report = StressReport.model_validate(made_here.result)
    assert report.notes == ("Pixels were not changed. No gradient leads to its pixels.",)
    assert {curve.space for curve in report.curves} == {"embedding"}


def test_the_same_from_a_terminal(made, tmp_path: Path) -> None:
    from backend.cli.stress import app

    services, runs = made
    file, words = tmp_path / "found.json", tmp_path / "words.txt"
    words.write_text("red / blue\n", "utf-8")
    options = ["--pairs", "3", "--directions", "3", "--pixels", "0", "--steps", "3"]
    given = [*runs, *options, "--swaps", str(words), "--json", str(file)]
    asked = CliRunner().invoke(app, given)
    assert asked.exit_code == 0, asked.output
    found = json.loads(file.read_text("utf-8"))
    assert set(found["runs"]) == set(runs)
    (comparison,) = found["comparisons"].values()
    assert comparison["items"] == 6
    assert len(services.stress_tests()) == 2
    for wrong in (["--swaps", str(tmp_path / "gone.txt")], ["--swaps", str(tmp_path)]):
        assert CliRunner().invoke(app, [runs[0], *wrong]).exit_code == 2
