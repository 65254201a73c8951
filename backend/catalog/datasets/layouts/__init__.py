"""The ways in which data sets are stored, one module each, and the choice among them."""
