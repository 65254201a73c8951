"""One file a method: the paper, the defaults, and the steps from paired features to two heads."""
