"""What a layout is asked for: one form for all that ask the same, a name for its files, and words."""

from __future__ import annotations

import itertools

import pytest

from backend.exploration.layouts.requests import base_of, key_of, resolved, words
from backend.schemas import USUAL_LAYOUT, LayoutRequest


def test_what_decides_nothing_makes_no_other_layout() -> None:
    def one(**asked: object) -> LayoutRequest:
        return resolved(LayoutRequest.model_validate(asked), "r-1", 7)

    assert one().seed == 7 and one(seed=0).seed == 0
    assert one(seed=7) == one() == one(like="r-1")
    assert one(method="pca", seed=3, neighbours=50, min_dist=0.5, graph="centred") == one(
        method="pca"
    )
    assert (
        one(method="tsne", min_dist=0.5) == one(method="tsne") != one(method="tsne", neighbours=30)
    )
    assert one(space="image encoder", graph="centred") == one(space="image encoder")
    assert one(like="r-2") != one()


def test_every_difference_has_files_of_its_own() -> None:
    asked = [
        USUAL_LAYOUT,
        LayoutRequest(method="tsne"),
        LayoutRequest(graph="joint"),
        LayoutRequest(space="text encoder"),
        LayoutRequest(neighbours=17),
        LayoutRequest(min_dist=0.2),
        LayoutRequest(dimensions=3),
        LayoutRequest(seed=1),
        LayoutRequest(like="r-2"),
    ]
    keys = [key_of(each, made, like) for each in asked for made, like in (("a", ""), ("b", ""))]
    keys += [key_of(asked[-1], "a", "of the other")]
    assert len(set(keys)) == len(keys) and all(key.isalnum() for key in keys)


def test_a_layout_begins_at_the_same_one_whatever_else_there_is() -> None:
    usual = LayoutRequest(seed=3, graph="joint", dimensions=3)
    assert base_of(usual) is None
    for other in ({"neighbours": 40}, {"min_dist": 0.8}, {"neighbours": 5, "min_dist": 0.0}):
        assert base_of(usual.model_copy(update=other)) == usual
    # another seed shows how stable a map is, so it does not begin at the map it is held against
    assert base_of(LayoutRequest(seed=4)) is None
    assert base_of(LayoutRequest(method="tsne", neighbours=40)) is None
    assert base_of(LayoutRequest(like="r-2", neighbours=40)) is None


def test_the_words_have_the_requests_own_numbers() -> None:
    assert words(USUAL_LAYOUT, "image").endswith("its 8 nearest images and its 8 nearest captions")
    odd = words(LayoutRequest(neighbours=15), "audio")
    assert "7 nearest recordings and its 8 nearest captions" in odd
    assert "20 nearest of either" in words(LayoutRequest(neighbours=20, graph="centred"), "image")
    tsne = words(LayoutRequest(method="tsne", neighbours=10), "image")
    assert tsne.startswith("t-SNE at perplexity 10") and "15 nearest images" in tsne
    pca = words(LayoutRequest(method="pca", dimensions=3, graph="joint"), "image")
    assert "three directions" in pca and "near" not in pca
    frozen = words(LayoutRequest(space="text encoder", graph="joint"), "image")
    assert "frozen" in frozen and "16 nearest captions" in frozen
    assert "map of Ridge CCA" in words(LayoutRequest(like="r-2"), "image", "Ridge CCA")


@pytest.mark.parametrize("method", ["pca", "umap", "tsne", "pacmap"])
def test_no_two_graphs_or_spaces_are_told_alike(method: str) -> None:
    graphs = ("cross-modal", "joint", "centred")
    spaces = ("shared", "image encoder", "text encoder")
    told: dict[LayoutRequest, str] = {}
    for graph, space in itertools.product(graphs, spaces):
        asked = LayoutRequest.model_validate({"method": method, "graph": graph, "space": space})
        own = resolved(asked, "r-1", 0)
        told[own] = words(own, "image")
    assert len(set(told.values())) == len(told) == (3 if method == "pca" else 5)
    assert not any(each.endswith(".") for each in told.values())
