"""The acceptance policy: what a PACS asks of objects that come in (docs/spec/acceptance-policy.md).

Not the policy of witnesses under a site's trust folder: that one is the ledger's. All is pure but
load.py, which reads a file, and header.py, which reads DICOM.
"""
