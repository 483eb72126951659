"""What the service tells the audit trail of what it gives to readers."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from provenance.audit_trail import Fact, Node, Outcome, Study, What
from provenance.judging.verdict import Word
from provenance.pacs.gateway.auditing import studies_of
from provenance.pacs.retrieve.asked import Shown

NAME = "radseal-service"


def retrieved_facts(
    given: Sequence[Shown], found: Sequence[Shown], reader: str, at: datetime
) -> list[Fact]:
    """Return what is told of a request of WADO-RS: what a reader got, and each that is ALTERED."""
    facts = []
    if given:
        words = ", ".join(
            f"{count} {word}" for word, count in sorted(Counter(s.word for s in given).items())
        )
        studies = studies_of(Counter((_study(s), s.instance.sop_class) for s in given))
        peer = Node((), reader)
        facts.append(Fact(What.SENT, at, peer=peer, studies=studies, words=words))
    facts += [
        Fact(
            What.ALTERED,
            at,
            studies=(Study.of(_study(each), {each.instance.sop_class: 1}),),
            outcome=Outcome.SERIOUS,
            words=f"{each.word}: {each.action}, when a reader asked for it",
        )
        for each in found
        if each.word is Word.ALTERED
    ]
    return facts


def _study(shown: Shown) -> str:
    return shown.instance.study or "unknown"
