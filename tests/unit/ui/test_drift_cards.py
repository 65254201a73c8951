"""Film strips of chains: what is told of each, changed words marked, and nothing that becomes an element."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.schemas import Item, Side
from backend.schemas.comparing import PairedDifference
from backend.schemas.drift_scores import (
    DriftComparison,
    DriftScores,
    Estimate,
    MeanCumulativeDrift,
)
from backend.schemas.games import (
    BackboneScores,
    GameChain,
    GameReport,
    GameRequest,
    GameStep,
    OperatorChoice,
)
from ui import drift_cards, game_cards
from ui.drift_cards import Lane
from ui.drift_figures import Shown

HOSTILE = "<img src=x onerror=alert(1)> a red square"


def item(side: Side, number: int, caption: str = "") -> Item:
    return Item(
        side=side, id=f"{side}:{number}", image_id=str(number), thumbnail=Path(f"/t/{number}.webp"),
        captions=(caption or f"caption {number}",),
    )  # fmt: skip


def found(generation: int, side: Side, number: int, caption: str = "") -> GameStep:
    return GameStep(
        generation=generation, side=side, item=item(side, number, caption),
        similarity_to_start=1.0 - 0.1 * generation,
    )  # fmt: skip


def chain(*steps: GameStep, closes_at: int | None = None) -> GameChain:
    first = steps[0].item or item("text", 0)
    return GameChain(seed=first, steps=steps, closes_at=closes_at, period=2 if closes_at else None)


def test_words_that_changed_since_the_last_text_are_marked_in_both_directions() -> None:
    told = chain(
        found(0, "text", 0, "a red circle left of a star"),
        found(1, "image", 1),
        found(2, "text", 2, "a blue circle left of a star"),
        found(3, "image", 1),
        found(4, "text", 2, "a blue circle left of a star"),
    )
    html = drift_cards.strips([Lane("run", "#0072B2", told)], "drift", "k")
    assert html.count("<ins>") == 1 and html.count("<del>") == 1
    assert "blue" in html.split("<ins>")[1].split("</ins>")[0]
    assert "red" in html.split("<del>")[1].split("</del>")[0]


def test_every_lane_has_its_generations_under_the_same_numbers_and_one_slider_moves_them() -> None:
    one = chain(found(0, "image", 0), found(1, "text", 1), found(2, "image", 2))
    short = chain(found(0, "image", 0), found(1, "text", 3))
    html = drift_cards.strips([Lane("a", "#000000", one), Lane("b", "#111111", short)], "g", "k")
    assert [html.count(f'data-generation="{n}"') for n in range(4)] == [2, 2, 1, 0]
    assert html.count('type="range"') == 1 and 'max="2"' in html
    assert 'data-group="g"' in html and html.count("i-cycle") - html.count("i-cycles") == 2


def test_a_hostile_name_caption_or_made_text_stays_text() -> None:
    told = chain(
        found(0, "text", 0, HOSTILE),
        GameStep(generation=1, side="image", picture="/t/x.webp", operator=HOSTILE),
        GameStep(generation=2, side="text", text=HOSTILE + " more"),
    )
    html = drift_cards.strips([Lane(HOSTILE, "#000000", told)], "g", "k")
    assert "<img src=x" not in html and "&lt;img src=x" in html
    assert drift_cards.failed("x", HOSTILE).count("<img") == 0


@pytest.mark.parametrize(
    ("closes_at", "said"),
    [(2, "Closes at generation 2"), (None, "No item came back within 2 generations")],
)
def test_what_became_of_a_chain_is_said(closes_at: int | None, said: str) -> None:
    told = chain(
        found(0, "image", 0), found(1, "text", 1), found(2, "image", 0), closes_at=closes_at
    )
    assert said in drift_cards.verdict(told)


def test_of_chains_that_were_made_nothing_is_said_of_items() -> None:
    made = chain(found(0, "text", 0), GameStep(generation=1, side="image", picture="/t/p.webp"))
    assert "item" not in drift_cards.verdict(made)
    assert drift_cards.verdict(chain(found(0, "text", 0))) == "Has not begun yet."


def test_seeds_tell_which_one_is_shown_and_which_are_kept() -> None:
    html = drift_cards.seeds([item("image", 1), item("image", 2)], "image:2", {"image:1"})
    one, two = html.split('data-act="pick"')[1:]
    assert 'aria-pressed="false"' in one.split(">")[0] and "✓" in one
    assert 'aria-pressed="true"' in two.split(">")[0] and "✓" not in two
    assert drift_cards.seeds([], None, ()) == ""


def test_the_tray_tells_how_many_more_there_are_and_offers_no_game_where_none_may_be_played() -> (
    None
):
    items = [item("image", number) for number in range(3)]
    html = drift_cards.picked(items, 40, playable=True)
    assert "40 seeds picked" in html and "and 37 more" in html and 'data-act="play"' in html
    assert 'data-act="play"' not in drift_cards.picked(items, 40, playable=False)
    assert drift_cards.picked([], 0, playable=True) == ""


# --- games --------------------------------------------------------------------------------------


def game(name: str, value: float, **more: object) -> Shown:
    estimate = Estimate(value=value, interval=(value - 0.05, value + 0.05), count=8)
    scores = DriftScores(
        curves={},
        mean_cumulative_drift=MeanCumulativeDrift(
            directions={"text_to_text": estimate}, similarity=estimate
        ),
    )
    own = BackboneScores(backbone="own", scores=scores, step_to_step={}, no_rate="too few")
    report = GameReport(
        chains=16, generations=4, text_to_image="nearest", image_to_text="nearest", backbones=(own,),
        broken=2,
    )  # fmt: skip
    return Shown(name, name, "#0072B2", report.model_copy(update=more))


def test_scores_stand_beside_each_other_with_intervals_and_what_could_not_be_measured() -> None:
    html = game_cards.scores([game("one", 0.71234), game("two", 0.5)], "own")
    assert "0.712" in html and "0.662 to 0.762" in html and "0.500" in html
    assert "16, 2 broken off" in html and "one, no drift rate: too few" in html
    assert "Text to text" in html and "Image to image" not in html
    assert "Scores so far" in game_cards.scores([game("one", 0.7, partial=True)], "own")


def test_a_game_without_the_backbone_has_dashes_and_is_no_fault() -> None:
    html = game_cards.scores([game("one", 0.7), game("two", 0.6)], "another")
    assert html.count("<td>–</td>") == 2


def test_a_comparison_marks_who_drifts_less_only_where_the_interval_says_so() -> None:
    def difference(low: float, high: float) -> DriftComparison:
        one = PairedDifference(difference=(low + high) / 2, interval=(low, high), p=0.0004)
        return DriftComparison(items=8, differences={"mean_cumulative_drift": one})

    first = game("one", 0.5)
    html = game_cards.compared(
        first,
        [
            (game("less", 0.7), difference(0.1, 0.3)),
            (game("even", 0.5), difference(-0.1, 0.1)),
            (game("none", 0.5), "they have no seed in common"),
        ],
    )
    assert html.count('class="best"') == 1 and "+0.200" in html and "p &lt; 0.001" in html
    assert "none: they have no seed in common" in html


def test_a_line_says_what_is_unusual_alone() -> None:
    plain = GameRequest(seeds=("image:1", "text:1"), generations=4)
    assert game_cards.line(plain, "run") == "run · 2 seeds × 4 generations"
    unusual = plain.model_copy(
        update={
            "text_to_image": OperatorChoice(kind="renderer"),
            "image_to_text": OperatorChoice(temperature=0.2),
            "revisit": False,
        }
    )
    said = game_cards.operators(unusual)
    assert "renderer" in said and "at temperature 0.2" in said and "never the same item" in said
    assert "elsewhere: mine" in game_cards.line(GameRequest(folder="/a/mine/"), "run")
