"""Drift: chains from one seed at once, games of many, where chains end, and how little moves them."""
