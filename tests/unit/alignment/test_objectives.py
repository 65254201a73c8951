"""Objectives against the dense formulas, and published totals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backend.alignment.heads import AffineHead, HeadConfig
from backend.alignment.objectives import (
    DistributionMatching,
    FuseMix,
    InfoNCE,
    Redundancy,
    Regulariser,
    Sigmoid,
    Structured,
    TeacherPlan,
    Transport,
    UnpairedBatches,
)
from backend.alignment.pairs import Unpaired
from backend.alignment.training import Batch, Objective, Step
from tests.unit.golden import arrays, assert_golden

OWNER = torch.tensor([0, 1, 2, 3, 1, 4, 0, 5])


def heads() -> nn.ModuleDict:
    both = nn.ModuleDict()
    for number, (side, width) in enumerate((("image", 6), ("text", 7))):
        head = AffineHead(HeadConfig("linear", width, 5))
        head.initialise(torch.Generator().manual_seed(number))
        both[side] = head
    return both.double()


def rows(count: int, width: int, seed: int) -> Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(size=(count, width)))


def step_of(
    objective: Objective,
    owner: Tensor = OWNER,
    number: int = 0,
    total: int = 100,
    extra: bool = False,
) -> Step:
    """A step of eight pairs, prepared as the loop does."""
    both, count = heads(), len(owner)
    more = rows(count, 7, 9) if extra else None
    batch = Batch(rows(count, 6, 0), rows(count, 7, 1), owner, more)
    batch = objective.prepare(batch, torch.Generator().manual_seed(0))
    image, text = both["image"](batch.image), both["text"](batch.text)
    if not objective.unit_rows:
        image, text = both["image"].project(batch.image), both["text"].project(batch.text)
    return Step(number, batch, image, text, both, torch.float64, total)


def test_info_nce_with_and_without_siblings() -> None:
    def dense(how: str) -> Tensor:
        step = step_of(InfoNCE())
        logits = step.image @ step.text.T / 0.07
        same = OWNER[:, None] == OWNER[None, :]
        own = torch.eye(len(OWNER), dtype=torch.bool)
        total = torch.zeros(())
        for one in (logits, logits.T):
            top = one.masked_fill(~(same if how == "positive" else own), -torch.inf)
            bottom = one.masked_fill(same & ~own, -torch.inf) if how == "mask" else one
            total = total + (bottom.logsumexp(1) - top.logsumexp(1)).mean() / 2
        return total

    for how in ("apart", "mask", "positive"):
        objective = InfoNCE(siblings=how).double()
        np.testing.assert_allclose(
            objective(step_of(objective)).item(), dense(how).item(), rtol=1e-6
        )
    assert dense("mask") != dense("positive") != dense("apart")


def test_a_fixed_temperature_is_not_learned_and_a_learned_one_keeps_its_bounds() -> None:
    fixed = InfoNCE(20.0, learned=False)
    assert not any(parameter.requires_grad for parameter in fixed.parameters())
    learned = InfoNCE(20.0, bounds=(0.7, 1.5))
    with torch.no_grad():
        learned.log_scale.fill_(9.0)
        learned.clamp()
    assert learned.told()["logit_scale"] == pytest.approx(np.exp(1.5))


def test_sigmoid_with_extra_captions_is_the_mean_of_both_captions_losses() -> None:
    def dense(image: Tensor, text: Tensor) -> Tensor:
        sign = torch.where(OWNER[:, None] == OWNER[None, :], 1.0, -1.0)
        return -F.logsigmoid(sign * (20 * image @ text.T - 10)).mean()

    objective = Sigmoid(extra=True).double()
    assert objective.extra_captions and not Sigmoid().extra_captions
    step = step_of(objective, extra=True)
    extra = step.embed("text", step.batch.extra)
    expected = (dense(step.image, step.text) + dense(step.image, extra)) / 2
    np.testing.assert_allclose(objective(step).item(), expected.item(), rtol=1e-6)


def test_distribution_matching() -> None:
    objective = DistributionMatching(0.1).double()
    step = step_of(objective)
    same = (OWNER[:, None] == OWNER[None, :]).double()
    label = same / same.sum(1, keepdim=True)
    logits = step.image @ step.text.T / 0.1
    expected = sum(
        (one.softmax(1) * (one.log_softmax(1) - (label + 1e-8).log())).sum(1).mean()
        for one in (logits, logits.T)
    )
    np.testing.assert_allclose(objective(step).item(), expected.item(), rtol=1e-6)


def test_redundancy_sees_projections_before_they_are_brought_to_length_one() -> None:
    objective = Redundancy(0.01)
    step = step_of(objective)
    scored = [(one - one.mean(0)) / one.std(0) for one in (step.image, step.text)]
    c = scored[0].T @ scored[1] / len(OWNER)
    weights = torch.full_like(c, 0.01).fill_diagonal_(1)
    expected = (weights * (c - torch.eye(5)).square()).sum()
    np.testing.assert_allclose(objective(step).item(), expected.item(), rtol=1e-9)
    assert (step.image.norm(dim=1) - 1).abs().max() > 0.01


class Given(Objective):
    """A base loss of a given value."""

    def forward(self, step: Step) -> Tensor:
        return torch.zeros((), dtype=torch.float64)


@pytest.mark.parametrize(("levels", "name"), [(1, "L1_none"), (3, "L3_inverse")])
@pytest.mark.parametrize("number", [0, 250, 500, 1000, 1500])
def test_the_total_and_its_gradient_are_structures(levels: int, name: str, number: int) -> None:
    data = arrays()
    image = torch.tensor(data["s_ax"], requires_grad=True)
    text = torch.tensor(data["s_ay"], requires_grad=True)
    regulariser = Regulariser(
        warmup=1000, levels=levels, weighting="none" if levels == 1 else "inverse"
    )
    base = InfoNCE(20.0, learned=False).double()
    with torch.no_grad():
        base.log_scale.fill_(np.log(20.0))
    objective = Structured(base, regulariser)
    batch = Batch(torch.tensor(data["s_x"]), torch.tensor(data["s_y"]), torch.arange(64))
    unit_rows = F.normalize(image, dim=1), F.normalize(text, dim=1)
    loss = objective(Step(number, batch, *unit_rows, heads(), torch.float64, 10_000))
    loss.backward()
    entry = f"structure/total/{name}/step{number}"
    assert_golden(loss.item(), f"{entry}/overall")
    assert_golden(image.grad.norm().item(), f"{entry}/grad_image/norm")
    assert_golden(image.grad.flatten()[:5].numpy(), f"{entry}/grad_image/first5")
    assert_golden(text.grad.norm().item(), f"{entry}/grad_text/norm")
    assert_golden(text.grad.flatten()[:5].numpy(), f"{entry}/grad_text/first5")


def test_a_short_training_warms_up_in_a_tenth_of_its_steps() -> None:
    own = Regulariser(weight=10.0)
    assert own.weight_at(0, 400) == 0
    assert own.weight_at(20, 400) == pytest.approx(5) and own.weight_at(40, 400) == 10
    assert own.weight_at(500, 100_000) == pytest.approx(5), "the paper's thousand steps"
    assert Regulariser(warmup=50).weight_at(25, 400) == pytest.approx(5)


def unpaired(batch: int = 4) -> UnpairedBatches:
    return UnpairedBatches(
        Unpaired(rows(6, 6, 3).float().numpy(), rows(5, 7, 4).float().numpy()), batch, "cpu"
    )


def test_unpaired_rows_are_drawn_by_the_generator_without_repetition() -> None:
    draws = [unpaired().draw(torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    for first, same, other in zip(*draws, strict=True):
        assert torch.equal(first, same) and not torch.equal(first, other)
        assert len(first) == len(first.unique(dim=0)) == 4
    everything = unpaired(50).draw(torch.Generator().manual_seed(0))
    assert [len(side) for side in everything] == [6, 5]


def test_unpaired_rows_join_the_regulariser_alone() -> None:
    alone = Structured(Given(), Regulariser(warmup=1))
    joined = Structured(Given(), Regulariser(warmup=1), unpaired())
    step = step_of(joined, number=5)
    batch = step.batch
    wide = [
        torch.cat([a.double(), b.double()])
        for a, b in ((batch.image, batch.unpaired_image), (batch.text, batch.unpaired_text))
    ]
    both = heads()
    whole = Step(
        5, Batch(*wide, OWNER), both["image"](wide[0]), both["text"](wide[1]), both, torch.float64
    )
    more = joined(_double(step))
    np.testing.assert_allclose(more.item(), alone(whole).item(), rtol=1e-6)
    assert abs(more.item() - alone(step_of(alone, number=5)).item()) > 1e-6


def _double(step: Step) -> Step:
    """Unpaired rows come as float32; these heads are float64."""
    batch = step.batch
    raw = Batch(
        batch.image,
        batch.text,
        batch.owner,
        None,
        batch.unpaired_image.double(),
        batch.unpaired_text.double(),
    )
    return Step(step.number, raw, step.image, step.text, step.heads, step.dtype, step.total)


def teacher() -> dict[str, AffineHead]:
    both = heads()
    for head in both.values():
        head.initialise(torch.Generator().manual_seed(7))
    return {"image": both["image"], "text": both["text"]}


def plan(kernel: Tensor, epsilon: float) -> Tensor:
    kernel = (kernel / epsilon).exp()
    right = torch.ones(kernel.shape[1], dtype=kernel.dtype)
    for _ in range(3000):
        left = 1 / kernel.shape[0] / (kernel @ right)
        right = 1 / kernel.shape[1] / (kernel.T @ left)
    return left[:, None] * kernel * right


@pytest.mark.parametrize("with_unpaired", [True, False])
def test_sotalign_is_a_rectangular_sigmoid_and_a_plan_like_the_teachers(
    with_unpaired: bool,
) -> None:
    how = Transport(pairs=2.0, plan=0.5, epsilon=0.3, epsilon_teacher=0.2, iterations=3000)
    objective = TeacherPlan(teacher(), how, unpaired() if with_unpaired else None).double()
    step = step_of(objective)
    if with_unpaired:
        step = _double(step)
        raw = step.batch.unpaired_image, step.batch.unpaired_text
        image, text = step.embed("image", raw[0]), step.embed("text", raw[1])
        wide = torch.cat([step.text, text]), torch.cat([step.image, image])
    else:
        raw, image, text = (step.batch.image, step.batch.text), step.image, step.text
        wide = step.text, step.image
    pairs = torch.zeros(())
    for one, other in ((step.image, wide[0]), (step.text, wide[1])):
        sign = -torch.ones(len(one), len(other))
        sign[:, : len(OWNER)][OWNER[:, None] == OWNER[None, :]] = 1
        pairs = pairs - F.logsigmoid(sign * (20 * one @ other.T - 10)).mean() / 2
    fixed = objective.teacher
    aim = plan(fixed["image"](raw[0]) @ fixed["text"](raw[1]).T, 0.2).detach()
    own = plan((image @ text.T).detach(), 0.3)
    expected = 2 * pairs + 0.5 * (aim * (aim / own).log()).sum()
    loss = objective(step)
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-4)
    loss.backward()
    assert all(parameter.grad is None for parameter in objective.teacher.parameters())
    assert step.heads["image"].linear.weight.grad.abs().sum() > 0


def test_fusemix_mixes_both_sides_by_one_coefficient() -> None:
    image, text = rows(8, 6, 0), rows(8, 7, 1)
    batch = Batch(image, text, OWNER)
    mixed = FuseMix(1.0).prepare(batch, torch.Generator().manual_seed(0))
    partner = image.roll(1, 0)
    share = ((mixed.image - partner) / (image - partner)).flatten()
    np.testing.assert_allclose(share, share[0].expand(48), rtol=1e-6)
    assert 0 < share[0] < 1
    np.testing.assert_allclose(mixed.text, share[0] * text + (1 - share[0]) * text.roll(1, 0))
    again = FuseMix(1.0).prepare(batch, torch.Generator().manual_seed(0))
    other = FuseMix(1.0).prepare(batch, torch.Generator().manual_seed(1))
    assert torch.equal(again.image, mixed.image) and not torch.equal(other.image, mixed.image)
    plain = FuseMix(0.0).prepare(batch, torch.Generator().manual_seed(0))
    assert torch.equal(plain.image, image)
