"""What a map's points are coloured by, and how well they find their partners, against loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.errors import NotFound
from backend.exploration import colours, partners
from backend.exploration.gallery import Gallery
from backend.exploration.partners import partner_ranks
from tests.unit.exploration.made import CAPTIONS, IMAGES, make_gallery

CAPTIONED = sum(CAPTIONS)
ALL = np.arange(IMAGES + CAPTIONED, dtype=np.int32)
SOME = np.array([0, 4, 29, 30, 35, 85], np.int32)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return make_gallery(tmp_path)


def owner(point: int) -> int:
    return point if point < IMAGES else np.repeat(np.arange(IMAGES), CAPTIONS)[point - IMAGES]


def test_the_names_are_what_a_map_can_be_coloured_by(gallery: Gallery) -> None:
    assert colours.names(gallery) == [
        "modality",
        "cluster",
        "rank error",
        "colour",
        "many",
        "cluster (attribute)",
    ]  # fmt: skip - "same" tells nothing apart


def test_some_points_have_the_colours_that_they_have_among_all(gallery: Gallery) -> None:
    for points in (ALL, SOME):
        modality = colours.by_modality(gallery, points)
        assert modality.labels == ("text", "caption")
        np.testing.assert_array_equal(modality.values, points >= IMAGES)
        colour = colours.by_attribute(gallery, "colour", points)
        assert colour.labels == ("blue", "green", "red")
        wanted = [["red", "blue", "green"][owner(point) % 3] for point in points]
        assert [colour.labels[int(code)] for code in colour.values] == wanted
        own = colours.by_attribute(gallery, "cluster (attribute)", points)
        assert [own.labels[int(code)] for code in own.values] == [
            str(owner(point) % 2) for point in points
        ]


def test_the_rarest_values_of_an_attribute_become_other(gallery: Gallery) -> None:
    many = colours.by_attribute(gallery, "many", ALL)
    assert len(many.labels) == colours.MOST_LABELS and many.labels[-1] == "other"
    wanted = [f"v{owner(point) % 15:02d}" for point in ALL]
    for code, value in zip(many.values, wanted, strict=True):
        label = many.labels[int(code)]
        assert label == value or (label == "other" and value not in many.labels)


def test_an_item_without_the_attribute_is_unknown(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path)
    del gallery.entries["p4"].attributes["colour"]
    found = colours.by_attribute(gallery, "colour", SOME)
    assert found.labels[int(found.values[1])] == "unknown"
    with pytest.raises(NotFound, match="modality, cluster, rank error, colour"):
        colours.by_attribute(gallery, "color", SOME)


def test_similarity_orders_within_a_modality(gallery: Gallery) -> None:
    query = gallery.vector("text:p3#0")
    for points in (ALL, SOME):
        found = colours.by_similarity(gallery, query, "a kite", points)
        assert found.labels == () and found.name == "a kite"
        rows = np.concatenate([index.vectors() for index in gallery.indexes.values()])[points]
        for side in (points < IMAGES, points >= IMAGES):
            values, cosines = found.values[side], (rows @ query)[side]
            np.testing.assert_allclose(
                values, (cosines - cosines.mean()) / cosines.std(), atol=1e-3
            )
    captions = colours.by_similarity(gallery, query, "", ALL[IMAGES:])
    assert captions.values.argmax() == sum(CAPTIONS[:3])


def ranks_by_loop(gallery: Gallery, points: np.ndarray) -> list[float]:
    image, text, owners = gallery.embedded()
    found = []
    for point in points:
        query = image[point] if point < IMAGES else text[point - IMAGES]
        if point < IMAGES:
            own = [row for row in range(len(text)) if owners[row] == point]
            scores = text @ query
        else:
            own, scores = [owners[point - IMAGES]], image @ query
        if not own:
            found.append(np.nan)
            continue
        best = max(scores[own])
        found.append(1 + sum(score > best + 1e-6 for score in scores))
    return found


def test_a_points_rank_is_its_partners_place(gallery: Gallery) -> None:
    wanted = ranks_by_loop(gallery, ALL)
    assert len({*wanted}) > 3 and np.isnan(wanted[IMAGES - 1])
    np.testing.assert_array_equal(partner_ranks(gallery, ALL), wanted)
    np.testing.assert_array_equal(partner_ranks(gallery, SOME), np.array(wanted)[SOME])
    np.testing.assert_array_equal(partner_ranks(gallery, ALL[IMAGES:]), wanted[IMAGES:])
    coloured = colours.by_rank(np.array([1, 100, np.nan]))
    np.testing.assert_array_equal(coloured.values, np.array([0, 2, np.nan], np.float32))


def test_in_a_large_gallery_a_maps_points_are_ranked_among_each_other(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = partner_ranks(gallery, ALL)
    monkeypatch.setattr(partners, "RANKED", 50)
    monkeypatch.setattr(partners, "MOST_POINTS", 40)
    drawn = partners.sample(IMAGES, gallery.owners, 40)
    found = partner_ranks(gallery, ALL)
    assert np.isfinite(found[drawn]).all() and np.isnan(np.delete(found, drawn)).all()
    assert (found[drawn] <= whole[drawn]).all() and (found[drawn] < whole[drawn]).any()
    np.testing.assert_array_equal(partner_ranks(gallery, drawn), found[drawn])
