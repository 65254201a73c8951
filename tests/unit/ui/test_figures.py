"""What is sent to the browser is what the services gave."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from backend.schemas import Frames, RunDetail, RunRequest, RunSummary, Series
from ui import figures


def test_a_long_series_is_thinned_and_keeps_its_ends() -> None:
    steps = tuple(range(50_000))
    x, y = figures.thinned(Series(name="train/loss", steps=steps, values=steps))
    assert len(x) <= 600
    assert (x[0], x[-1], y[0], y[-1]) == (0, 49_999, 0, 49_999)


def test_stops_stand_on_the_curves_where_their_loss_was_told() -> None:
    """The loss told with step n + 1 is that of the heads after n steps."""
    request = RunRequest(dataset="d", image_encoder="i", text_encoder="t")
    made = {"id": "r-1", "name": "a run", "status": "finished", "seed": 0, "demonstration": False}
    summary = RunSummary(
        **made, dataset="d", image_encoder="i", text_encoder="t", method="linear-infonce", test=None,
        created_at=datetime.now(UTC), finished_at=None, progress=None, queue_position=None, error=None,
    )  # fmt: skip
    loss = Series(name="train/loss", steps=(1, 6, 11, 101), values=(4.0, 3.0, 2.0, 1.0))
    run = RunDetail(
        summary=summary, request=request, configuration={}, versions={}, command="", retrieval={},
        series=(loss, Series(name="seed 1/train/loss", steps=(1,), values=(9.0,))),
    )  # fmt: skip
    recalls = [
        {"text_to_image/recall_at_1": 0.1 * at, "image_to_text/recall_at_1": 0.2 * at}
        for at in range(4)
    ]
    frames = Frames(
        run="r-1", kind="training", points=np.arange(3, dtype=np.int32), images=1, total=3,
        stops=(0.0, 8.0, 16.0, 17.0), names=("a", "b", "c", "d"), xy=np.zeros((4, 3, 2), np.float32),
        figures=tuple({**told, "train/loss": 1.5} for told in recalls), split="Validation split",
    )  # fmt: skip
    drawn, recall = figures.training_curves(run, frames, "group")["plots"]
    assert drawn["cursor"]["at"] == recall["cursor"]["at"] == [1, 9, 17, 18]
    assert [line["x"] for line in drawn["series"]] == [[1, 6, 11, 101]]
    assert [line["y"] for line in recall["series"]] == [
        [r[name] for r in recalls] for name in recalls[0]
    ]
    assert (
        recall["cursor"]["said"][1] == "10.0 % · 20.0 %" and drawn["cursor"]["said"] == ["1.5"] * 4
    )
    # the axis reaches to the end of the loss; names that would lie over each other are left out
    assert drawn["ticks"] == [[1, "0"], [9, "8"], [17, "16"], [18, ""], [101, "100"]]
    assert drawn["cursor"]["group"] == "group" and recall["note"].startswith("Validation split")
