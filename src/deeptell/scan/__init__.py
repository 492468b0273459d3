"""A video becomes a verdict."""
