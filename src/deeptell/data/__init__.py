"""Stored faces become batches: manifests, splits, sampling."""
