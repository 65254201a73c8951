"""Packed models give the numbers of the models they are made of."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    ConvNextConfig,
    ConvNextModel,
    Dinov2Config,
    Dinov2Model,
    MobileNetV2Config,
    MobileNetV2Model,
    ResNetConfig,
    ResNetModel,
    SiglipVisionConfig,
    SiglipVisionModel,
    T5Config,
    T5EncoderModel,
    ViTConfig,
    ViTModel,
)

from backend.features.models.packed import PackedLinear, pack

_SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 96,
}
_PIXELS = {"image_size": 32, "patch_size": 8}

MODELS: dict[str, Any] = {
    "ViT": lambda: ViTModel(ViTConfig(**_SIZES, **_PIXELS)),
    "CLIP": lambda: CLIPVisionModel(CLIPVisionConfig(**_SIZES, **_PIXELS)),
    "SigLIP": lambda: SiglipVisionModel(SiglipVisionConfig(**_SIZES, **_PIXELS)),
    "DINOv2": lambda: Dinov2Model(
        Dinov2Config(
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            layerscale_value=1.0,
            **_PIXELS,
        )
    ),
    "ConvNeXt": lambda: ConvNextModel(
        ConvNextConfig(hidden_sizes=[64, 64], depths=[1, 1], num_stages=2)
    ),
    "ResNet": lambda: ResNetModel(
        ResNetConfig(embedding_size=8, hidden_sizes=[16, 32], depths=[2, 1], layer_type="basic")
    ),
    "ResNet of bottlenecks": lambda: ResNetModel(
        ResNetConfig(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 1])
    ),
    "MobileNetV2": lambda: MobileNetV2Model(MobileNetV2Config(depth_multiplier=0.35)),
    "BERT": lambda: BertModel(BertConfig(vocab_size=50, **_SIZES)),
    "T5": lambda: T5EncoderModel(
        T5Config(vocab_size=50, d_model=64, d_kv=32, d_ff=96, num_layers=2, num_heads=2)
    ),
    "T5, gated": lambda: T5EncoderModel(
        T5Config(
            vocab_size=50,
            d_model=64,
            d_kv=32,
            d_ff=96,
            num_layers=2,
            num_heads=2,
            feed_forward_proj="gated-gelu",
        )
    ),
}

#: models whose feed-forward part is a linear layer and a GELU under names that are known
FUSED = {
    "ResNet": 0,
    "MobileNetV2": 0,
    "ViT": 2,
    "SigLIP": 3,
    "DINOv2": 2,
    "BERT": 2,
    "CLIP": 0,
    "ConvNeXt": 0,
}


@pytest.mark.parametrize("name", MODELS)
def test_a_packed_model_gives_the_same(name: str) -> None:
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    for parameter in model.parameters():  # away from zero, where every model is the same
        nn.init.normal_(parameter, std=0.2)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    packed = copy.deepcopy(model)
    kinds = [type(module) for module in model.modules()]
    assert pack(packed) >= 0.6 * kinds.count(nn.Linear) + kinds.count(nn.BatchNorm2d)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in packed.modules())
    fused = sum(
        isinstance(module, PackedLinear) and module._how[0] == "gelu" for module in packed.modules()
    )
    assert fused == FUSED.get(name, fused)
    generator = torch.Generator().manual_seed(1)
    for count, length in ((1, 1), (3, 7), (17, 40)):
        inputs = (
            {"input_ids": torch.randint(0, 50, (count, length), generator=generator)}
            if name.startswith(("BERT", "T5"))
            else {"pixel_values": torch.randn(count, 3, 32, 32, generator=generator)}
        )
        with torch.inference_mode():
            wanted = model(**inputs).last_hidden_state
            found = packed(**inputs).last_hidden_state
        scale = wanted.abs().max()
        assert (found - wanted).abs().max() <= 1e-5 * scale


def test_what_looks_like_a_feed_forward_part_and_is_none_is_left_alone() -> None:
    class Crossed(nn.Module):
        """Its normalisation is of the input, whatever the order of its parts."""

        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(5, 5, 1), nn.BatchNorm2d(5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.convolution(self.norm(x))

    crossed = Crossed().eval()
    nn.init.uniform_(crossed.norm.running_mean, 1, 2)
    assert pack(crossed) == 0 and isinstance(crossed.norm, nn.BatchNorm2d)

    class Residual(nn.Module):
        """Uses the linear layer's output before the activation, too."""

        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.act = nn.Linear(64, 64), nn.GELU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden = self.fc1(x)
            return self.act(hidden) + hidden

    class Looking(nn.Module):
        """Takes the weights without calling the layer."""

        def __init__(self) -> None:
            super().__init__()
            self.proj, self.residual = nn.Linear(64, 80, bias=False), Residual()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.linear(self.residual(x), self.proj.weight)

    torch.manual_seed(0)
    model = Looking().eval()
    packed = copy.deepcopy(model)
    assert pack(packed) == 2
    x = torch.randn(5, 64)
    with torch.inference_mode():
        torch.testing.assert_close(packed(x), model(x), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(packed.proj.weight, model.proj.weight, rtol=0, atol=0)


def test_small_layers_and_other_precisions_are_left_alone() -> None:
    assert pack(nn.Sequential(nn.Linear(8, 512))) == 0
    assert pack(nn.Sequential(nn.Linear(128, 128).half())) == 0
