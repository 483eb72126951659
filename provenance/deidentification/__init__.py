"""De-identified copies: is the identity gone, are the pixels the same, and who says so.

docs/spec/deidentification.md has the formats. Nothing here removes an identity: other tools do, and
what they have made is checked against the original.
"""
