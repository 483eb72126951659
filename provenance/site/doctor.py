"""Is this installation whole, and is this site in order? Each finding comes with its remedy.

Changes nothing; reads the clock it is given.
"""

import base64
import hashlib
import importlib
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import mldsa

from ledger import LedgerError, Role, SecondKey, Signer, VerificationKey
from provenance._install import SIBLINGS, is_ours, location
from provenance.errors import KeyUnavailableError, RadsealError, UsageError
from provenance.keys.key_places import KeyPlace, key_file, present_key
from provenance.keys.key_uri import KeyUri
from provenance.keys.passphrases import passphrase_source
from provenance.keys.signers import is_encrypted
from provenance.keys.token_keys import TRIAL, TokenSigner
from provenance.site.founding import ROLES
from provenance.site.second_keys import second_identity, second_key_file
from provenance.site.site import LATER_ROLES, Site
from provenance.site.site_crl import keeps_lists, newest_list
from provenance.trust.certificates import certificate_spki, load_certificate

DISTRIBUTION = "radseal"
PACKAGES = ("provenance", *SIBLINGS)
# Write-ahead logging, secure_delete and upserts as the ledger uses them.
SQLITE_AT_LEAST = (3, 35, 0)
CLOCK_TOLERANCE = timedelta(minutes=1)
SOON = timedelta(days=30)  # a revocation list that ends before is said
LEAST_FREE_BYTES = 1 << 30
_REINSTALL = (
    "install radseal again, in an environment of its own: pip install --force-reinstall radseal"
)
_EXTRAS = {
    "imagecodecs": (
        "compressed transfer syntaxes and pictures cannot be decoded",
        "pip install 'radseal[codecs]'",
    ),
    "rich": ("progress is one plain line", "pip install 'radseal[terminal]'"),
}


class Health(StrEnum):
    """How one point of the examination went; a WARN is no problem, but less than there could be."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    WARN = "warn"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One point: which, how it went, what was seen, and what to do about it."""

    id: str
    health: Health
    detail: str
    fix: str = ""


def examine_installation() -> tuple[Finding, ...]:
    """Examine packages, files and libraries."""
    return (*_packages(), *_files(), *_libraries())


def examine_site(folder: Path, *, at: datetime) -> tuple[Finding, ...]:
    """Examine a site's trust, keys, certificates, log and clock."""
    try:
        site = Site.open(folder)
    except RadsealError as error:
        return (Finding("site", Health.FAIL, str(error), "make one with radseal init FOLDER"),)
    return (
        Finding("site", Health.PASS, f"{site.name} in {folder}"),
        *_trust(site),
        *_secrets(site),
        *_signing(site),
        *_certificates(site, at),
        *_lists(site, at),
        *_log(site, at),
        *_disk(folder),
    )


def _packages() -> Iterator[Finding]:
    homes = set()
    for name in PACKAGES:
        module = importlib.import_module(name)
        if not is_ours(module):
            yield Finding(
                "packages", Health.FAIL, f"{name} at {location(module)} is foreign", _REINSTALL
            )
        homes.add(Path(location(module)).resolve().parent.parent)
    if len(homes) == 1:
        yield Finding("packages", Health.PASS, f"{', '.join(PACKAGES)} in {homes.pop()}")
    else:
        places = ", ".join(sorted(map(str, homes)))
        yield Finding(
            "packages", Health.FAIL, f"they lie in different places: {places}", _REINSTALL
        )


def _files() -> Iterator[Finding]:
    """Compare every file with the RECORD of the wheel it came from."""
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        yield Finding(
            "files", Health.SKIP, "run from a checkout: there is no RECORD to compare with"
        )
        return
    home = Path(location(importlib.import_module(PACKAGES[0]))).resolve()
    recorded = Path(str(distribution.locate_file(f"{PACKAGES[0]}/__init__.py"))).resolve()
    if home != recorded:
        yield Finding(
            "files",
            Health.SKIP,
            f"run from {home.parent.parent}, not from the installed distribution",
        )
        return
    yield from compare_record(distribution)


def compare_record(distribution: metadata.Distribution) -> Iterator[Finding]:
    """Find files of the three packages that are not as the wheel's RECORD has them."""
    listed: set[Path] = set()
    compared = 0
    wrong: list[str] = []
    for file in distribution.files or ():
        if not file.parts or file.parts[0] not in PACKAGES:
            continue
        path = Path(str(distribution.locate_file(file)))
        listed.add(path.resolve())
        if file.hash is None:  # compiled after installation
            continue
        compared += 1
        try:
            digest = hashlib.new(file.hash.mode, path.read_bytes()).digest()
        except (OSError, ValueError):
            wrong.append(f"{file} cannot be read")
            continue
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            wrong.append(f"{file} was changed")
    if not compared:
        wrong.append("RECORD names no file of the three packages")
    for name in PACKAGES:
        folder = Path(str(distribution.locate_file(name)))
        strangers = {p for p in folder.rglob("*.py") if p.resolve() not in listed}
        wrong.extend(f"{p} is not of the distribution" for p in sorted(strangers))
    if wrong:
        detail = "; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        yield Finding("files", Health.FAIL, detail, _REINSTALL)
    else:
        yield Finding("files", Health.PASS, f"{compared} files are as in RECORD")


