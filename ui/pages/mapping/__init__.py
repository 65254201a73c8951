"""Map: both modalities of a run in the plane or in space; a click shows neighbours in both."""
