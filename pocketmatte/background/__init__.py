"""Cutting people out before a camera that stands still, by what the empty scene looks like."""
