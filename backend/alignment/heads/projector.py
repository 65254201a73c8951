"""freeze-align's projectors: on every token where there are tokens, else on the pooled vector."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from backend.alignment.heads.base import Dropout, Head, HeadConfig, Inputs, TokenBatch


class TokenProjector(nn.Module):
    """LayerNorm - Dropout - [W0 x + W2 GELU(W1 x)]: a linear map and one with a hidden layer, added.

    Args:
        inputs, outputs: dimensions.
        hidden: width of the hidden layer; that of the outputs in the paper.
        dropout: chance of an entry.
    """

    def __init__(self, inputs: int, outputs: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(inputs)
        self.dropout = Dropout(dropout)
        self.straight = nn.Linear(inputs, outputs)
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, rows: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        normal = self.dropout(self.norm(rows))
        shared: Tensor = self.straight(normal) + self.second(F.gelu(self.first(normal)))
        return shared


class ProjectorHead(Head):
    """Kind ``projector``, after Maniparambil et al. 2025 (freeze-align).

    Settings: ``role`` (image or text), ``tokens``, ``hidden``, ``dropout``.

    - image, tokens: one projector on every token after the first, averaged, plus a projector of its
      own on the first, which stands for the whole picture (CLS). An item of one token has no others.
    - text, tokens: one projector on every token, averaged, then p = W x, LayerNorm(Dropout(W' GELU(p))
      + p).
    - pooled: the projector on the one vector, on the text side with the same map after it.

    Released: hidden = outputs = 1024, dropout 0.1.
    """

    takes_tokens = True

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config)
        settings = config.settings
        self._tokens, self._image = bool(settings["tokens"]), settings["role"] == "image"
        shape = config.inputs, config.outputs, int(settings["hidden"]), float(settings["dropout"])
        self.projector = TokenProjector(*shape)
        self.whole = TokenProjector(*shape) if self._image and self._tokens else None
        if not self._image:
            self.straight = nn.Linear(config.outputs, config.outputs)
            self.second = nn.Linear(config.outputs, config.outputs)
            self.dropout = Dropout(float(settings["dropout"]))
            self.norm = nn.LayerNorm(config.outputs)

    def project(self, inputs: Inputs) -> Tensor:
        if isinstance(inputs, TokenBatch) != self._tokens:
            given = "every token's features" if isinstance(inputs, TokenBatch) else "one vector"
            raise ValueError(f"this head was not fitted on {given} an item")
        shared = self._pooled(inputs)
        if self._image:
            return shared
        straight = self.straight(shared)
        result: Tensor = self.norm(self.dropout(self.second(F.gelu(straight))) + straight)
        return result

    def _pooled(self, inputs: Inputs) -> Tensor:
        if not isinstance(inputs, TokenBatch):
            shared: Tensor = self.projector(inputs)
            return shared
        if self.whole is None:
            return _mean(self.projector(inputs.values), inputs.mask)
        patches = _mean(self.projector(inputs.values[:, 1:]), inputs.mask[:, 1:])
        first: Tensor = self.whole(inputs.values[:, 0])
        return patches + first


def _mean(rows: Tensor, mask: Tensor) -> Tensor:
    """(n, t, d) -> (n, d), over the tokens that there are; 0 where there is none."""
    there = mask.unsqueeze(-1).to(rows.dtype)
    return (rows * there).sum(1) / there.sum(1).clamp(min=1)
