"""UIDs for forged copies: new ones, yet the same for the same forgery of the same object."""

import uuid


def forged_uid(*parts: str) -> str:
    """Return a UID under 2.25 (PS3.5 B.2) that follows from ``parts``."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '|'.join(('radseal-forgery', *parts))).int}"
