"""What a person sees. Talks to :mod:`backend.services` only."""
