"""An object of a spool as a row of its database, written and read."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance, Judged, Kept, Route, Sender, State
from provenance.pacs.spool.database import milliseconds, moment
from provenance.policy.terms import Action


def insert_object(
    database: sqlite3.Connection, name: str, made: Kept, arrived: bytes | None
) -> int:
    """Write the row of an object; return its number."""
    sender, instance, judged = made.sender, made.instance, made.judged
    row = (
        name,
        made.state,
        sender.route,
        milliseconds(sender.at),
        sender.calling_ae,
        sender.called_ae,
        sender.address,
        instance.sop_class,
        instance.sop_instance,
        instance.transfer_syntax,
        instance.study,
        made.size,
        made.sha256,
        made.sealed_here,
        judged.word,
        judged.action,
        judged.rule,
        json.dumps(judged.reasons),
        json.dumps(judged.verdict),
        judged.seal_id,
        made.salt,
        arrived if made.sealed_here else None,
    )
    number = database.execute(
        "insert into object (name, state, route, at, calling_ae, called_ae, address, sop_class,"
        " sop_instance, transfer_syntax, study, size, sha256, sealed_here, word, action, rule,"
        " reasons, verdict, seal_id, salt, arrived)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    ).lastrowid
    assert number is not None
    return number


def read_object(row: Sequence[Any]) -> Kept:
    """Return what a row of the view `kept` says."""
    number, route, at, calling, called, address, *rest = row
    sop_class, sop_instance, syntax, study, word, action, rule, reasons, verdict, *rest = rest
    seal_id, state, size, sha256, salt, sealed_here = rest
    return Kept(
        number=number,
        sender=Sender(Route(route), moment(at), calling, called, address),
        instance=Instance(sop_class, sop_instance, syntax, study),
        judged=Judged(
            Word(word),
            Action(action),
            rule,
            tuple(json.loads(reasons)),
            json.loads(verdict),
            seal_id,
        ),
        state=State(state),
        size=size,
        sha256=sha256,
        salt=salt,
        sealed_here=bool(sealed_here),
    )
