"""Digital signatures as DICOM itself defines them: PS3.15 annex C, PS3.3 C.12.1.1.3.

Written beside our seal and read as evidence of its own (docs/spec/ps315.md). Nothing here decides
a verdict, and nothing here knows a trust store or the command; of the ledger it takes RFC 3161.
"""
