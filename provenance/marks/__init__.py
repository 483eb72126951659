"""The mark in DICOM objects: which are marked, in which plane, frame by frame, and the way back."""
