"""Heads against published numbers, and what each promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from backend.alignment.base import as_inputs
from backend.alignment.heads import Head, HeadConfig, StarHead, TokenBatch, build_head
from backend.alignment.heads.base import Dropout
from backend.alignment.heads.projector import ProjectorHead
from backend.alignment.objectives import Sigmoid
from backend.alignment.rows import FeatureRows, TokenRows
from backend.alignment.training import Batch, Step
from tests.unit.golden import arrays, assert_golden, value


def star(side: str) -> StarHead:
    """The released head's weights in ours."""
    data = arrays()
    inputs = data[f"star_{side}_ln_w"].shape[0]
    head = StarHead(HeadConfig("star", inputs, 10, {"width": 8})).double()
    names = {"norm": "ln", "first": "f1", "second": "f2", "third": "g"}
    weights = {
        f"{mine}.{kind}": torch.tensor(data[f"star_{side}_{theirs}_{kind[0]}"])
        for mine, theirs in names.items()
        for kind in ("weight", "bias")
    }
    head.load_state_dict(weights)
    return head


@pytest.mark.parametrize(
    ("rows", "side", "name"),
    [
        ("star_img_in", "img", "image"),
        ("star_txt_in", "txt", "text"),
        ("star_txt2_in", "txt", "text2"),
    ],
)
def test_the_star_head_is_sails(rows: str, side: str, name: str) -> None:
    shared = star(side).project(torch.tensor(arrays()[rows])).detach()
    assert_golden(shared.norm().item(), f"sail/star/{name}/norm")
    assert_golden(shared.flatten()[:5].numpy(), f"sail/star/{name}/first5")
    assert_golden(shared.sum(1)[:5].numpy(), f"sail/star/{name}/row_sums_first5")


def test_star_heads_and_loss_with_extra_captions_have_sails_gradients() -> None:
    data = arrays()
    heads = nn.ModuleDict({"image": star("img"), "text": star("txt")})
    image, text, extra = (torch.tensor(data[f"star_{name}_in"]) for name in ("img", "txt", "txt2"))
    objective = Sigmoid(20.0, -10.0, extra=True).double()
    with torch.no_grad():
        objective.log_scale.fill_(np.log(20.0))  # exactly, not a float32's
    batch = Batch(image, text, torch.arange(len(image)), extra)
    step = Step(0, batch, heads["image"](image), heads["text"](text), heads, torch.float64)
    loss = objective(step)
    loss.backward()
    assert_golden(loss.item(), "sail/star/end_to_end/loss")
    name = "sail/star/end_to_end/grad_norm"
    assert_golden(objective.log_scale.grad.norm().item(), f"{name}/logit_scale")
    assert_golden(objective.bias.grad.norm().item(), f"{name}/logit_bias")
    for side, theirs in (("image", "vision"), ("text", "text")):
        head = heads[side]
        for mine, part in ((head.first, "f1"), (head.second, "f2"), (head.third, "g")):
            own = f"{name}/{theirs}_mapping_network.{part}"
            assert_golden(mine.weight.grad.norm().item(), f"{own}.weight")
            assert_golden(mine.bias.grad.norm().item(), f"{own}.bias")
        assert_golden(head.norm.weight.grad.norm().item(), f"{name}/{theirs}_layer_norm.weight")
        assert_golden(head.norm.bias.grad.norm().item(), f"{name}/{theirs}_layer_norm.bias")


def test_sails_start() -> None:
    theta, bias, largest, width = value("sail/init")
    objective = Sigmoid(logit_scale=10.0)
    head = build_head(HeadConfig("norm-mlp", 6, 5))
    head.initialise(torch.Generator().manual_seed(0))
    assert isinstance(head, StarHead)
    biases = max(float(layer.bias.detach().abs().max()) for layer in (head.first, head.third))
    hidden = head.first.out_features / head.first.in_features
    assert_golden([objective.log_scale.item(), objective.bias.item(), biases, hidden], "sail/init")
    assert (theta, bias, largest, width) == pytest.approx((np.log(10), -10, 0, 4))


KINDS = {
    "linear": {},
    "mlp": {"hidden": 7},
    "star": {"width": 2},
    "norm-mlp": {},
    "norm-linear": {},
    "low-rank": {"rank": 3, "dropout": 0.1, "gate": 0.5},
    "projector": {"role": "text", "tokens": False, "hidden": 7, "dropout": 0.1},
}


