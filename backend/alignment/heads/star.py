"""SAIL's heads: LayerNorm, then a gated ("star"), a plain hidden or a linear map."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torch.nn import functional as F

from backend.alignment.heads.base import Head, HeadConfig, Inputs

#: hidden activations are clipped to plus and minus this
_CLIP: Final = 1e3
#: SAIL's MLP is four times as wide as its input
_MLP_WIDTH: Final = 4


class StarHead(Head):
    """Normalises each row by itself (LayerNorm, eps 1e-5), then maps it; Zhang et al. 2025 (SAIL).

    Kind ``star``: W3 (ReLU6(clip(W1 x)) * clip(W2 x)), W1 and W2 ``width`` (8 in the paper) times as
    wide as the input. Kind ``norm-mlp``: Linear - GELU - Linear, four times as wide. Kind
    ``norm-linear``: one Linear, the head of SAIL's alignment probe. All have biases. Nothing is
    brought to length one before; afterwards it is, as everywhere here. The released code also stops
    at NaN or Inf in every forward pass; here the loop looks at the loss.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config)
        self.norm = nn.LayerNorm(config.inputs)
        hidden = config.inputs * (
            int(config.settings["width"]) if config.kind == "star" else _MLP_WIDTH
        )
        first = config.outputs if config.kind == "norm-linear" else hidden
        self.first = nn.Linear(config.inputs, first)
        if config.kind == "star":
            self.second = nn.Linear(config.inputs, hidden)
        if config.kind != "norm-linear":
            self.third = nn.Linear(hidden, config.outputs)

    def project(self, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, Tensor)
        normal = self.norm(inputs)
        shared: Tensor = self.first(normal)
        if self.config.kind == "norm-mlp":
            shared = self.third(F.gelu(shared))
        elif self.config.kind == "star":
            gate = self.second(normal).clamp(-_CLIP, _CLIP)
            # clipping the first map as well changes nothing: ReLU6 ends at 6
            shared = self.third(F.relu6(shared) * gate)
        return shared
