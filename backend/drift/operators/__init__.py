"""What makes the next generation of a chain: a picture of a text, or a text of a picture.

base         the two protocols, and the seed of a step
choosing     whether an operator can be what it was chosen for; opening  opens it
renderer     draws the built-in world: exact, so that what drifts is the understanding alone
decoding     reads the run's own space out as words (:mod:`backend.drift.decoder`)
janus        Janus and Janus-Pro, both ways; diffusion  pipelines of diffusers
captioner    Florence-2, BLIP and GIT
endpoint     a service by its address; sending  how it is asked
loading      models of transformers, safetensors alone; drawing  what a seed alone decides
"""
