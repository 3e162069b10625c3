"""Image maths on NumPy arrays; knows nothing of models."""
