"""deeptell finds the tell in video: was a person manipulated, who, when, how sure, and why."""

__version__ = "0.1.0"
