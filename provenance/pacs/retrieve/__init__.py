"""Giving objects out again: what is asked for, where it is, and in which form it is given."""
