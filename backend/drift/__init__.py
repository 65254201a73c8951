"""Semantic drift: chains that go from one modality to the other and back, generation by generation.

neighbours   the nearest items of a modality, in an order that depends on nothing but the query
measuring    all chains of a game by a backbone: similarities, step to step, floor
cycles       chains by retrieval: in batches, nearest or drawn, resumed as if never broken off
journal      the steps of a game as they were made, in a file that only grows; chains  the same as a table
nearness     a journal that tells how near each step is to the start
retrieving   a game by retrieval, written into its journal
playing      a game by any mix of operators; generating  its chains as they are made; making  one step
operators    what makes the next generation; decoder  from a point of the space to words
attractors   where all chains of nearest items end
folder       chains as the paper's folder of tables and pictures; names  what is called how in it
detectors    what objects a picture shows; colours  the colour of one
scores       how much of generation 0 is left
"""
