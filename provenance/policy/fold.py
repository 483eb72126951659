"""Spellings that mean the same, in policies and in what is compared with them."""

import unicodedata

from provenance.policy.facts import Fact

_EXACT = frozenset({Fact.CALLING_AE, Fact.CALLED_AE, Fact.SOP_CLASS, Fact.SIGNER})


def fold(fact: Fact, text: str) -> str:
    """Return the one spelling: titles and UIDs without padding, other text without case, too."""
    if fact is Fact.SIGNER:
        return text
    if fact in _EXACT:
        return text.strip(" \0")
    return " ".join(unicodedata.normalize("NFC", text).casefold().replace("\0", " ").split())
