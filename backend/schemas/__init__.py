"""What passes through the door (:mod:`backend.services`): frozen, plain, importable in milliseconds.

Pictures and vectors never pass as objects but as paths and ids; the map's coordinates pass as NumPy arrays.
``image`` and ``text`` are the two sides of a pair: the items, and what is said of them. Where a data
set's items are not images, the side keeps its name and :data:`Modality` says what they are.
"""

from __future__ import annotations

from backend.schemas.base import ITEM_WORDS, LIVE, RESUMABLE, Frozen, Modality, Side, Status
from backend.schemas.catalog import (
    DatasetInfo,
    DatasetReport,
    EncoderInfo,
    Finding,
    FindingKind,
    MethodFamily,
    MethodInfo,
    MethodOption,
    SplitCount,
    StoredFeatures,
)
from backend.schemas.comparing import PairedComparison, PairedDifference
from backend.schemas.drift import Cycle, CycleStep
from backend.schemas.exploring import Colouring, Hit, Item, MapView, Neighbours, SearchResult
from backend.schemas.geometry import GeometryReport, SideGeometry
from backend.schemas.inspection import InspectionState
from backend.schemas.mistakes import Mistake
from backend.schemas.place import WorkerState
from backend.schemas.runs import HeatMap, Needs, Progress, RunDetail, RunRequest, RunSummary, Series
from backend.schemas.scores import (
    AcrossSeeds,
    DirectionSpread,
    Estimate,
    RetrievalReport,
    RetrievalScores,
    Spread,
)
from backend.schemas.sweeps import SweepCell, SweepDetail, SweepRequest, SweepSummary

__all__ = [
    "AcrossSeeds",
    "Colouring",
    "Cycle",
    "CycleStep",
    "DatasetInfo",
    "DatasetReport",
    "DirectionSpread",
    "EncoderInfo",
    "Estimate",
    "Finding",
    "FindingKind",
    "Frozen",
    "GeometryReport",
    "HeatMap",
    "Hit",
    "ITEM_WORDS",
    "InspectionState",
    "Item",
    "LIVE",
    "MapView",
    "MethodFamily",
    "MethodInfo",
    "MethodOption",
    "Mistake",
    "Modality",
    "Needs",
    "Neighbours",
    "PairedComparison",
    "PairedDifference",
    "Progress",
    "RESUMABLE",
    "RetrievalReport",
    "RetrievalScores",
    "RunDetail",
    "RunRequest",
    "RunSummary",
    "SearchResult",
    "Series",
    "Side",
    "SideGeometry",
    "SplitCount",
    "Spread",
    "Status",
    "StoredFeatures",
    "SweepCell",
    "SweepDetail",
    "SweepRequest",
    "SweepSummary",
    "WorkerState",
]
