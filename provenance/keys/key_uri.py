"""The name of a key on a PKCS#11 token: the URIs of RFC 7512, strictly, and never with a PIN.

Knows no token and no file. Of the attributes of RFC 7512, section 2.3, those are read that name one
token and one key on it; a URI with any other is refused, since what is ignored could be what
matters.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote_from_bytes, unquote_to_bytes

from provenance.errors import UsageError

SCHEME = "pkcs11:"
MAX_URI = 2048
_TOKEN = ("token", "serial", "manufacturer", "model")
_PATH = (*_TOKEN, "object", "id", "type")
_QUERY = ("module-path", "pin-source")
# unreserved (RFC 3986, section 2.3), pk11-path-res-avail and pk11-query-res-avail.
_PATH_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})+")
_QUERY_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=/?|]|%[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class KeyUri:
    """One key: which module reads which token, which key on it, and the file of its PIN, if any."""

    module: Path
    token: tuple[tuple[str, str], ...]  # attributes that the token must have, in a fixed order
    label: str | None
    key_id: bytes | None
    pin_source: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URI; UsageError says what is wrong with it, without repeating a PIN."""
        if len(text) > MAX_URI:
            raise UsageError(f"a key URI of {len(text)} characters: at most {MAX_URI}")
        if not text.startswith(SCHEME):
            raise UsageError(f"a key URI begins with {SCHEME}")
        path, mark, query = text.removeprefix(SCHEME).partition("?")
        named = _attributes(path, ";", known=_PATH, value=_PATH_VALUE)
        asked = _attributes(query, "&", known=_QUERY, value=_QUERY_VALUE) if mark else {}
        if "token" not in named and "serial" not in named:
            raise UsageError("the key URI must name its token: token=LABEL or serial=NUMBER")
        if "object" not in named and "id" not in named:
            raise UsageError("the key URI must name its key: object=LABEL or id=%01")
        if named.get("type", b"private") != b"private":
            raise UsageError("the key URI must name a private key: type=private, or no type")
        if "module-path" not in asked:
            raise UsageError(
                "the key URI must say which library reads the token: ?module-path=/usr/lib/..."
            )
        token = tuple((name, _text(name, named[name])) for name in _TOKEN if name in named)
        return cls(
            module=_path("module-path", asked["module-path"]),
            token=token,
            label=_text("object", named["object"]) if "object" in named else None,
            key_id=named.get("id"),
            pin_source=_pin_source(asked["pin-source"]) if "pin-source" in asked else None,
        )

    def __str__(self) -> str:
        """The URI in one fixed form, that ``parse`` reads back."""
        path = [f"{name}={_quoted(value)}" for name, value in self.token]
        if self.label is not None:
            path.append(f"object={_quoted(self.label)}")
        if self.key_id is not None:
            path.append("id=" + "".join(f"%{byte:02X}" for byte in self.key_id))
        query = [f"module-path={_quoted(str(self.module), '/')}"]
        if self.pin_source is not None:
            query.append(f"pin-source={_quoted(str(self.pin_source), '/')}")
        return f"{SCHEME}{';'.join(path)}?{'&'.join(query)}"

    @property
    def token_words(self) -> str:
        """The token, as a person calls it."""
        return ", ".join(f"{name} {value}" for name, value in self.token)

    @property
    def key_words(self) -> str:
        """The key on it, as a person calls it."""
        words = [] if self.label is None else [f"object {self.label}"]
        if self.key_id is not None:
            words.append(f"id {self.key_id.hex()}")
        return ", ".join(words)


def _attributes(
    text: str, separator: str, *, known: tuple[str, ...], value: re.Pattern[str]
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(separator):
        name, equals, encoded = part.partition("=")
        if name == "pin-value":
            raise UsageError(
                "a key URI must not hold a PIN (pin-value): it would lie on the disk, in the "
                "history of a shell and in backups; name a file with pin-source"
            )
        if name not in known:
            raise UsageError(
                f"the key URI has the attribute {name[:40]!r}: known here are {', '.join(known)}"
            )
        if name in found:
            raise UsageError(f"the key URI has the attribute {name} twice")
        if not equals or not value.fullmatch(encoded):
            raise UsageError(
                f"the value of {name} in the key URI is empty, or has a character that must be "
                "percent-encoded"
            )
        found[name] = unquote_to_bytes(encoded)
    return found


def _text(name: str, value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"the value of {name} in the key URI is not UTF-8") from error
    if not text.isprintable():
        raise UsageError(f"the value of {name} in the key URI has characters that do not print")
    return text


def _path(name: str, value: bytes) -> Path:
    path = Path(_text(name, value))
    if not path.is_absolute() or value.startswith(b"//"):
        raise UsageError(f"the {name} of the key URI must be an absolute path")
    return path


def _pin_source(value: bytes) -> Path:
    # A path or a file: URI without a host (RFC 8089). RFC 7512, section 2.4 also has "|command",
    # which runs a program.
    if value.startswith(b"file://"):
        return _path("pin-source", value.removeprefix(b"file://"))
    return _path("pin-source", value.removeprefix(b"file:"))


def _quoted(text: str, safe: str = "") -> str:
    return quote_from_bytes(text.encode(), safe=safe)
