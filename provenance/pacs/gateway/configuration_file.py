"""From radseal-gateway.toml to a configuration, strictly; all that is wrong is told at once."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from provenance.audit_trail import Collector
from provenance.errors import UsageError
from provenance.pacs.gateway.configuration import (
    ARCHIVE_ASSOCIATIONS,
    Archive,
    Configuration,
    Limits,
    Listen,
    TlsFiles,
)
from provenance.policy.depth_of_keys import MAX_PARTS, too_deep
from provenance.policy.flaw import Flaw, Gravity, Place
from provenance.policy.lines import find_lines
from provenance.policy.values import Reading

VERSION = 1
MAX_FILE = 262_144
MAX_ARCHIVES = 16
MAX_TITLE = 16  # characters of an AE title (PS3.8, 9.3.2)
MAX_PATH = 1024
_TLS = ("tls_certificate", "tls_key", "tls_ca")
_TOP = (
    *("version", "site", "policy", "spool", "log", "custody_deadline_minutes"),
    "forget_after_days",
    *("listen", "limits", "sealing", "audit", "archives"),
)
_AUDIT = ("host", "port", "server_name", *_TLS)
_AUDIT_PORT = 6514  # RFC 5425
_LISTEN = ("ae_title", "address", "port", *_TLS)
_ARCHIVE = ("name", "ae_title", "host", "port", "tls", *_TLS, "dicomweb", "associations")
_LIMITS: Mapping[str, tuple[int, int]] = {
    "associations": (1, 512),
    "object_bytes": (1 << 16, 1 << 40),
    "free_disk_bytes": (0, 1 << 50),
    "idle_seconds": (1, 3_600),
    "object_seconds": (1, 86_400),
}
_DEADLINE = (1, 10_080)
_FORGET = (1, 36_500)


def load_configuration(path: Path) -> Configuration:
    """Return what a file says; UsageError, with every flaw and its line, if it is faulty."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path}: the configuration cannot be read: {error.strerror}") from error
    found, flaws = examine_configuration(data, folder=path.resolve().parent)
    if found is None:
        raise UsageError(f"{path}: " + "; ".join(map(str, flaws)))
    return found


def examine_configuration(
    data: bytes, *, folder: Path
) -> tuple[Configuration | None, tuple[Flaw, ...]]:
    """Return the configuration, None if it is faulty, and what is wrong with it.

    Relative paths in it are those from ``folder``.
    """
    if len(data) > MAX_FILE:
        return None, (_error(f"more than the {MAX_FILE} bytes that are allowed"),)
    try:
        text = data.decode("utf-8")
        deep = too_deep(text)
        if deep is not None:
            return None, (_error(f"a key of more than {MAX_PARTS} parts", deep),)
        document = tomllib.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:
        words = "nested too deep" if isinstance(error, RecursionError) else str(error)
        return None, (_error(f"this is no TOML: {words}"),)
    reading = Reading(find_lines(text))
    found = _File(reading, folder).read(document)
    return (None if reading.flaws else found), reading.sorted()


def _error(says: str, line: int | None = None) -> Flaw:
    return Flaw(Gravity.ERROR, "", line, says)


