"""Where the private key of a site's actor lies: in a file of the site, or where a URI file says.

keys/ROLE.key.pem       the key itself, PKCS#8
keys/ROLE.key.uri       one line: a pkcs11: URI (RFC 7512), or the absolute path of a PKCS#8 file
keys/ROLE.next.key.*    the same of the key that takes its place, while it is being renewed

There is one of them, never both: which key signs must not depend on a rule that somebody forgets.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ledger import Role, Signer
from provenance.errors import UsageError
from provenance.keys.key_uri import MAX_URI, SCHEME, KeyUri
from provenance.keys.passphrases import new_passphrase
from provenance.keys.signers import encrypt_key, is_encrypted, load_signer
from provenance.keys.token_keys import open_token_key


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A key, by the URI of a token's or the path of a file's; nothing is opened before it signs."""

    where: KeyUri | Path

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a pkcs11: URI or an absolute path; UsageError for anything else."""
        if text.startswith(SCHEME):
            return cls(KeyUri.parse(text))
        if not 0 < len(text) <= MAX_URI or not text.isprintable():
            raise UsageError("a key is named by a pkcs11: URI or a path, on one line")
        path = Path(text)
        if not path.is_absolute():
            raise UsageError(
                f"{text} is neither a pkcs11: URI nor an absolute path, which alone means the same "
                "from every folder"
            )
        return cls(path)

    def __str__(self) -> str:
        """The one form that ``parse`` reads back; it names no PIN."""
        return str(self.where)

    def signer(self) -> Signer:
        """Open the key; UsageError or KeyUnavailableError says why it cannot sign."""
        match self.where:
            case KeyUri() as uri:
                return open_token_key(uri)
            case path:
                return load_signer(path)


def key_file(site: Path, role: Role) -> Path:
    """Where the key of ``role`` is if it lies in the site's folder ``site``."""
    return site / "keys" / f"{role}.key.pem"


def uri_file(site: Path, role: Role) -> Path:
    """Where the URI of the key of ``role`` is if it lies elsewhere."""
    return site / "keys" / f"{role}.key.uri"


def next_of(path: Path) -> Path:
    """The file that takes the place of ``path``: device.key.pem is followed by device.next.key.pem.

    It holds a key that may be in the log already, and is kept until it is in use.
    """
    role, _, kind = path.name.partition(".key.")
    return path.with_name(f"{role}.next.key.{kind}")


def present_key(site: Path, role: Role) -> KeyPlace:
    """Return where the key of ``role`` lies; UsageError if it lies nowhere, or in two places."""
    pem, uri = key_file(site, role), uri_file(site, role)
    match pem.exists(), uri.exists():
        case False, True:
            return read_uri_file(uri)
        case True, True:
            raise UsageError(
                f"there are {pem.name} and {uri.name} in {pem.parent}, and only one can be the "
                f"key of the {role}: move away the one that is not that of "
                f"certificates/{role}.pem"
            )
        case True, False:
            return KeyPlace(pem)
        case _ if (
            role is Role.DEIDENTIFIER and not (site / "certificates" / f"{role}.pem").exists()
        ):
            raise UsageError(f"the site has no {role} yet: radseal key renew {role} makes its key")
        case _:
            raise UsageError(
                f"there is no key of the {role} in {pem.parent}: restore {pem.name} or {uri.name} "
                f"from a backup (if a renewal was cut off, radseal key renew {role} ends it)"
            )


def read_uri_file(path: Path) -> KeyPlace:
    """Read a URI file: one line, and nothing else."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_URI + 2)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return KeyPlace.parse(content.decode().removesuffix("\n"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def encrypt_site_key(site: Path, name: str) -> Path:
    """Encrypt the key file of a role, or of an authority (``ca``); return its path.

    ``device.second`` and ``ca.second`` name the keys of second signatures.

    Until the encrypted file is whole, the plain one stays.
    """
    if name == "ca" or name.endswith(".second"):
        place = KeyPlace(site / "keys" / f"{name}.key.pem")
    else:
        place = present_key(site, Role(name))
    match place.where:
        case KeyUri():
            raise UsageError(f"the key of the {name} lies on a token: there is no file to encrypt")
        case path:
            if is_encrypted(path):
                raise UsageError(f"the key in {path} is encrypted already")
            encrypt_key(path, new_passphrase(path))
            return path
