"""Similarities to anchors: an item is told by how near it is to items that both sides know."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from backend.alignment.heads.base import Head, HeadConfig, Inputs

_CELLS: Final = 2**22  # similarities worked on at once


class AnchorsHead(Head):
    """Kind ``anchors``: r(x)_j = similarity of x to anchor j, made sparse and sharp, then of length one.

    The anchors are training pairs, the j-th of one side belonging to the j-th of the other, kept raw
    and as narrow as loses nothing (features are stored in float16 where they fit). Similarities are
    cosines. Rows are worked on a few at a time, so beside the result only megabytes are held.

    Settings:
        non_zeros: largest similarities kept, the others are 0; 0 keeps all.
        exponent: each is raised to it.
        negatives: ``zero`` turns negative ones to 0 (ASIF), ``keep`` leaves them (relative
            representations; the exponent is then 1).
        precision: ``float16`` or ``float32``, of the anchors.
    """

    anchors: Tensor
    mean: Tensor

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config)
        settings = config.settings
        self._non_zeros = min(int(settings["non_zeros"]), config.outputs) or config.outputs
        self._exponent = float(settings["exponent"])
        self._clamp = settings["negatives"] == "zero"
        if not self._clamp and self._exponent != 1:
            raise ValueError("negative similarities have no power; set them to zero")
        dtype = torch.float16 if settings["precision"] == "float16" else torch.float32
        self.register_buffer("anchors", torch.zeros(config.outputs, config.inputs, dtype=dtype))
        self.register_buffer("mean", torch.zeros(config.inputs))

    def project(self, inputs: Inputs) -> Tensor:
        """(n, inputs) -> (n, anchors): the powers themselves, as ASIF's released code has its images."""
        return self._relative(inputs, unit_rows=False)

    def forward(self, inputs: Inputs) -> Tensor:
        return self._relative(inputs, unit_rows=True)

    def _relative(self, inputs: Inputs, unit_rows: bool) -> Tensor:
        assert isinstance(inputs, Tensor)
        mean = self.mean.to(inputs.dtype)
        anchors = F.normalize(self.anchors.to(inputs.dtype) - mean, dim=-1)
        result = inputs.new_empty(len(inputs), len(anchors))
        step = max(1, _CELLS // len(anchors))
        for start in range(0, len(inputs), step):
            rows = F.normalize(inputs[start : start + step] - mean, dim=-1)
            result[start : start + step] = self._sharpened(rows @ anchors.T, unit_rows)
        return result

    def _sharpened(self, similarities: Tensor, unit_rows: bool) -> Tensor:
        if self._clamp:
            similarities = similarities.clamp_min(0)
        if unit_rows:  # first, lest a high power of small numbers comes out as 0
            largest = similarities.abs().amax(dim=-1, keepdim=True)
            similarities = similarities / torch.where(largest > 0, largest, 1.0)
        if self._non_zeros < similarities.shape[1]:
            values, where = similarities.topk(self._non_zeros, dim=-1)
            similarities = torch.zeros_like(similarities).scatter_(-1, where, values)
        if self._exponent != 1:
            similarities = similarities**self._exponent
        return F.normalize(similarities, dim=-1) if unit_rows else similarities


def anchors_head(
    anchors: NDArray[np.floating],
    mean: NDArray[np.floating] | None = None,
    non_zeros: int = 0,
    exponent: float = 1.0,
    negatives: str = "zero",
) -> AnchorsHead:
    """A head from anchors.

    Args:
        anchors: (outputs, inputs) raw features.
        mean: (inputs,) subtracted from anchors and items; None: nothing.
        non_zeros, exponent, negatives: see :class:`AnchorsHead`.
    """
    full = torch.from_numpy(np.array(anchors, np.float32))
    half = full.to(torch.float16)
    lossless = torch.equal(half.to(torch.float32), full)
    settings = {
        "non_zeros": non_zeros,
        "exponent": exponent,
        "negatives": negatives,
        "precision": "float16" if lossless else "float32",
    }
    head = AnchorsHead(HeadConfig("anchors", full.shape[1], full.shape[0], settings))
    head.anchors.copy_(half if lossless else full)
    if mean is not None:
        head.mean.copy_(torch.from_numpy(np.asarray(mean)))
    head.eval()
    return head
