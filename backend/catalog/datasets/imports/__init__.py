"""Data sets that are brought in: zips that are uploaded, data sets of the Hub that are streamed."""
