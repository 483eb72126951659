"""Revoking a key: in the log, by its index, and on the list of the site's authority, by a date."""

from datetime import datetime, timedelta

from ledger import LoggedKey
from provenance.errors import UsageError
from provenance.keys.signers import load_key
from provenance.site.actor_keys import revoke_key
from provenance.site.site import Site
from provenance.site.site_crl import Revoked, SiteList, issue_list, keeps_lists
from provenance.trust.certificates import is_issued_by, load_certificate


def revoke_logged(
    site: Site,
    key: LoggedKey,
    *,
    reason: str,
    listed: bool | None,
    since: datetime | None,
    at: datetime,
    days: int,
) -> tuple[LoggedKey, SiteList | None]:
    """Let a key sign nothing more; return it, and the list that names its certificate now.

    ``listed`` None: on a list if the site keeps them, and its own authority issued the certificate.
    A key that was revoked already is put on a list alone. UsageError if it can be on none.
    """
    certificate = None if key.certificate is None else load_certificate(key.certificate)
    ours = certificate is not None and is_issued_by(certificate, site.authority())
    if listed and not ours:
        raise UsageError(
            "the certificate is not of this site's authority, which alone can be listed here: ask "
            "its own authority to revoke it, and put that list into trust/crls"
        )
    wanted = ours and (keeps_lists(site) if listed is None else listed)
    if wanted:
        load_key(site.folder / "keys" / "ca.key.pem")  # before anything is logged
    if key.revoked_index is None or not wanted:
        revoke_key(site, key.kid, reason=reason, at=at)
    issued = None
    if wanted:
        assert certificate is not None
        issued = issue_list(
            site,
            at=at,
            valid_until=at + timedelta(days=days),
            revoked=[Revoked(certificate, since)],
        )
    with site.public_log() as log:
        return log.key(key.kid), issued
