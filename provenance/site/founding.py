"""A new site's folder: its authority, its keys, its certificates, and its log with them in it."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from ledger import (
    Algorithm,
    Event,
    Head,
    LedgerError,
    Log,
    LogKeys,
    Role,
    Signer,
    Submission,
    create_log,
    key_added_body,
    make_genesis,
    sign_statement,
)
from provenance.errors import UsageError
from provenance.keys.key_places import key_file, present_key
from provenance.keys.log_key_files import LogKeyFiles
from provenance.keys.signers import generate_key, save_key
from provenance.site import secret_files
from provenance.site.certificate_files import (
    authority_file,
    read_certificate,
    role_file,
    write_certificate,
)
from provenance.site.second_keys import make_second
from provenance.trust.certificates import (
    NO_EXPIRY,
    certificate_der,
    issue_authority,
    issue_role,
)

ROLES: Final = (Role.ARCHIVIST, Role.DEVICE, Role.OPERATOR, Role.GATEWAY, Role.AUDITOR)
"""The actors of a new site; the archivist comes first, and writes the others into the log."""
_PARTS: Final = ("trust/roots", "trust/logs", "certificates")


def check_name(name: str) -> None:
    """Raise UsageError unless a site may have this name."""
    if (
        not name
        or len(name) > 40
        or not all(c.isascii() and (c.isalnum() or c in "-._") for c in name)
    ):
        raise UsageError(
            f"the site's name {name!r} must be 1 to 40 letters, digits, '-', '.' or '_' "
            "(give one with --name)"
        )


def found(
    folder: Path,
    *,
    name: str,
    origin: str,
    ledger: Path | str,
    log_keys: LogKeyFiles,
    algorithm: Algorithm,
    hybrid: bool,
    at: datetime,
) -> None:
    """Make all of a site but ``site.json``; of one that fails nothing is left."""
    try:
        for part in _PARTS:
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "keys").mkdir(mode=0o700)
        _make_keys(folder, name, algorithm, at)
        if hybrid:
            device = read_certificate(role_file(folder, Role.DEVICE))
            make_second(folder, Role.DEVICE, device, at=at)
        log = _make_log(folder, origin, ledger, log_keys, at)
    except (LedgerError, OSError):
        for part in ("keys", "trust", "certificates"):
            shutil.rmtree(folder / part, ignore_errors=True)
        raise
    with log:
        archivist = present_key(folder, Role.ARCHIVIST).signer()
        for role in ROLES[1:]:
            _add_key(log, folder, archivist, role, at)


def _make_keys(folder: Path, name: str, algorithm: Algorithm, at: datetime) -> None:
    for secret in secret_files.FIRST:
        secret_files.make_secret(folder, secret)
    authority_key = generate_key(Algorithm.ESP256)
    save_key(authority_key, folder / "keys" / "ca.key.pem")
    authority = issue_authority(
        authority_key,
        name=f"{name} CA",
        serial=x509.random_serial_number(),
        valid_from=at,
        valid_until=NO_EXPIRY,
    )
    write_certificate(authority_file(folder), authority)
    for role in ROLES:
        key = generate_key(algorithm)
        save_key(key, key_file(folder, role))
        certificate = issue_role(
            key.public_key(),
            name=f"{name} {role}",
            role=role,
            authority=authority,
            authority_key=authority_key,
            serial=x509.random_serial_number(),
            valid_from=at,
        )
        write_certificate(role_file(folder, role), certificate)


def _make_log(
    folder: Path, origin: str, ledger: Path | str, log_keys: LogKeyFiles, at: datetime
) -> Log:
    keys = LogKeys.generate(origin)
    log_keys.write_first(keys)
    genesis = make_genesis(
        present_key(folder, Role.ARCHIVIST).signer(),
        certificate=certificate_der(read_certificate(role_file(folder, Role.ARCHIVIST))),
        claimed_at=at,
    )
    annex_key = secret_files.read_secret(folder, "annex")
    return create_log(ledger, keys=keys, genesis=genesis, annex_key=annex_key, at=at)


def _add_key(log: Log, folder: Path, archivist: Signer, role: Role, at: datetime) -> None:
    head = log.head()
    certificate = certificate_der(read_certificate(role_file(folder, role)))
    statement = sign_statement(
        event=Event.KEY_ADDED,
        object_id=None,
        object_link=None,
        actor_link=log.actor_link(archivist.kid),
        claimed_at=at,
        head_seen=Head(head.size, head.root),
        body=key_added_body(
            present_key(folder, role).signer().spki, role=role, certificate=certificate
        ),
        signer=archivist,
    )
    log.append([Submission(statement)], at=at)