def _libraries() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", Health.PASS, f"Python {python}")
    for name in ("pydicom", "numpy", "cryptography", "sqlalchemy"):
        yield Finding(name, Health.PASS, metadata.version(name))
    found = ".".join(map(str, sqlite3.sqlite_version_info))
    if sqlite3.sqlite_version_info >= SQLITE_AT_LEAST:
        yield Finding("sqlite", Health.PASS, found)
    else:
        least = ".".join(map(str, SQLITE_AT_LEAST))
        yield Finding(
            "sqlite", Health.FAIL, found, f"use a Python built with SQLite {least} or newer"
        )
    for name, (without, remedy) in _EXTRAS.items():
        try:
            yield Finding(name, Health.PASS, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, Health.WARN, f"not installed: {without}", remedy)
    try:
        mldsa.MLDSA44PrivateKey.generate()
    except UnsupportedAlgorithm:
        remedy = "install cryptography from its wheel: pip install --force-reinstall cryptography"
        yield Finding(
            "ml-dsa", Health.FAIL, "cryptography cannot make ML-DSA-44 signatures", remedy
        )
    else:
        yield Finding("ml-dsa", Health.PASS, "post-quantum signatures of checkpoints work")


def _trust(site: Site) -> Iterator[Finding]:
    try:
        trust = site.trust
    except (RadsealError, OSError) as error:
        yield Finding("trust", Health.FAIL, str(error), "restore SITE/trust from a backup")
        return
    detail = f"{len(trust.roots)} root(s), {len(trust.logs.logs)} log(s)"
    if trust.roots and trust.logs.logs:
        yield Finding("trust", Health.PASS, detail)
    else:
        yield Finding("trust", Health.FAIL, detail, "restore SITE/trust/roots and SITE/trust/logs")


def _secrets(site: Site) -> Iterator[Finding]:
    folder = site.folder / "keys"
    try:
        paths = [folder, *sorted(p for p in folder.iterdir() if p.is_file())]
        open_to_others = [p for p in paths if stat.S_IMODE(p.stat().st_mode) & 0o077]
    except OSError as error:
        remedy = "run as the user who owns the site, or restore SITE/keys from a backup"
        yield Finding("keys", Health.FAIL, f"{folder}: {error.strerror}", remedy)
        return
    if os.name != "posix":
        yield Finding("keys", Health.SKIP, "file modes say nothing on this system")
    elif open_to_others:
        for path in open_to_others:
            mode = stat.S_IMODE(path.stat().st_mode)
            remedy = f"chmod {'700' if path.is_dir() else '600'} '{path}', and think who had access"
            yield Finding(
                "keys", Health.FAIL, f"{path} has mode {mode:04o}: others may use it", remedy
            )
    else:
        yield Finding("keys", Health.PASS, f"{len(paths) - 1} key files, for their owner alone")


def _signing(site: Site) -> Iterator[Finding]:
    """Let each key sign something that is no statement, and say where it lies."""
    for role in _roles(site):
        try:
            place = present_key(site.folder, role)
            signer = place.signer()
            VerificationKey.from_spki(signer.spki).verify(signer.sign(TRIAL), TRIAL)
            if certificate_spki(site.certificate(role)) != signer.spki:
                raise RadsealError(f"the certificate of the {role} is not that of its key")
            yield _place(site, role, place, signer)
            yield from _second_signing(site, role)
        except KeyUnavailableError as error:
            yield Finding("signing", Health.FAIL, f"{role}: {error}", error.do)
        except (LedgerError, RadsealError) as error:
            remedy = f"restore key and certificate of the {role} from a backup, or issue new ones"
            yield Finding("signing", Health.FAIL, str(error), remedy)


def _roles(site: Site) -> tuple[Role, ...]:
    """Return the roles that the site itself signs in."""
    certificates = site.folder / "certificates"
    return (*ROLES, *(r for r in LATER_ROLES if (certificates / f"{r}.pem").exists()))


