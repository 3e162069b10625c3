"""Measuring time and memory of the same objects that applications use: pipeline, sessions, single operators."""
