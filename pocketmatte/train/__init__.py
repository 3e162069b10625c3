"""Training (needs torch and Lightning Fabric)."""
