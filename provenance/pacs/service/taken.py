"""What a process at the door tells the service of each object: for its numbers, and who audits.

One line each, in one write shorter than PIPE_BUF: those of other processes do not mix with it
(pipe(7)). No other thing of its header than UIDs.
"""

import json
import logging
import os
import re
from collections.abc import Callable
from datetime import datetime
from multiprocessing.connection import Connection

from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance, Judged, Kept, Route, Sender, State
from provenance.policy.terms import Action

_UID = re.compile(r"[0-9.]{1,64}")  # PS3.5 9.1
_LONGEST_RULE = 200

_logger = logging.getLogger(__name__)


def tell_taken(service: Connection, kept: Kept, seconds: float) -> None:
    """Tell the service of an object that was taken or refused, and how long that took."""
    sender, instance, judged = kept.sender, kept.instance, kept.judged
    line = {
        "sender": [sender.at.isoformat(), sender.calling_ae, sender.called_ae, sender.address],
        "instance": [_uid(instance.sop_class), _uid(instance.sop_instance), _uid(instance.study)],
        "judged": [judged.word.value, judged.action.value],
        "rule": None if judged.rule is None else judged.rule[:_LONGEST_RULE],
        "state": kept.state.value,
        "bytes": kept.size,
        "seconds": seconds,
    }
    os.write(service.fileno(), json.dumps(line).encode() + b"\n")


def hear_taken(door: Connection, hear: Callable[[Kept, float], None]) -> None:
    """Hear of each object, until all who tell have ended: for a thread of its own."""
    with open(door.fileno(), encoding="utf-8", closefd=False) as lines:
        for line in lines:
            try:
                hear(*_taken_of(line))
            except Exception:  # whoever tells would wait if nobody listened any more
                _logger.exception("what was told from the door is not counted")


def _taken_of(line: str) -> tuple[Kept, float]:
    told = json.loads(line)
    at, *named = told["sender"]
    sop_class, sop_instance, study = told["instance"]
    word, action = told["judged"]
    kept = Kept(
        0,
        Sender(Route.ORTHANC, datetime.fromisoformat(at), *named),
        Instance(sop_class, sop_instance, "", study),
        Judged(Word(word), Action(action), told["rule"], (), {}),
        State(told["state"]),
        told["bytes"],
        b"",
        b"",
    )
    return kept, float(told["seconds"])


def _uid(value: str) -> str:
    return value if _UID.fullmatch(value) else ""
