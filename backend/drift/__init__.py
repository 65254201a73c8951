"""Semantic drift: chains that go from one modality to the other and back, generation by generation."""
