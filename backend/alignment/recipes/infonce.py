"""Linear and MLP heads with symmetric InfoNCE.

The loss is van den Oord et al. 2018 in CLIP's two-sided form (Radford et al. 2021) with a learned
temperature. The mlp variant adds a hidden layer beside the linear map, as in freeze-align's projector
(Maniparambil et al. 2025).

Recipe: standardise by training statistics; batches never hold two captions of one image; AdamW with
warm-up and cosine; a little feature noise against overfitting; best epoch by mean recall on validation.
"""

from __future__ import annotations

import torch
from torch import nn

from backend.alignment.base import Alignment
from backend.alignment.heads import Head, HeadConfig
from backend.alignment.methods import Context
from backend.alignment.pairs import PairedFeatures
from backend.alignment.training import TrainingConfig, train


def fit(
    method_id: str, train_pairs: PairedFeatures, val: PairedFeatures, context: Context
) -> Alignment:
    """Trains the two heads; see :func:`backend.alignment.methods.fit`."""
    options = context.options
    hidden = int(options.get("hidden", 0))
    heads = nn.ModuleDict()
    generator = torch.Generator().manual_seed(context.seed)
    for side, features in (("image", train_pairs.image), ("text", train_pairs.text)):
        head = Head(
            HeadConfig(
                kind="mlp" if hidden else "linear",
                inputs=features.shape[1],
                outputs=int(options["dimension"]),
                hidden=hidden,
            )
        )
        head.initialise(generator)
        head.standardise_by(features)
        heads[side] = head
    details = train(
        heads,
        train_pairs,
        val,
        TrainingConfig(
            epochs=int(options["epochs"]),
            least_steps=int(options["least_steps"]),
            batch=int(options["batch"]),
            learning_rate=float(options["learning_rate"]),
            weight_decay=float(options["weight_decay"]),
            noise=float(options["noise"]),
            patience=int(options["patience"]),
        ),
        context.seed,
        context.device,
        context.folder,
        context.report,
        context.on_metrics,
    )
    image, text = heads["image"], heads["text"]
    assert isinstance(image, Head) and isinstance(text, Head)
    return Alignment(method_id, {"image": image.cpu(), "text": text.cpu()}, details)
