"""Evaluations beyond a run's own retrieval scores: kept, queued, carried out.

rows           the table: what is asked of it, and what an executing attempt writes
opened         a finished run, opened so that other items can be put into its space
kinds          what each kind of evaluation does, by name
carrying_out   one attempt, from its row to its result
"""
