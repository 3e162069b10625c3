"""Running exported weight files: one session class per runtime, found by file suffix or by name."""
