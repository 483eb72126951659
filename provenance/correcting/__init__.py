"""Corrections of the header: signed, logged by salted commitments, followed back."""
