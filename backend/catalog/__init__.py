"""What can be picked: data sets and encoders, as data. Nothing here imports torch."""
