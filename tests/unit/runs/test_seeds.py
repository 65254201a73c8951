"""Which seeds are fitted, which are taken as they are, and the bar over all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.alignment.base import Alignment
from backend.alignment.heads import affine_head
from backend.alignment.training.checkpoint import NAME
from backend.errors import NotAllowed
from backend.reporting import Report, silent
from backend.runs.seeds import Bar, Place, finish_early, fit_all, places
from backend.schemas import RunRequest


@pytest.fixture
def where(tmp_path: Path, request_: RunRequest) -> tuple[Place, ...]:
    return places(tmp_path, request_.model_copy(update={"seed": 7, "seeds": 4}))


class Fitter:
    """Fits heads that are the seed; tells five steps of each."""

    def __init__(self, alike: bool = False) -> None:
        self.fitted: list[int] = []
        self._alike = alike

    def __call__(self, place: Place, report: Report) -> Alignment:
        self.fitted.append(place.seed)
        for step in range(6):
            report(step, 5, "steps")
        weight = np.eye(2) * (1 if self._alike else place.seed)
        heads = {side: affine_head(np.zeros(2), np.ones(2), weight) for side in ("image", "text")}
        return Alignment("ridge", heads, {"steps_run": 5, "ended": "all steps were taken"})


def basis(place: Place) -> dict[str, object]:
    return {"seed": place.seed, "shape": (1, 2)}


def test_each_seed_has_its_own_folders(where: tuple[Place, ...], tmp_path: Path) -> None:
    assert [place.seed for place in where] == [7, 8, 9, 10]
    assert where[0].heads == tmp_path / "heads" and where[0].training == tmp_path / "training"
    assert where[2].heads == tmp_path / "heads" / "seed-9"
    assert where[2].training == tmp_path / "training" / "seed-9"


def test_all_are_fitted_once(where: tuple[Place, ...]) -> None:
    fit, told = Fitter(), list[tuple[int, int, str]]()
    found = fit_all(where, fit, basis, lambda *count: told.append(count))
    assert fit.fitted == [7, 8, 9, 10] == list(found.seeds) == list(found.details)
    assert not found.alike and found.notes(where) == []
    done = [count[0] for count in told]
    assert done == sorted(done) and {count[1] for count in told} == {20} and done[-1] == 20

    again = Fitter()
    assert fit_all(where, again, basis, silent) == found and again.fitted == []


def test_what_was_fitted_on_something_else_is_fitted_again(where: tuple[Place, ...]) -> None:
    fit_all(where, Fitter(), basis, silent)
    (where[1].heads / "fitted.json").unlink()  # killed while its heads were written
    again, told = Fitter(), list[int]()
    fit_all(where, again, basis, lambda done, total, unit: told.append(done))
    assert again.fitted == [8] and told == [5, 6, 7, 8, 9, 10]
    other = Fitter()
    fit_all(where, other, lambda place: {"seed": place.seed, "shape": [1, 3]}, silent)
    assert other.fitted == [7, 8, 9, 10]


def test_a_method_that_draws_nothing_is_not_fitted_for_every_seed(where: tuple[Place, ...]) -> None:
    fit = Fitter(alike=True)
    found = fit_all(where, fit, basis, silent)
    assert fit.fitted == [7, 8] and found.alike and found.seeds == (7, 8, 9, 10)
    assert "same heads" in found.notes(where)[0]
    assert fit_all(where, fit, basis, silent) == found and fit.fitted == [7, 8]


def test_seeds_that_had_not_begun_are_left_out_when_it_is_enough(where: tuple[Place, ...]) -> None:
    fit_all(where[:2], Fitter(), basis, silent)
    where[2].training.mkdir(parents=True)
    (where[2].training / NAME).touch()
    finish_early(where)
    fit = Fitter()
    found = fit_all(where, fit, basis, silent)
    assert fit.fitted == [9] and found.seeds == (7, 8, 9) and found.ended_early == 9
    ended, left_out = found.notes(where)
    assert "seed 9" in ended and "(10)" in left_out


def test_a_seed_without_a_checkpoint_is_left_out_too(where: tuple[Place, ...]) -> None:
    fit_all(where[:1], Fitter(), basis, silent)
    finish_early(where)
    found = fit_all(where, Fitter(), basis, silent)
    assert found.seeds == (7,) and found.ended_early is None
    assert "(8, 9, 10)" in found.notes(where)[0]


def test_there_must_be_something_to_finish_with_and_something_left(
    where: tuple[Place, ...],
) -> None:
    with pytest.raises(NotAllowed, match="no checkpoint yet"):
        finish_early(where)
    fit_all(where, Fitter(), basis, silent)
    with pytest.raises(NotAllowed, match="training is over"):
        finish_early(where)


def test_a_fit_that_ends_early_does_not_make_the_bar_jump() -> None:
    told = list[tuple[int, int]]()
    bar = Bar(lambda done, total, unit: told.append((done, total)), 3)
    bar(10, 100, "steps")
    bar(30, 100, "steps")
    bar.next()
    bar(1, 100, "steps")
    bar.next()
    bar(100, 100, "steps")
    assert told == [(10, 300), (30, 300), (31, 230), (131, 131)]
    shares = [done / total for done, total in told]
    assert shares == sorted(shares)
