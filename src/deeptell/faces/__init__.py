"""A video becomes stored face tracks."""
