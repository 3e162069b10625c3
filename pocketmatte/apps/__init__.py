"""The outer layer: command line and the one-call Python API."""
