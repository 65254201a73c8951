"""Two frozen feature spaces in, one shared space out. One recipe a method, one interface for all."""
