"""What docs/orthanc.md says to copy, with nothing but ports and paths replaced."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPT = CHECKOUT / "plugins" / "orthanc" / "radseal_orthanc.py"
DEBIAN = Path("/etc/orthanc")
_PAGE = CHECKOUT / "docs" / "orthanc.md"


@dataclass(frozen=True, slots=True)
class Page:
    """The two files of Orthanc and the command of the service, as the page has them."""

    python: dict[str, object]
    orthanc: dict[str, object]
    serve: list[str]

    @classmethod
    def read(cls) -> "Page":
        """Read the page."""
        text = _PAGE.read_text(encoding="utf-8")
        first, second = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
        (serve,) = re.findall(r"^radseal (serve .*)$", text, re.MULTILINE)
        return cls(json.loads(first), json.loads(second), shlex.split(serve))

    def write(
        self,
        folder: Path,
        *,
        http: int,
        dicom: int,
        url: str,
        door: Path,
        token: Path,
        with_script: bool,
    ) -> Path:
        """Write Orthanc's folder of configuration files, with those that Debian adds."""
        made = folder / "etc"
        made.mkdir(exist_ok=True)
        for name in ("dicomweb.json", "worklists.json", "serve-folders.json"):
            (made / name).write_bytes((DEBIAN / name).read_bytes())
        own = {"Door": str(door), "Url": url, "TokenFile": str(token)}
        radseal = {**_table(self.orthanc["Radseal"]), **own}
        database = str(folder / "db")
        places = {"StorageDirectory": database, "IndexDirectory": database}
        ports = {"HttpPort": http, "DicomPort": dicom}
        orthanc = {**self.orthanc, **places, **ports, "Radseal": radseal}
        (made / "orthanc.json").write_text(json.dumps(orthanc))
        if with_script:
            python = {**self.python, "PythonScript": str(SCRIPT)}
            (made / "python.json").write_text(json.dumps(python))
        return made

    def command(
        self, *, site: Path, policy: Path, spool: Path, token: Path, door: Path, listen: str
    ) -> list[str]:
        """Return the words of `radseal serve`."""
        replaced = {
            "--site": str(site),
            "--policy": str(policy),
            "--spool": str(spool),
            "--token": str(token),
            "--door": str(door),
            "--listen": listen,
        }
        words = list(self.serve)
        for option, value in replaced.items():
            words[words.index(option) + 1] = value
        return words


def _table(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value
