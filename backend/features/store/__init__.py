"""The feature store: every item is encoded once by each encoder."""

from __future__ import annotations

from backend.features.store.feature_store import FeatureStore, Stored

__all__ = ["FeatureStore", "Stored"]
