"""Scores become numbers: figures, their intervals, and the points at which a verdict is given."""
