"""The tables of the DICOM Conformance Statement, from what the gateway does. Pure."""

from collections.abc import Mapping, Sequence

from pydicom._uid_dict import UID_dictionary
from pynetdicom.sop_class import _NON_PATIENT_OBJECT_CLASSES, _STORAGE_CLASSES

from provenance.pacs.dimse.line import MAX_PDU, MOST
from provenance.pacs.dimse.negotiation import NATIVE, VERIFICATION
from provenance.pacs.dimse.statuses import FAILED, NO_ROOM, OTHER_OBJECT, REFUSED, TAKEN
from provenance.pacs.dimse.storage_scu import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    IDLE_SECONDS,
    MAX_WANTED,
)
from provenance.pacs.dimse.tls import CIPHERS
from provenance.pacs.gateway.configuration import ARCHIVE_ASSOCIATIONS, Limits


def tables() -> Mapping[str, str]:
    """Return each generated table of docs/conformance-statement.md, by its name there."""
    return {
        "sop-classes": _sop_classes(),
        "transfer-syntaxes": _transfer_syntaxes(),
        "statuses": _statuses(),
        "associations": _associations(),
    }


def _sop_classes() -> str:
    storage = {**_STORAGE_CLASSES, **_NON_PATIENT_OBJECT_CLASSES}
    rows = [(_name(uid), uid, "yes", "yes") for uid in sorted(storage.values(), key=_name)]
    return table(
        ("SOP class", "UID", "SCP", "SCU"),
        [
            (_name(VERIFICATION), VERIFICATION, "yes", "no"),
            *rows,
            ("any private class, and any that the data dictionary lacks", "", "yes", "yes"),
        ],
    )


def _transfer_syntaxes() -> str:
    known = [uid for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"]
    return table(("transfer syntax", "UID"), [(_name(uid), uid) for uid in _in_order(known)])


def _statuses() -> str:
    rows = [
        ("success", f"{TAKEN.code:04X}", "the gateway has it on disk: accepted, tagged or in "
         "quarantine; forwarding goes on without the sender"),
        ("failure", f"{NO_ROOM.code:04X}", "out of resources: less is free on the disk than the "
         "configuration demands; nothing was taken"),
        ("failure", f"{OTHER_OBJECT.code:04X}", "SOP Class or Instance UID of the command are not "
         "those of the data set or of the presentation context; nothing was taken"),
        *(
            ("failure", f"{code:04X}", f"refused by the policy, the verdict being {word}; the "
             "sender keeps it")
            for word, code in REFUSED.items()
        ),
        ("failure", f"{FAILED.code:04X}", "the gateway failed; nothing was taken"),
    ]  # fmt: skip
    return table(("kind", "status", "meaning"), rows)


def _associations() -> str:
    usual = Limits()
    rows = [
        ("application context", "1.2.840.10008.3.1.1.1"),
        ("maximum PDU announced", f"{MAX_PDU} bytes"),
        ("longest PDU taken", f"{MOST} bytes"),
        ("associations at once, as acceptor", f"{usual.associations}, configurable"),
        (
            "associations at once, as requestor",
            f"{ARCHIVE_ASSOCIATIONS} an archive, configurable",
        ),
        ("asynchronous operations", "none: one at a time"),
        ("presentation contexts proposed", f"up to {MAX_WANTED}, one transfer syntax in each"),
        ("time without a byte, as acceptor", f"{usual.idle_seconds} s, configurable"),
        ("time for one object, as acceptor", f"{usual.object_seconds} s, configurable"),
        ("time to connect, as requestor", f"{CONNECT_SECONDS:.0f} s"),
        ("time without a byte, as requestor", f"{IDLE_SECONDS:.0f} s"),
        ("time for an archive's answer", f"{ANSWER_SECONDS:.0f} s"),
        ("TLS", f"1.2 and 1.3; of 1.2: {CIPHERS.replace(':', ', ')}"),
    ]
    return table(("parameter", "value"), rows)


def _in_order(uids: Sequence[str]) -> list[str]:
    others = sorted(
        (uid for uid in uids if uid not in NATIVE),
        key=lambda uid: [int(part) for part in uid.split(".")],
    )
    return [*NATIVE, *others]


def _name(uid: str) -> str:
    entry = UID_dictionary.get(uid)
    name = str(uid) if entry is None else entry[0]
    return f"{name} (retired)" if entry is not None and entry[3] else name


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"