def drawn(kind: str, seed: int, **settings: object) -> Head:
    head = build_head(HeadConfig(kind, 6, 5, KINDS[kind] | settings))
    head.initialise(torch.Generator().manual_seed(seed))
    return head.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_alone_decides_the_weights_and_the_config_rebuilds_the_head(
    kind: str,
) -> None:
    rows = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(11)
    first = drawn(kind, 0)
    torch.manual_seed(22)
    same, other = drawn(kind, 0), drawn(kind, 1)
    np.testing.assert_array_equal(first(rows).detach(), same(rows).detach())
    assert not np.allclose(first(rows).detach(), other(rows).detach())
    again = build_head(HeadConfig.of(first.config.to_dict())).eval()
    again.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(first(rows).detach(), again(rows).detach())
    np.testing.assert_allclose(first(rows).detach().norm(dim=1), 1, atol=1e-5)


def test_the_low_rank_head_starts_orthogonal_and_its_branch_can_open() -> None:
    head = drawn("low-rank", 0).train()
    head.draw_from(torch.Generator().manual_seed(0))
    weight = head.linear.weight.detach()
    np.testing.assert_allclose(weight @ weight.T, np.eye(5), atol=1e-5)
    rows = torch.randn(9, 6)
    np.testing.assert_allclose(head.project(rows).detach(), (rows @ weight.T), atol=1e-5)
    head.project(rows).square().sum().backward()
    assert head.up.weight.grad.abs().max() > 0, "the gate is shut"


def test_dropout_draws_from_its_generator_and_keeps_the_mean() -> None:
    dropout = Dropout(0.25)
    rows = torch.ones(200, 100)
    dropout.generator = torch.Generator().manual_seed(3)
    first = dropout(rows)
    state = torch.get_rng_state()
    dropout.generator.manual_seed(3)
    assert torch.equal(first, dropout(rows)) and not torch.equal(first, dropout(rows))
    assert torch.equal(state, torch.get_rng_state()), "torch's own generator was used"
    np.testing.assert_allclose(first.unique(), [0, 1 / 0.75], rtol=1e-6)
    assert abs(float(first.mean()) - 1) < 0.02
    assert torch.equal(dropout.eval()(rows), rows)


def tokens(seed: int = 0) -> tuple[TokenBatch, TokenBatch]:
    """Three items of 4, 1 and 2 tokens; the same padded further, with junk in the padding."""
    draw = np.random.default_rng(seed)
    lengths = np.array([4, 1, 2])
    rows = TokenRows(draw.normal(size=(7, 6)).astype(np.float32), lengths)
    batch = as_inputs(rows.take(np.arange(3)))
    assert isinstance(batch, TokenBatch)
    junk = torch.full((3, 2, 6), 9.0)
    values = torch.where(batch.mask[..., None], batch.values, 9.0)
    mask = torch.cat([batch.mask, torch.zeros(3, 2, dtype=torch.bool)], 1)
    return batch, TokenBatch(torch.cat([values, junk], 1), mask)


@pytest.mark.parametrize("role", ["image", "text"])
def test_padding_changes_nothing(role: str) -> None:
    head = drawn("projector", 0, role=role, tokens=True)
    plain, padded = tokens()
    assert torch.isfinite(head(plain)).all()
    np.testing.assert_allclose(head(plain).detach(), head(padded).detach(), atol=1e-6)


def test_an_images_first_token_has_a_projector_of_its_own() -> None:
    head = drawn("projector", 0, role="image", tokens=True)
    assert isinstance(head, ProjectorHead) and head.whole is not None
    batch, _ = tokens()
    shared = head.project(batch).detach()
    patches = head.projector(batch.values[0, 1:]).mean(0) + head.whole(batch.values[0, 0])
    np.testing.assert_allclose(shared[0], patches.detach(), atol=1e-5)
    np.testing.assert_allclose(shared[1], head.whole(batch.values[1, 0]).detach(), atol=1e-5)


def test_a_texts_tokens_are_averaged_and_pass_the_second_map() -> None:
    head = drawn("projector", 0, role="text", tokens=True)
    batch, _ = tokens()
    straight = head.straight(head.projector(batch.values[2, :2]).mean(0))
    expected = head.norm(head.second(nn.functional.gelu(straight)) + straight)
    np.testing.assert_allclose(head.project(batch)[2].detach(), expected.detach(), atol=1e-5)


def test_tokens_and_vectors_are_not_confused() -> None:
    batch, _ = tokens()
    with pytest.raises(ValueError, match="every token's features"):
        drawn("projector", 0)(batch)
    with pytest.raises(ValueError, match="one vector"):
        drawn("projector", 0, tokens=True)(batch.values[:, 0])


def test_features_of_other_scales_are_standardised_for_the_low_rank_head() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    plain, scaled = drawn("low-rank", 0), drawn("low-rank", 0)
    plain.prepare(FeatureRows(rows))
    scaled.prepare(FeatureRows(rows * 100 + 7))
    first, second = plain(torch.tensor(rows)), scaled(torch.tensor(rows * 100 + 7))
    np.testing.assert_allclose(first.detach(), second.detach(), atol=1e-3)
