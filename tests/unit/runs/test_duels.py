"""The table of duels: judged once, who stands where, forgotten with its runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from backend.errors import NotAllowed, NotFound
from backend.runs.duels import Duels
from backend.runs.models import Duel as Row
from backend.runs.models import now
from backend.runs.store import Store
from backend.schemas import Query, QueryPart, RunRequest

QUERY = Query(parts=(QueryPart(kind="text", value="a 'red'; -- circle"),), k=8)


@pytest.fixture
def duels(store: Store) -> Duels:
    return Duels(store.database)


@pytest.fixture
def runs(store: Store, request_: RunRequest) -> tuple[str, str]:
    one, other = (store.create_run(request_, {}, {}).run_id for _ in range(2))
    return one, other


def test_who_stands_where_and_the_query_are_kept(duels: Duels, runs: tuple[str, str]) -> None:
    straight, turned = (duels.begin(*runs, QUERY, swapped=swapped) for swapped in (False, True))
    assert (straight.left, straight.right) == runs and (turned.right, turned.left) == runs
    assert straight.id != turned.id and straight.verdict is None
    for kept in (straight, turned):
        judged = duels.judge(kept.id, "left")
        assert (judged.left, judged.right, judged.query) == (kept.left, kept.right, QUERY)
        assert judged.verdict == "left" and judged.judged_at is not None
    assert [each.left for each in duels.judged()] == list(runs)


def test_a_duel_is_judged_once_also_by_two_at_the_same_time(
    duels: Duels, runs: tuple[str, str]
) -> None:
    kept = duels.begin(*runs, QUERY, swapped=False)

    def judge(verdict) -> str:
        try:
            duels.judge(kept.id, verdict)
        except NotAllowed as error:
            return str(error)
        return verdict

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(judge, ["left", "right", "tie", "neither"]))
    (verdict,) = [each for each in told if "already" not in each]
    assert [each.verdict for each in duels.judged()] == [verdict]


def test_only_what_was_judged_counts(duels: Duels, runs: tuple[str, str]) -> None:
    duels.begin(*runs, QUERY, swapped=False)
    assert duels.judged() == []


def test_a_duel_that_nobody_judged_is_forgotten_and_a_judged_one_is_not(
    duels: Duels, runs: tuple[str, str]
) -> None:
    old, judged, new = (duels.begin(*runs, QUERY, swapped=False) for _ in range(3))
    duels.judge(judged.id, "tie")
    with duels.database.write() as session:
        session.execute(
            sa.update(Row).where(Row.id != new.id).values(created_at=now() - timedelta(days=2))
        )
    duels.begin(*runs, QUERY, swapped=False)
    with pytest.raises(NotFound, match="Begin another"):
        duels.judge(old.id, "left")
    assert duels.judge(new.id, "left") and len(duels.judged()) == 2


def test_a_duel_goes_with_either_run(duels: Duels, runs: tuple[str, str], store: Store) -> None:
    one, other = runs
    third = store.create_run(store.get_run(one).request, {}, {}).run_id
    for pair in ((one, other), (other, third), (third, one)):
        duels.judge(duels.begin(*pair, QUERY, swapped=False).id, "left")
    store.request_cancel(one)
    store.delete_run(one)
    assert [(each.left, each.right) for each in duels.judged()] == [(other, third)]


def test_runs_that_are_gone_and_unknown_duels_are_said_to_be(
    duels: Duels, runs: tuple[str, str]
) -> None:
    with pytest.raises(NotFound, match="no run r-none"):
        duels.begin(runs[0], "r-none", QUERY, swapped=False)
    with pytest.raises(NotFound, match="not there"):
        duels.judge("' OR 1=1 --", "left")
