"""Records become pages: the one place for HTML and SVG."""
