"""What a page view asks of a gallery: how clicks change it, and how it tells its own changes from others'."""

from __future__ import annotations

import math
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidInput
from backend.schemas import MOST_PARTS, Query, QueryPart
from ui import queries, search_cards
from ui.pages.exploring import acts
from ui.pages.exploring.asked import MOST_STEPS, STEPS, Asked, steps_of


def item(name: str, weight: float = 1.0) -> QueryPart:
    """An item of the gallery as a part."""
    return QueryPart(kind="item", value=name, weight=weight)


def text(words: str, weight: float = 1.0) -> QueryPart:
    """Words as a part."""
    return QueryPart(kind="text", value=words, weight=weight)


def test_typed_words_take_the_place_of_typed_words_and_of_nothing_else() -> None:
    asked = Asked().said("a red circle").plus(item("image:1")).plus(text("blue", -1.0))
    changed = asked.said("  a  green\tstar ")
    assert changed.parts == (text("a green star"), item("image:1"), text("blue", -1.0))
    assert changed.words == "a green star"
    assert changed.said("").parts == (item("image:1"), text("blue", -1.0))
    assert Asked().said(" ").query() is None
    # words that were turned round are a part like any other: the bar is free for new ones
    turned = asked.turned(0)
    assert turned.words == ""
    assert (
        turned.said("a star").parts[0] == text("a star") and len(turned.said("a star").parts) == 4
    )


def test_an_item_taken_in_once_more_counts_more_or_turns_round() -> None:
    asked = Asked().plus(item("image:1")).plus(item("image:1"))
    assert [part.weight for part in asked.parts] == [2.0]
    asked = asked.plus(item("image:1", -1.0))
    assert [part.weight for part in asked.parts] == [-2.0]
    for _ in range(9):
        asked = asked.plus(item("image:1", -1.0))
    assert asked.parts[0].weight == -4.0, "the schema allows no more"


@pytest.mark.parametrize("steps", range(-MOST_STEPS, MOST_STEPS + 1))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_weight_stands_where_its_slider_was_put(steps: int, sign: float) -> None:
    asked = Asked(parts=(item("image:1", sign), text("red"))).weighed(0, steps)
    weight = asked.parts[0].weight
    assert math.copysign(1, weight) == sign
    assert math.isclose(abs(weight), 2 ** (steps / STEPS))
    assert steps_of(weight) == steps
    assert search_cards.weight_words(steps) == f"× {abs(weight):.2f}"


def test_there_is_room_for_as_many_parts_as_the_query_takes_and_the_next_is_refused() -> None:
    asked = Asked()
    for number in range(MOST_PARTS):
        asked = asked.plus(item(f"image:{number}"))
    assert asked.query() is not None
    with pytest.raises(InvalidInput, match="remove one first"):
        asked.plus(item("image:new"))
    with pytest.raises(InvalidInput, match="remove one first"):
        asked.said("a red circle")


def test_a_region_is_kept_in_shares_and_the_whole_picture_is_none() -> None:
    asked = acts.changed(Asked(parts=(item("image:1"),)), "crop-open", "0")
    asked = acts.changed(asked, "crop", "0:0.1,0.2,0.6,0.9")
    assert asked.parts[0].crop == (0.1, 0.2, 0.6, 0.9) and asked.cropping == 0
    whole = acts.changed(asked, "crop", "0:0,0,1,1")
    assert whole.parts[0].crop is None and whole.cropping == 0
    assert acts.changed(asked, "crop-close", "").cropping is None
    assert acts.changed(asked, "pick", "image:2").cropping is None


ANY_ACT = st.sampled_from([*acts._ACTS, "format-disk"])
ANY_ARG = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["-1", "8", "0:99999", "0:nan,0,1,1", "0:inf,0,1,1", "0:0.9,0,0.1,1", "0:0,0,1"]),
)  # fmt: skip


@given(st.lists(st.tuples(ANY_ACT, ANY_ARG), max_size=6))
def test_whatever_a_browser_sends_the_query_stays_one_that_can_be_asked(
    clicks: list[tuple[str, str]],
) -> None:
    asked = Asked().said("a red circle").plus(item("image:1"))
    for act, arg in clicks:
        try:
            asked = acts.changed(asked, act, arg)
        except InvalidInput:
            continue
        query = asked.query()
        assert query is None or Query.model_validate_json(query.model_dump_json()) == query
        assert queries.parse(queries.write(query)) == query


@given(st.data())
def test_quick_searches_of_ones_own_are_never_taken_for_a_link(data: st.DataObject) -> None:
    """The shared field tells of changes later, and of several at once only of the last."""
    asked, field = Asked(), ""
    events: deque[str] = deque()
    for number in range(data.draw(st.integers(1, 40))):
        if data.draw(st.booleans()):
            words = data.draw(st.sampled_from(["a", "b", "c", ""]))
            asked, told = asked.said(words).tell()
            if told is not None and told != field:
                field = told
                if len(events) > 0 and data.draw(st.booleans()):
                    events[-1] = told  # both changes in one go: the page hears of the last alone
                else:
                    events.append(told)
        elif events:
            asked, foreign = asked.heard(events.popleft())
            assert not foreign, number
    while events:
        asked, foreign = asked.heard(events.popleft())
        assert not foreign
    assert asked.told == field == queries.write(asked.query())


def test_what_somebody_else_puts_there_is_heard_of_once() -> None:
    asked, _ = Asked().said("a red circle").tell()
    other = queries.write(Query(parts=(item("image:5"),), target="both"))
    asked, foreign = asked.heard(other)
    assert foreign and asked.echoes == ()
    assert asked.heard(other)[1] is False
    asked = asked.of(Query(parts=(item("image:5"),), target="both"), (item("image:5"),))
    assert asked.tell()[1] is None, "it stands there already"
    assert asked.heard("")[1] is True
