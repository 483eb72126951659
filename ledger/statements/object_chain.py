"""What has been said of one object, in the order of the log: does each statement go on rightly?

Pure: for whoever holds the statements and knows the keys, without the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.links import FIRST, Link
from ledger.roles import Role
from ledger.statements import rules
from ledger.statements.statement import Statement, UnverifiedStatement


@dataclass(slots=True)
class ObjectChain:
    """The end of it: the newest of all, and what each signer has said last."""

    newest: Link = FIRST
    _own: dict[bytes, Link] = field(default_factory=dict)

    def follow(self, statement: UnverifiedStatement | Statement, role: Role) -> bool:
        """Take the next statement; whether its link is one that the log may admit."""
        own, kid = self._own.get(statement.kid, FIRST), statement.kid
        names = statement.object_link == self.newest or rules.names_own(statement, role, own)
        self._own[kid] = own.next(statement.leaf_hash)
        self.newest = self.newest.next(statement.leaf_hash)
        return names
