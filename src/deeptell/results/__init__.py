"""Models are measured, and all that a results page says of them is gathered and written."""
