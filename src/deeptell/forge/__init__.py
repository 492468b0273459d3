"""Licence-free material: people who do not exist, and forgeries of them."""
