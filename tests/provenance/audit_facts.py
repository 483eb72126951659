"""Facts for the tests of audit messages: one of each kind, and any that can be made."""

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import strategies as st
from lxml import etree

from provenance.audit_trail import (
    Fact,
    Instances,
    Node,
    Outcome,
    Patient,
    Person,
    Reporter,
    Study,
    What,
)
from provenance.audit_trail.fact import ACTIVITIES, ALERTS

CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
AT = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
STUDY = Study("1.2.3.4", (Instances(CT_STORAGE, 2, ("1.2.3.4.1", "1.2.3.4.2")),), accession="A 1")
PEER = Node(("CT7",), "192.0.2.7")
REPORTER = Reporter(Node(("RADSEAL",), "gateway.example"), "4242", "radseal@gateway.example")
ADMIN = Person("admin", "admin@example", "An Administrator")

_VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "audit"
SCHEMA = etree.RelaxNG(etree.parse(str(_VECTORS / "audit-message.rng")))


def example(what: What) -> Fact:
    """A fact of this kind with all that its message can hold."""
    return Fact(
        what,
        AT,
        peer=None if what in ACTIVITIES else PEER,
        persons=(ADMIN,),
        studies=() if what in ACTIVITIES else (STUDY,),
        patient=None if what in ACTIVITIES | ALERTS else Patient("P-1", "Doe^Jane"),
        outcome=Outcome.SERIOUS if what in ALERTS else Outcome.SUCCESS,
        words="the verdict, or a reason",
    )


def parsed(message: bytes) -> etree._Element:
    """Read a message by another parser than that of the standard library, and hold the schema."""
    root = etree.fromstring(message, etree.XMLParser(resolve_entities=False))
    SCHEMA.assertValid(root)
    return root


HOSTILE = st.text(
    st.characters(codec=None, categories=None) | st.sampled_from("<>&'\"\x00\n\r\t\u2028\ufffe]"),
    max_size=300,
)
_NODES = st.builds(Node, st.lists(HOSTILE, max_size=6).map(tuple), HOSTILE)
_INSTANCES = st.builds(
    Instances, HOSTILE, st.integers(0, 10**9), st.lists(HOSTILE, max_size=4).map(tuple)
)
_STUDIES = st.builds(Study, HOSTILE, st.lists(_INSTANCES, max_size=4).map(tuple), HOSTILE)
FACTS = st.builds(
    Fact,
    st.sampled_from(What),
    st.datetimes(timezones=st.just(UTC)),
    peer=_NODES,
    persons=st.lists(st.builds(Person, HOSTILE, HOSTILE, HOSTILE), max_size=6).map(tuple),
    studies=st.lists(_STUDIES, min_size=1, max_size=4).map(tuple),
    patient=st.none() | st.builds(Patient, HOSTILE, HOSTILE),
    outcome=st.sampled_from(Outcome),
    words=HOSTILE,
)
REPORTERS = st.builds(Reporter, _NODES, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
