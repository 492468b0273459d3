"""Why: where a model looked."""
