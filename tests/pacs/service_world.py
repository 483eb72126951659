"""What a service is told about its archives, for tests."""


def archive_table(port: int = 1, *, web: int | None = None, title: str = "ORTHANC") -> str:
    """Return the table of an archive on this machine; at the port 1 nobody listens."""
    name = f'[[archives]]\nname = "archive"\nae_title = "{title}"\n'
    url = "" if web is None else f'dicomweb = "http://127.0.0.1:{web}/dicom-web"\n'
    return f'{name}host = "127.0.0.1"\nport = {port}\n{url}'
