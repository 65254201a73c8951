"""Runs and their results: the database, the durable jobs, and the worker that carries them out.

models, database, migrations   the tables and how they are opened
store                          what services ask and change (plain schemas go out)
journal, progress              what an executing run writes about itself
pipeline, execution            the steps of a run, and how they are carried out and told
jobs                           the queue, seen from outside (DBOS client)
worker, supervisor             the process that carries jobs out, and the one that watches it
"""
