"""The published comparison, trained and measured anew."""
