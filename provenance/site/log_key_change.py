"""The steps by which new keys take the place of a log's old ones.

A change takes two statements, and every moment of it can be the last before a crash: which keys
are in force, the log says; the files only follow.
"""

from datetime import datetime

from ledger import Event, Head, LogKeys, Role, log_keys_body, sign_statement
from provenance.errors import UsageError
from provenance.site.site import Site


def add_log_keys(site: Site, *, at: datetime) -> LogKeys:
    """Let new keys of the log sign beside those in force; return all of them.

    UsageError if a change has begun already; one that was cut off before goes on.
    """
    files = site.log_key_files
    _finish(site)
    present = site.log_keys()
    if len(present.sets) > 1:
        raise UsageError("new keys sign already: radseal log retire-keys ends the change")
    if not files.changing:
        files.write_following(LogKeys.generate(site.origin))
    return _announce(site, present.joined_by(files.following()), at=at)


def require_witnesses_know(site: Site) -> None:
    """Return only if a quorum of the site's witnesses cosigns what the new keys alone sign.

    WitnessError, with the answer of each, if not. Nobody is asked if the site has no policy, or
    no new keys sign yet.
    """
    if len(site.log_keys().sets) > 1:
        with site.writing_log() as log:
            log.require_known_to_witnesses(site.log_key_files.following())


def retire_log_keys(site: Site, *, at: datetime) -> LogKeys:
    """Let the new keys of the log sign alone, and delete the old private keys; return the new.

    Receipts and checkpoints of the time before still count for whoever has the new verifier keys,
    which name the old ones as retired.
    """
    if _finish(site):
        return site.log_keys()
    if len(site.log_keys().sets) == 1:
        raise UsageError("no new keys sign yet: radseal log add-keys begins a change")
    try:
        _announce(site, site.log_key_files.following(), at=at)
    finally:
        _finish(site)  # once it is logged the old keys go, whether witnesses cosign already or not
    return site.log_keys()


def _announce(site: Site, keys: LogKeys, *, at: datetime) -> LogKeys:
    archivist = site.signer(Role.ARCHIVIST)
    with site.writing_log() as log:
        head = log.head()
        statement = sign_statement(
            event=Event.LOG_KEYS,
            object_id=None,
            object_link=None,
            actor_link=log.actor_link(archivist.kid),
            claimed_at=at,
            head_seen=Head(head.size, head.root),
            body=log_keys_body(keys.sets),
            signer=archivist,
        )
        log.change_keys(statement, keys, at=at)
        site.log_key_files.publish(log.vkeys)
        log.checkpoint()
    return keys


def _finish(site: Site) -> bool:
    """Do what a crash may have left undone; return whether old keys were replaced."""
    files = site.log_key_files
    if not files.changing:
        return False
    with site.reading_log() as log:
        files.publish(log.vkeys)
        if files.those_of(log.key_sets).sets != files.following().sets:
            return False
    files.put_in_place()
    return True
