"""A real rsyslog with TLS on loopback, configured as docs/audit-trail.md says, for tests."""

import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from benchmarks.ports import free_port

PAGE = Path(__file__).resolve().parents[2] / "docs" / "audit-trail.md"
GATEWAY = "gateway.audit.example"
COLLECTOR = "collector.audit.example"
PATIENCE = 90.0


def rsyslog_missing() -> str:
    """Why there is no rsyslog with TLS here; empty if there is one."""
    if shutil.which("rsyslogd") is None:
        return "rsyslogd is not installed"
    libraries = Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")
    return "" if any(libraries) else "rsyslog-gnutls is not installed"


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Return once it holds; it is given a minute and a half."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.05)


@dataclass(frozen=True)
class Certificates:
    """An authority and what it has issued, as PEM files in one folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "audit authority")])
        authority = self._certificate(name, name, key, key, None)
        self.ca.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        for who in (GATEWAY, COLLECTOR):
            self._issue(who, name, key)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def certificate(self, who: str) -> Path:
        return self.folder / f"{who}.pem"

    def key(self, who: str) -> Path:
        return self.folder / f"{who}.key"

    def _issue(self, who: str, issuer: x509.Name, signer: ec.EllipticCurvePrivateKey) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)])
        certificate = self._certificate(name, issuer, key, signer, who)
        self.certificate(who).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.key(who).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def _certificate(
        self,
        name: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey,
        host: str | None,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
        )
        if host is None:
            usage = x509.KeyUsage(
                digital_signature=False, content_commitment=False, key_encipherment=False,
                data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
                encipher_only=False, decipher_only=False,
            )  # fmt: skip
            builder = builder.add_extension(usage, critical=True)
        else:
            names = [x509.DNSName(host), x509.IPAddress(ip_address("127.0.0.1"))]
            builder = builder.add_extension(
                x509.SubjectAlternativeName(names), critical=False
            ).add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
        return builder.sign(signer, hashes.SHA256())


class Rsyslog:
    """One receiver; it can be stopped and started again on the same port."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        folder.mkdir()
        self.port = free_port()
        self.file = folder / "audit.log"
        self._folder = folder
        self.certificates = certificates
        self._process: subprocess.Popen[bytes] | None = None
        (found,) = re.findall(r"```rsyslog\n(.*?)```", PAGE.read_text(), re.DOTALL)
        text = f'global(workDirectory="{folder}")\n{found}'
        for here, there in (
            ("/etc/radseal-audit/ca.pem", certificates.ca),
            ("/etc/radseal-audit/collector.pem", certificates.certificate(COLLECTOR)),
            ("/etc/radseal-audit/collector.key", certificates.key(COLLECTOR)),
            ("/var/log/radseal-audit.log", self.file),
            ('port="6514"', f'port="{self.port}"'),
        ):
            assert text.count(here) == 1, here
            text = text.replace(here, str(there))
        self._configuration = folder / "rsyslog.conf"
        self._configuration.write_text(text)

    def start(self) -> None:
        """Start it, and return once a client of ours is let in."""
        with (self._folder / "rsyslogd.err").open("ab") as errors:
            self._process = subprocess.Popen(
                ["rsyslogd", "-n", "-f", self._configuration, "-i", self._folder / "pid"],
                stdout=errors,
                stderr=errors,
            )
        wait_for(self._answers, f"rsyslogd does not answer: {self.errors()}")

    def stop(self, *, kill: bool = False) -> None:
        """End it in good order, or at once."""
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        self._process.wait(PATIENCE)
        self._process = None

    def lines(self) -> list[str]:
        """What it has written so far."""
        if not self.file.exists():
            return []
        return self.file.read_text(encoding="utf-8").splitlines()

    def errors(self) -> str:
        """What it has said of itself."""
        file = self._folder / "rsyslogd.err"
        return file.read_text(errors="replace") if file.exists() else ""

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.errors()
        context = ssl.create_default_context(cafile=str(self.certificates.ca))
        context.load_cert_chain(
            self.certificates.certificate(GATEWAY), self.certificates.key(GATEWAY)
        )
        try:
            with (
                socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
                context.wrap_socket(plain, server_hostname=COLLECTOR) as line,
            ):
                line.unwrap()
        except ssl.SSLEOFError:
            return True
        except OSError:
            return False
        return True
