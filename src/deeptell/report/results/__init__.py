"""Measured models become a results page, as HTML, Markdown, drawings, JSON and CSV."""
