"""By what a scan judges: whom to believe, whom to ask, and which policy. Named, never held."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from provenance.errors import UsageError
from provenance.policy.parse import parse_acceptance_policy
from provenance.policy.policy import AcceptancePolicy
from provenance.records import ReadableLog, Records
from provenance.site.site import Site
from provenance.trust.store import TrustStore
from provenance.verifying.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Terms:
    """The paths of a site or a trust folder, the address of its log, the text of a policy."""

    site: str | None = None
    trust: str | None = None
    log: str | None = None
    policy: bytes | None = None

    @property
    def text(self) -> str:
        """How the job remembers them; of a policy its SHA-256."""
        policy = None if self.policy is None else hashlib.sha256(self.policy).hexdigest()
        fields = {"site": self.site, "trust": self.trust, "log": self.log, "policy": policy}
        return json.dumps(fields)

    def require_same(self, text: str) -> None:
        """UsageError unless a job that remembers ``text`` was begun on these terms.

        Whoever goes on says anew whom to believe: the table of a job decides nothing of that.
        """
        ours, theirs = json.loads(self.text), json.loads(text)
        for name, was in theirs.items():
            if ours.get(name) != was:
                begun = "none" if was is None else f"{was}"
                raise UsageError(
                    f"the job was begun with another {name} ({begun}): results of both would be "
                    f"mixed; give the same --{name}, or begin a new scan"
                )

    def parsed_policy(self) -> AcceptancePolicy | None:
        """The policy, if there is one; PolicyError if it is faulty."""
        return None if self.policy is None else parse_acceptance_policy(self.policy)

    @contextmanager
    def opened(self, at: datetime) -> Iterator[Verifier]:
        """Open what a verifier needs, judging at the moment ``at``; all is closed at the end."""
        policy = self.parsed_policy()
        if self.trust is not None:
            trust = TrustStore.load(Path(self.trust)).as_of(at)
            yield Verifier(trust, policy=policy)
            return
        if self.site is None:
            raise UsageError("a scan needs a site or a trust folder")
        site = Site.open(self.site)
        records: Records[ReadableLog] = (
            site.records() if self.log is None else site.remote_records(self.log)
        )
        try:
            made = Verifier(site.trust.as_of(at), records, site.mark_key, site.former_mark_keys)
            yield replace(made, policy=policy)
        finally:
            records.log.close()
