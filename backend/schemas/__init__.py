"""What passes through the door (:mod:`backend.services`): frozen, plain, importable in milliseconds.

Pictures and vectors never pass as objects but as paths and ids; the map's coordinates pass as NumPy arrays.
``image`` and ``text`` are the two sides of a pair: the items, and what is said of them. Where a data
set's items are not images, the side keeps its name and :data:`Modality` says what they are.
"""

from __future__ import annotations

from backend.schemas.assessment import (
    AlignmentScore,
    AssessmentReport,
    AssessmentRequest,
    Correlation,
    EncoderAssessment,
    Share,
)
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
from backend.schemas.compositional import (
    SHOWN_EXAMPLES,
    CompositionalExample,
    CompositionalKind,
    CompositionalReport,
    CompositionalRequest,
    CompositionalShare,
    CompositionalSubset,
    CompositionalTask,
)
from backend.schemas.diagnosing import (
    Balance,
    BalanceSegment,
    ConflictReport,
    CounterfactualReport,
    CounterfactualShift,
    MismatchedCaption,
    MismatchReport,
    Proportion,
    Quartiles,
    Slice,
    SliceReport,
    Swap,
)
from backend.schemas.drift import Cycle, CycleStep
from backend.schemas.evaluations import (
    CounterfactualRequest,
    Evaluation,
    EvaluationKind,
    EvaluationSummary,
    GapRequest,
    LayerMap,
    SimilarityRequest,
    SimilarityResult,
)
from backend.schemas.exploring import Colouring, Hit, Item, MapView, Neighbours, SearchResult
from backend.schemas.gap import GapPoint, GapReport, GapScore
from backend.schemas.geometry import GeometryReport, SideGeometry
from backend.schemas.inspection import InspectionState
from backend.schemas.leaderboard import (
    HitRatio,
    Leaderboard,
    LeaderboardCell,
    LeaderboardRow,
    Varied,
)
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
from backend.schemas.similarity import (
    LayerMeasure,
    LayerSimilarity,
    Similarity,
    SimilarityMeasure,
    SimilarityReport,
)
from backend.schemas.sweeps import SweepCell, SweepDetail, SweepRequest, SweepSummary
from backend.schemas.zero_shot import (
    ClassProbability,
    PromptSet,
    TemplateScore,
    ZeroShotClass,
    ZeroShotReport,
    ZeroShotRequest,
)

__all__ = [
    "CounterfactualRequest",
    "GapRequest",
    "LayerMap",
    "SimilarityRequest",
    "SimilarityResult",
    "AcrossSeeds",
    "AlignmentScore",
    "AssessmentReport",
    "AssessmentRequest",
    "Balance",
    "BalanceSegment",
    "ClassProbability",
    "Colouring",
    "CompositionalExample",
    "CompositionalKind",
    "CompositionalReport",
    "CompositionalRequest",
    "CompositionalShare",
    "CompositionalSubset",
    "CompositionalTask",
    "ConflictReport",
    "Correlation",
    "CounterfactualReport",
    "CounterfactualShift",
    "Cycle",
    "CycleStep",
    "DatasetInfo",
    "DatasetReport",
    "DirectionSpread",
    "EncoderAssessment",
    "EncoderInfo",
    "Estimate",
    "Evaluation",
    "EvaluationKind",
    "EvaluationSummary",
    "Finding",
    "FindingKind",
    "Frozen",
    "GapPoint",
    "GapReport",
    "GapScore",
    "GeometryReport",
    "HeatMap",
    "Hit",
    "HitRatio",
    "ITEM_WORDS",
    "InspectionState",
    "Item",
    "LIVE",
    "LayerMeasure",
    "LayerSimilarity",
    "Leaderboard",
    "LeaderboardCell",
    "LeaderboardRow",
    "MapView",
    "MethodFamily",
    "MethodInfo",
    "MethodOption",
    "MismatchReport",
    "MismatchedCaption",
    "Mistake",
    "Modality",
    "Needs",
    "Neighbours",
    "PairedComparison",
    "PairedDifference",
    "Progress",
    "PromptSet",
    "Proportion",
    "Quartiles",
    "RESUMABLE",
    "RetrievalReport",
    "RetrievalScores",
    "RunDetail",
    "RunRequest",
    "RunSummary",
    "SHOWN_EXAMPLES",
    "SearchResult",
    "Series",
    "Share",
    "Side",
    "SideGeometry",
    "Similarity",
    "SimilarityMeasure",
    "SimilarityReport",
    "Slice",
    "SliceReport",
    "SplitCount",
    "Spread",
    "Status",
    "StoredFeatures",
    "Swap",
    "SweepCell",
    "SweepDetail",
    "SweepRequest",
    "SweepSummary",
    "TemplateScore",
    "Varied",
    "WorkerState",
    "ZeroShotClass",
    "ZeroShotReport",
    "ZeroShotRequest",
]
