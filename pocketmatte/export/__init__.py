"""Writing weight files for phones and proving that they compute what the trained network computes (needs torch)."""
