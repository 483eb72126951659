"""SoftHSM tokens in a folder of their own, for measurements and tests.

Tokens and keys are made by processes of their own: a PKCS#11 module is one thing for a process, and
the one that signs shall find it as any other would.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import quote

PIN = "5678"
_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
)


def softhsm_module() -> Path | None:
    """The PKCS#11 module of SoftHSM, or None where it is not installed."""
    if which("softhsm2-util") is None:
        return None
    return next((path for each in _MODULES if (path := Path(each)).exists()), None)


@dataclass(frozen=True)
class SoftHsm:
    """Tokens in ``folder``; whoever uses them sets SOFTHSM2_CONF to ``configuration``."""

    folder: Path
    module: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "softhsm2.conf"

    def make(self) -> None:
        """Write the configuration."""
        (self.folder / "tokens").mkdir(parents=True)
        self.configuration.write_text(
            f"directories.tokendir = {self.folder / 'tokens'}\nobjectstore.backend = file\n"
            "log.level = ERROR\n"
        )
        (self.folder / "pin").touch(mode=0o600)
        (self.folder / "pin").write_text(f"{PIN}\n")

    def make_token(self, label: str) -> Path:
        """Make a token and return its folder: moved away, the token is gone."""
        before = set((self.folder / "tokens").iterdir())
        words = ["softhsm2-util", "--init-token", "--free", "--label", label]
        self._run([*words, "--so-pin", "12345678", "--pin", PIN])
        (made,) = set((self.folder / "tokens").iterdir()) - before
        return made

    def make_key(self, token: str, kind: str, label: str, *, key_id: int = 1) -> None:
        """Make a key pair: "P256", "ED25519", "P384", "RSA", or "OPEN", extractable P-256."""
        words = [sys.executable, "-m", "benchmarks.softhsm", str(self.module), token]
        self._run([*words, kind, label, str(key_id)])

    def uri(self, token: str, label: str, *, pin: Path | None = None) -> str:
        """The URI of a key."""
        source = quote(str(pin or self.folder / "pin"))
        return f"pkcs11:token={token};object={label}?module-path={self.module}&pin-source={source}"

    def _run(self, words: list[str]) -> None:
        environment = {**os.environ, "SOFTHSM2_CONF": str(self.configuration)}
        home = Path(__file__).resolve().parents[1]
        subprocess.run(words, env=environment, cwd=home, check=True, capture_output=True)


def _make_key(module: str, token: str, kind: str, label: str, number: str) -> None:
    import pkcs11
    from pkcs11 import Attribute, KeyType, Mechanism
    from pkcs11.util.ec import encode_named_curve_parameters

    about: dict[str, Any] = {"store": True, "label": label, "id": bytes([int(number)])}
    with pkcs11.lib(module).get_token(token_label=token).open(rw=True, user_pin=PIN) as session:
        if kind == "RSA":
            session.generate_keypair(KeyType.RSA, 2048, **about)
        elif kind == "ED25519":  # SoftHSM 2.6.1 knows the curve by its name, as a PrintableString
            curve = {Attribute.EC_PARAMS: b"\x13\x0cedwards25519"}
            parameters = session.create_domain_parameters(KeyType.EC_EDWARDS, curve, local=True)
            parameters.generate_keypair(mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, **about)
        else:
            name = "secp384r1" if kind == "P384" else "secp256r1"
            curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(name)}
            parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
            template = {Attribute.EXTRACTABLE: True} if kind == "OPEN" else {}
            parameters.generate_keypair(private_template=template, **about)


if __name__ == "__main__":
    _make_key(*sys.argv[1:])