def _second_signing(site: Site, role: Role) -> Iterator[Finding]:
    second = second_identity(site.folder, role, site.certificate(role))
    if second is None:
        return
    SecondKey.from_spki(second.signer.spki).verify(second.signer.sign(TRIAL), TRIAL)
    path = second_key_file(site.folder, role)
    kind = "encrypted" if is_encrypted(path) else "plain"
    detail = f"{role}: ML-DSA-65 beside it, {path}, {kind}: it signs"
    yield Finding("signing", Health.PASS, detail)


def _place(site: Site, role: Role, place: KeyPlace, signer: Signer) -> Finding:
    match place.where:
        case KeyUri() as uri:
            where = f"on the token ({uri.token_words}), {uri.key_words}"
            sources = [] if uri.pin_source is None else [uri.pin_source]
            if isinstance(signer, TokenSigner) and signer.extractable:
                remedy = "make the key anew on the token, not extractable, and renew to it"
                detail = f"{role}: {where}, which gives the key away to who has the PIN"
                return Finding("signing", Health.WARN, detail, remedy)
        case path:
            encrypted = is_encrypted(path)
            where = f"{path}, {'encrypted' if encrypted else 'plain'}"
            source = passphrase_source()
            sources = [source] if encrypted and source is not None else []
            if path != key_file(site.folder, role):  # those in the site's folder were looked at
                sources.append(path)
    for source in sources:
        if os.name == "posix" and stat.S_IMODE(source.stat().st_mode) & 0o077:
            detail = f"{role}: {where}; others may read {source}"
            return Finding("signing", Health.FAIL, detail, f"chmod 600 '{source}'")
    return Finding("signing", Health.PASS, f"{role}: {signer.algorithm.name}, {where}: it signs")


def _certificates(site: Site, at: datetime) -> Iterator[Finding]:
    roles = _roles(site)
    for role in roles:
        try:
            trust = site.trust.as_of(at)
            trust.vouch(site.chain(role), role=role, at=at)
            second = second_identity(site.folder, role, site.certificate(role))
            if second is not None:
                chain = tuple(load_certificate(der) for der in second.certificates)
                trust.vouch_lasting(chain, role=role, at=at)
        except RadsealError as error:
            remedy = f"restore the certificate of the {role} from a backup, or issue a new one"
            yield Finding("certificates", Health.FAIL, str(error), remedy)
            return
    yield Finding("certificates", Health.PASS, f"{len(roles)} roles, each vouched for now")


def _lists(site: Site, at: datetime) -> Iterator[Finding]:
    """Whether the site's own revocation list is good for a while."""
    if not keeps_lists(site):
        return
    sign = "sign the next one: radseal key crl"
    try:
        newest = newest_list(site)
    except UsageError as error:
        yield Finding("revocation", Health.FAIL, str(error), "restore it from a backup")
        return
    if newest is None:
        detail = "lists are required, and there is none of the site's own authority"
        yield Finding("revocation", Health.FAIL, detail, sign)
        return
    detail = f"list {newest.number}, good until {newest.next_update:%Y-%m-%d %H:%M:%SZ}"
    if newest.next_update < at:
        yield Finding("revocation", Health.FAIL, f"{detail}: nothing is believed any more", sign)
    elif newest.next_update < at + SOON:
        yield Finding("revocation", Health.WARN, detail, sign)
    else:
        yield Finding("revocation", Health.PASS, f"{detail}, {newest.entries} certificate(s)")


def _log(site: Site, at: datetime) -> Iterator[Finding]:
    try:
        records = site.records()
        with records.log as log:
            head, size = log.head(), log.size
        site.trust.logs.find(head.origin)
    except (LedgerError, RadsealError) as error:
        remedy = "see whether another process holds it, run radseal log audit, or restore a backup"
        yield Finding("log", Health.FAIL, str(error), remedy)
        return
    yield Finding("log", Health.PASS, f"{size} entries, {head.size} under the newest checkpoint")
    if head.cosigned_at is None:
        yield Finding("clock", Health.SKIP, "the checkpoint bears no time")
    elif at < head.cosigned_at - CLOCK_TOLERANCE:
        detail = (
            f"this clock says {at:%Y-%m-%d %H:%M:%SZ}, the log's last checkpoint is of "
            f"{head.cosigned_at:%Y-%m-%d %H:%M:%SZ}: one of them is wrong"
        )
        yield Finding("clock", Health.FAIL, detail, "set the clock (NTP) before anything is sealed")
    else:
        detail = f"not behind the last checkpoint ({head.cosigned_at:%Y-%m-%d %H:%M:%SZ})"
        yield Finding("clock", Health.PASS, detail)


def _disk(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free"
    if free < LEAST_FREE_BYTES:
        yield Finding(
            "disk", Health.WARN, detail, "make room: a log that cannot be written seals nothing"
        )
    else:
        yield Finding("disk", Health.PASS, detail)
