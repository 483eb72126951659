"""Forgeries of medical images, made to be found: tamper.py names and offers them."""
