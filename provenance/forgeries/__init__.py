"""Forgeries of medical images, made to be found: provenance/tamper.py names and offers them."""
