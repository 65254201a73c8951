"""The built-in world: small rendered scenes whose every attribute is known.

A scene is a graph of one to four objects (:mod:`backend.scenes.graph`). It can be
drawn (:mod:`backend.scenes.render`), told in words (:mod:`backend.scenes.captions`), read back
from words (:mod:`backend.scenes.parsing`) and told wrongly on purpose
(:mod:`backend.scenes.negatives`). The same index gives the same pixels and words on every machine.
"""
