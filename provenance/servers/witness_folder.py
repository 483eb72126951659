"""The folder of a witness: its keys, the logs it knows, what it remembers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ledger import Cosigner, LedgerError, TrustedLogs, Witness, create_witness, open_witness
from provenance.errors import UsageError
from provenance.keys.signers import write_secret

MAX_LOGS_FILE = 1 << 20

_KEYS, _LOGS, _MEMORY = "witness.keys", "logs", "witness.db"


@dataclass(frozen=True, slots=True)
class WitnessFolder:
    """Where a witness lives; ``make`` and ``open`` build it."""

    folder: Path
    cosigner: Cosigner
    logs: tuple[str, ...]

    @classmethod
    def make(cls, folder: Path, *, name: str, logs: Sequence[str]) -> Self:
        """Make a witness with fresh keys in an empty folder; UsageError if something is there."""
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty: a witness needs a folder of its own")
        trusted = _check(logs)
        if any(log.origin == name for log in trusted.logs):
            raise UsageError(f"{name} is the name of a log: it would never count as a witness")
        cosigner = Cosigner.generate(name)
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{vkey.strip()}\n" for vkey in logs)
        try:
            write_secret(folder / _KEYS, cosigner.to_bytes())
            (folder / _LOGS).write_text(text, encoding="utf-8")
            create_witness(folder / _MEMORY)
        except (LedgerError, OSError):
            for part in (_KEYS, _LOGS, _MEMORY):  # keys without a memory are no witness
                (folder / part).unlink(missing_ok=True)
            raise
        return cls(folder, cosigner, tuple(logs))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read keys and logs; UsageError if the folder is no witness's."""
        cosigner = Cosigner.from_bytes(_read(folder / _KEYS))
        try:
            lines = _read(folder / _LOGS).decode("utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise UsageError(f"{folder / _LOGS} is not a text file of verifier keys") from error
        logs = tuple(line for line in lines if line.strip() and not line.startswith("#"))
        _check(logs)
        return cls(folder, cosigner, logs)

    def witness(self) -> Witness:
        """Open what the witness remembers."""
        return open_witness(self.folder / _MEMORY, cosigner=self.cosigner, vkeys=self.logs)


def _check(logs: Sequence[str]) -> TrustedLogs:
    try:
        return TrustedLogs.from_vkeys(logs)
    except LedgerError as error:
        raise UsageError(f"a verifier key of a log is not valid: {error}") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LOGS_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_LOGS_FILE:
        raise UsageError(f"{path} is too large")
    return data
