"""The same answer over HTTP: a page and an API, for people who do not use a terminal."""