@dataclass(frozen=True, slots=True)
class _File:
    """Reads the tables of one file."""

    reading: Reading
    folder: Path

    def read(self, document: Mapping[str, object]) -> Configuration:
        self.reading.known(document, (), _TOP)
        version = document.get("version")
        if type(version) is not int or version != VERSION:
            self.reading.flaw(("version",), f"version = {VERSION} is expected", "no other is known")
        minutes = self._number(document, (), "custody_deadline_minutes", _DEADLINE, 60)
        days = self._number(document, (), "forget_after_days", _FORGET, 30)
        return Configuration(
            site=self._path(document, (), "site") or self.folder,
            policy=self._path(document, (), "policy") or self.folder,
            spool=self._path(document, (), "spool") or self.folder,
            log=self._url(document, (), "log"),
            listen=self._listen(self._table(document, "listen", _LISTEN)),
            limits=self._limits(self._table(document, "limits", _LIMITS)),
            sealing_for=self._sealing(self._table(document, "sealing", ("calling_ae",))),
            archives=self._archives(document.get("archives")),
            custody_deadline=timedelta(minutes=minutes),
            forget_after=timedelta(days=days),
            audit=self._audit(document),
        )

    def _table(
        self, document: Mapping[str, object], name: str, keys: Collection[str]
    ) -> Mapping[str, object]:
        table = self.reading.table(document.get(name, {}), (name,))
        self.reading.known(table, (name,), keys)
        return table

    def _listen(self, table: Mapping[str, object]) -> Listen:
        place: Place = ("listen",)
        tls = self._tls(table, place)
        if tls is not None and tls.certificate is None:
            self.reading.flaw(place, "TLS needs a certificate", "tls_certificate and tls_key")
        return Listen(
            ae_title=self._title(table.get("ae_title"), (*place, "ae_title")),
            address=self._text(table, place, "address", "127.0.0.1"),
            port=self._number(table, place, "port", (0, 65_535), None),
            tls=tls,
        )

    def _limits(self, table: Mapping[str, object]) -> Limits:
        usual = Limits()
        values = {
            name: self._number(table, ("limits",), name, bounds, getattr(usual, name))
            for name, bounds in _LIMITS.items()
        }
        return Limits(**values)

    def _sealing(self, table: Mapping[str, object]) -> frozenset[str]:
        value, place = table.get("calling_ae", []), ("sealing", "calling_ae")
        if value == []:
            return frozenset()
        titles = self.reading.texts(value, place, MAX_TITLE) or ()
        return frozenset(self._title(each, place) for each in titles)

    def _audit(self, document: Mapping[str, object]) -> Collector | None:
        if "audit" not in document:
            return None
        place: Place = ("audit",)
        table = self._table(document, "audit", _AUDIT)
        tls = self._tls(table, place) or TlsFiles()
        if tls.authorities is None:
            says = "the collector's authority is needed"
            self.reading.flaw((*place, "tls_ca"), says, "audit messages go to nobody unknown")
        return Collector(
            self._text(table, place, "host", None),
            tls.authorities or self.folder,
            self._number(table, place, "port", (1, 65_535), _AUDIT_PORT),
            tls.certificate,
            tls.key,
            self._text(table, place, "server_name", ""),
        )

    def _archives(self, value: object) -> tuple[Archive, ...]:
        place: Place = ("archives",)
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_ARCHIVES:
            says = f"1 to {MAX_ARCHIVES} archives are expected"
            self.reading.flaw(place, says, "a table [[archives]] for each")
            return ()
        found = tuple(self._archive(each, ("archives", n)) for n, each in enumerate(value))
        names = [each.name for each in found]
        for number, name in enumerate(names):
            if name in names[:number]:
                here = ("archives", number, "name")
                self.reading.flaw(here, f"the name {name} is taken already", "give it another")
        return found

    def _archive(self, value: object, place: Place) -> Archive:
        table = self.reading.table(value, place)
        self.reading.known(table, place, _ARCHIVE)
        wanted = self.reading.flag(table.get("tls", False), (*place, "tls"))
        tls = self._tls(table, place)
        if tls is not None and not wanted:
            self.reading.flaw(place, "files for TLS, and no TLS", "say tls = true")
        return Archive(
            name=self._text(table, place, "name", None, most=64),
            ae_title=self._title(table.get("ae_title"), (*place, "ae_title")),
            host=self._text(table, place, "host", None),
            port=self._number(table, place, "port", (1, 65_535), None),
            tls=(tls or TlsFiles()) if wanted else None,
            dicomweb=self._url(table, place, "dicomweb"),
            associations=self._number(table, place, "associations", (1, 32), ARCHIVE_ASSOCIATIONS),
        )

    def _tls(self, table: Mapping[str, object], place: Place) -> TlsFiles | None:
        certificate, key, authorities = (self._path(table, place, name, None) for name in _TLS)
        if (certificate is None) != (key is None):
            says = "a certificate goes with its key"
            self.reading.flaw(place, says, "give tls_certificate and tls_key, or neither")
        if certificate is None and authorities is None:
            return None
        return TlsFiles(certificate, key, authorities)

    def _title(self, value: object, place: Place) -> str:
        if value is None:
            self.reading.flaw(place, "an AE title is needed")
            return ""
        title = self.reading.text(value, place, MAX_TITLE) or ""
        if not title.isascii() or "\\" in title or title != title.strip():
            says = "an AE title has ASCII characters, no backslash, no space at its ends"
            self.reading.flaw(place, says)
        return title

    def _text(
        self,
        table: Mapping[str, object],
        place: Place,
        name: str,
        usual: str | None,
        *,
        most: int = 255,
    ) -> str:
        here = (*place, name)
        if name in table:
            return self.reading.text(table[name], here, most) or ""
        if usual is None:
            self.reading.flaw(here, f"{name} is needed")
        return usual or ""

    def _number(
        self,
        table: Mapping[str, object],
        place: Place,
        name: str,
        bounds: tuple[int, int],
        usual: int | None,
    ) -> int:
        value = table.get(name, usual)
        least, most = bounds
        if type(value) is int and least <= value <= most:
            return value
        says = f"a whole number of {least} to {most} is expected"
        self.reading.flaw((*place, name), says if name in table else f"{name} is needed: {says}")
        return least

    def _path(
        self, table: Mapping[str, object], place: Place, name: str, usual: str | None = ""
    ) -> Path | None:
        if name not in table:
            if usual is not None:
                self.reading.flaw((*place, name), f"{name} is needed", "a path")
            return None
        text = self.reading.text(table[name], (*place, name), MAX_PATH)
        return None if text is None else self.folder / text

    def _url(self, table: Mapping[str, object], place: Place, name: str) -> str | None:
        if name not in table:
            return None
        text = self.reading.text(table[name], (*place, name), MAX_PATH)
        if text is None:
            return None
        try:
            parts = urlsplit(text)
            fine = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            fine = False
        if not fine:
            self.reading.flaw((*place, name), "a URL is expected", "https://host.example/...")
        return text
