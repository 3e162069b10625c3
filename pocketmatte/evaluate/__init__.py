"""How good a matte is: pure functions on arrays, and runners that measure any predictor over a folder.

``mask_metrics``, ``matte_metrics`` and ``temporal_metrics`` take arrays; ``runner`` reads pictures and truth one at a
time and fills the tables of ``report``. Nothing here knows what made the prediction.
"""
