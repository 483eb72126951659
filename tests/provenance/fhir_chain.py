"""A chain of custody with each event there is."""

from datetime import UTC, datetime

from ledger import Algorithm, Event, Link, PrivateKeySigner, sign_statement
from provenance.fhir.custody_codes import CUSTODY
from provenance.keys.signers import generate_key
from provenance.trace import Order, Trace, TracedEvent


def chain() -> Trace:
    """A chain with each event there is, as if one key had signed them all."""
    signer = PrivateKeySigner.from_private_key(generate_key(Algorithm.ED25519))
    object_id, at = bytes(range(12)), datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)
    events = []
    for index, event in enumerate(CUSTODY):
        statement = sign_statement(
            event=event,
            object_id=object_id,
            object_link=Link(index, bytes(32) if index else None),
            actor_link=Link(index, bytes(32) if index else None),
            claimed_at=at,
            head_seen=None,
            body={},
            signer=signer,
        )
        events.append(
            TracedEvent(
                index,
                event.value,
                at,
                "operator" if event is Event.VIEWED else "gateway",
                "north\x1b gateway",
                linked=bool(index % 2),
                order=Order.LATE if index == 3 else None,
                parents=(bytes(12), bytes(11) + b"1") if event is Event.DERIVED else (),
                statement=statement,
            )
        )
    return Trace(object_id, "seal id", tuple(events))
