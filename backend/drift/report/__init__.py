"""The drift report: games beside each other as one file that needs nothing else.

document   what is told: headings, sentences, tables, curves, film strips
plots      curves with intervals as lines, areas and words, for both formats
telling    games made into a document
html       a document as one page, without a script; pdf  the same on paper
"""
