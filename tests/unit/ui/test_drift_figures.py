"""What the browser draws of chains: lines from row to row of the map, its heat and basins, curves."""

from __future__ import annotations

import base64

import numpy as np

from backend.schemas.drift_scores import (
    AttributePoint,
    AttributeSurvival,
    CurvePoint,
    DriftScores,
    Estimate,
    MeanCumulativeDrift,
    SimilarityCurve,
)
from backend.schemas.games import BackboneScores, GameReport, GameStep
from tests.unit.ui.test_drift_cards import chain, found
from ui import drift_figures
from ui.drift_cards import Lane
from ui.drift_figures import Shown


def codes(text: str) -> list[int]:
    return list(base64.b64decode(text))


def point_of(item: str) -> int:
    """Images are the gallery's points 0 to 9, captions 10 to 19; anything else is not there."""
    side, _, number = item.partition(":")
    return int(number) + (10 if side == "text" else 0) if int(number) < 10 else -1


def test_a_line_goes_by_the_rows_that_are_drawn_and_has_no_station_elsewhere() -> None:
    points = np.array([0, 3, 4, 12, 15], np.int32)
    told = chain(
        found(0, "image", 3), found(1, "text", 5), found(2, "image", 7), found(3, "text", 2),
        GameStep(generation=4, side="image", picture="/t/p.webp"),
    )  # fmt: skip
    lanes = [Lane("a", "#000000", told)]
    drawn = drift_figures.tracks("k", points, lanes, point_of)
    (line,) = drawn["lines"]
    assert line["rows"] == [1, 4, -1, 3, -1]
    assert line["faces"][0].endswith("3.webp") and line["faces"][1] == ""
    assert drawn["key"] == "k" and drawn["fade"] is True
    assert line["faces"][4].endswith("p.webp") and "made" not in line
    made = [{4: (0.25, -1.5)}]
    (line,) = drift_figures.tracks("k", points, lanes, point_of, made=made)["lines"]
    assert line["rows"] == [1, 4, -1, 3, -1], "what was made has no row"
    assert line["made"] == [*(None,) * 4, {"side": "image", "at": [0.25, -1.5, 0.0]}]


def test_chains_of_which_nothing_is_on_the_map_are_no_lines() -> None:
    told = chain(found(0, "image", 99), found(1, "text", 98))
    lanes = [Lane("a", "#000000", told)]
    assert drift_figures.tracks("k", np.array([0, 1], np.int32), lanes, point_of) == {}


def test_heat_goes_from_the_attractors_to_the_farthest() -> None:
    drawn = drift_figures.heat("k", np.array([0, 1, 2, 4], np.int32))
    assert codes(drawn["values"]) == [0, 64, 127, 254]
    assert (drawn["low_text"], drawn["high_text"]) == ("0", "4")
    still = drift_figures.heat("k", np.zeros(3, np.int32))
    assert codes(still["values"]) == [0, 0, 0]


def test_basins_are_coloured_from_the_largest_and_the_smaller_ones_share_a_colour() -> None:
    sizes = np.array([1, 9, *range(2, 14), 9], np.int32)
    ends = np.array([0, 1, 14, 13], np.int32)
    drawn = drift_figures.basins("k", ends, sizes)
    ranked = drift_figures.largest(sizes).tolist()
    assert ranked[0] == 13  # of 13 items; then 12, 11, 10, and of nine the lower number first
    assert ranked.index(1) < ranked.index(14)
    assert codes(drawn["values"]) == [len(ranked), ranked.index(1), ranked.index(14), 0]
    assert drawn["labels"][-1] == "smaller ones" and len(drawn["labels"]) == len(drawn["colours"])


def test_a_few_basins_leave_none_over() -> None:
    drawn = drift_figures.basins("k", np.array([0, 1, 1], np.int32), np.array([1, 2], np.int32))
    assert drawn["labels"] == ["basin 1", "basin 2"] and codes(drawn["values"]) == [1, 0, 0]


def test_curves_of_a_chain_have_a_cursor_that_strips_and_map_follow() -> None:
    told = chain(found(0, "image", 0), found(1, "text", 1), found(2, "image", 0), closes_at=2)
    (plot,) = drift_figures.chain_curves([Lane("a", "#0072B2", told)])["plots"]
    assert plot["series"][0]["y"] == [1.0, 0.9, 0.8]
    assert plot["cursor"] == {
        "group": drift_figures.GROUP, "at": [0, 1, 2],
        "said": ["start", "generation 1", "generation 2"],
    }  # fmt: skip
    assert plot["marks"] == [{"x": 2, "colour": "#0072B2"}]
    assert drift_figures.chain_curves([]) == {"plots": []}


def estimate(value: float, width: float | None = 0.1) -> Estimate:
    within = None if width is None else (value - width, value + width)
    return Estimate(value=value, interval=within, count=4)


def shown(name: str, values: list[Estimate | None], floor: bool = False) -> Shown:
    points = tuple(
        CurvePoint(generation=2 * (n + 1), similarity=value, missing=0)
        for n, value in enumerate(values)
    )
    curve = SimilarityCurve(points=points, mean_similarity=estimate(0.5))
    drift = MeanCumulativeDrift(directions={}, similarity=estimate(0.5))
    scores = BackboneScores(
        backbone="own", step_to_step={},
        scores=DriftScores(curves={"text_to_text": curve}, mean_cumulative_drift=drift),
        floor={"text_to_text": curve} if floor else None,
    )  # fmt: skip
    kept = AttributePoint(generation=1, kept=estimate(0.75), changed=None, intact=None)
    survival = [
        AttributeSurvival(
            attribute="colour", protocol=protocol, items=4, points=(kept,), median_loss=3
        )
        for protocol in ("text-first", "image-first")
    ]
    report = GameReport(
        chains=4, generations=4, text_to_image="a", image_to_text="b", backbones=(scores,),
        attributes=tuple(survival),
    )  # fmt: skip
    return Shown(name, name, "#0072B2", report)


def test_a_direction_has_a_line_a_game_with_its_interval_and_leaves_out_what_is_missing() -> None:
    games = [
        shown("one", [estimate(0.8), None, estimate(0.6)]),
        shown("two", [estimate(0.5, None)]),
    ]
    (plot,) = drift_figures.game_curves(games, "own")["plots"]
    first, second = plot["series"]
    assert (first["x"], first["y"]) == ([2, 6], [0.8, 0.6])
    assert np.allclose(first["low"], [0.7, 0.5]) and np.allclose(first["high"], [0.9, 0.7])
    assert "low" not in second  # of one seed there is no interval
    assert plot["percent"] is False
    assert drift_figures.game_curves(games, "another") == {"plots": []}


def test_what_chance_does_is_a_line_of_its_own() -> None:
    (plot,) = drift_figures.game_curves([shown("one", [estimate(0.8)], floor=True)], "own")["plots"]
    assert [line["name"] for line in plot["series"]] == ["one", "one: chance alone"]
    assert plot["series"][1]["dash"] == "dot" and "low" not in plot["series"][1]


def test_attributes_are_told_apart_by_what_their_chains_began_with() -> None:
    (plot,) = drift_figures.attribute_curves([shown("one", [estimate(0.8)])])["plots"]
    assert [line["name"] for line in plot["series"]] == ["one, from texts", "one, from images"]
    assert plot["percent"] is True and "by generation 3" in plot["note"]
