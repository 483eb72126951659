# Copyright the radseal contributors
# SPDX-License-Identifier: Apache-2.0 OR AGPL-3.0-or-later
"""What senders are told (PS3.4, B.2.3; PS3.7, annex C): the same by DIMSE and by STOW-RS."""

STORE = 0x0000
QUARANTINED = 0xB000
DUPLICATE = 0x0111
FAILED = 0x0110
CANNOT_READ = 0xC000
TRY_AGAIN = 0xA700
REFUSED = 0xC0A0
TOO_LARGE = 0xC0AF
_WORDS = (
    *("ALTERED", "UNSEALED", "UNTRUSTED", "DERIVED", "UNREADABLE", "NOT CHECKED", "STRIPPED"),
    *("HEADER CHANGED", "CORRECTED", "AUTHENTIC"),
)
REFUSED_FOR = {word: REFUSED + number for number, word in enumerate(_WORDS, 1)}
"""By the verdict, as the gateway has them."""
