"""Objectives: what trained methods minimise. One file a family."""

from backend.alignment.objectives.contrastive import TEMPERATURES, InfoNCE, Siblings, Sigmoid
from backend.alignment.objectives.matching import DistributionMatching
from backend.alignment.objectives.mixing import FuseMix
from backend.alignment.objectives.redundancy import Redundancy
from backend.alignment.objectives.structure import Regulariser, Structured
from backend.alignment.objectives.transport import TeacherPlan, Transport
from backend.alignment.objectives.unpaired import UnpairedBatches

__all__ = [
    "TEMPERATURES",
    "DistributionMatching",
    "FuseMix",
    "InfoNCE",
    "Redundancy",
    "Regulariser",
    "Siblings",
    "Sigmoid",
    "Structured",
    "TeacherPlan",
    "Transport",
    "UnpairedBatches",
]
