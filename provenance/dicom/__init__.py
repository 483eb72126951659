"""DICOM: reading objects under limits, their pixels, their attributes, and writing them back.

The modules are imported one by one: most callers need few of them, and pydicom is slow to load.
"""

__all__: list[str] = []
