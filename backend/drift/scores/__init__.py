"""How much of generation 0 is left, generation by generation.

similarity    cosines to generation 0, to the step before, and between two chains of one seed item
cumulative    curves with intervals, mean cumulative drift, two runs compared
rate          the semantic drift rate: an exponential decay fitted to a curve
prompts       GenEval's metadata, read and checked
boxes         overlap, non-maximum suppression, how two boxes stand to each other
geneval       verdicts from detections, multi-generation GenEval
scenes        which attributes of a built-in scene a later generation has kept
survival      how long each of them is kept
"""
