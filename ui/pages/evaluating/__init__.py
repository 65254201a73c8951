"""Evaluate: what a run's space is worth beyond its own retrieval scores.

page       the page with its parts
job_part   a part whose evaluations are jobs: a form, what was measured, the opened result
"""
