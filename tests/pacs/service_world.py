"""What a service is told of its archives and its collector, and an object altered on its way."""

from rsyslog_receiver import COLLECTOR, GATEWAY, Rsyslog


def archive_table(port: int = 1, *, web: int | None = None, title: str = "ORTHANC") -> str:
    """Return the table of an archive on this machine; at the port 1 nobody listens."""
    name = f'[[archives]]\nname = "archive"\nae_title = "{title}"\n'
    url = "" if web is None else f'dicomweb = "http://127.0.0.1:{web}/dicom-web"\n'
    return f'{name}host = "127.0.0.1"\nport = {port}\n{url}'


def audit_table(receiver: Rsyslog) -> str:
    """Return the table of whoever collects audit messages."""
    certificates = receiver.certificates
    return f"""[audit]
host = "127.0.0.1"
port = {receiver.port}
server_name = "{COLLECTOR}"
tls_ca = "{certificates.ca}"
tls_certificate = "{certificates.certificate(GATEWAY)}"
tls_key = "{certificates.key(GATEWAY)}"
"""


def altered(sealed: bytes) -> bytes:
    """Return it with one bit of its pixels changed."""
    bad = bytearray(sealed)
    bad[sealed.index(b"\xe0\x7f\x10\x00") + 40] ^= 1
    return bytes(bad)
