"""Audit of timestamps: each chain is over a checkpoint that this log signed over its tree.

Whether a token holds is not judged here: that takes trusted authorities (``judge_timestamps``).
"""

from __future__ import annotations

from sqlalchemy import Connection

from ledger.auditing.findings import FindingCode, Findings
from ledger.checkpoints.trusted_logs import TrustedLogs, open_checkpoint
from ledger.errors import LedgerError
from ledger.storage import store
from ledger.timestamps.stamped import read_stamped, stamped_sizes
from ledger.tree.tiles import root_at


def check_timestamps(connection: Connection, findings: Findings, trusted: TrustedLogs) -> None:
    """Compare every stamped note with the log's keys and tree."""
    read = store.tile_reader(connection)
    for size in stamped_sizes(connection):
        try:
            head = open_checkpoint(read_stamped(connection, size).note, trusted)
            fits = head.size == size and root_at(size, read) == head.root
            words = "" if fits else f"the stamped checkpoint of {size} is not over this log"
        except LedgerError as error:
            words = f"the stamped checkpoint of {size}: {error}"
        if words:
            findings.add(None, FindingCode.TIMESTAMP, words)
