"""Layouts of a gallery: which points are drawn, and where.

requests     what is asked for, in one form and in words; the names of its files
sampling     which points of a large gallery are drawn
graphs       whose neighbours are drawn near each other
pca, umaps   the layout that is there at once; UMAP of a graph (fuzzy: its memberships)
projecting   every method behind one call
fitting      one map laid over another by Procrustes' method
placing      where a query lands on a map, and points that another map lacks
quality      how far a layout can be believed
stored       layouts on disk
"""
