"""Where jobs lie: in a file, which is in the site's folder by default, or beside its ledger."""

import re
from datetime import datetime
from pathlib import Path

from provenance.errors import UsageError
from provenance.scan.database import JobDatabase
from provenance.scan.job import Job
from provenance.site.site import Site

FOLDER = "scans"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{6}", re.ASCII)


def job_id(at: datetime, chance: bytes) -> str:
    """Return the name of a job that begins at a moment (UTC), with three bytes of chance."""
    return f"{at:%Y%m%dT%H%M%S}-{chance[:3].hex()}"


def new_place(name: str, file: Path | None, site: Site | None) -> Path | str:
    """Return where the new job ``name`` will lie: a path, or the URL of a database."""
    if file is not None:
        return file
    if site is None:
        raise UsageError("without a site, --job FILE must say where results are kept")
    if site.ledger is not None:
        return site.ledger
    folder = site.folder / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{name}.sqlite"


def make_database(place: Path | str) -> JobDatabase:
    """Make the file, or use the database that is there."""
    return JobDatabase.create(place) if isinstance(place, Path) else JobDatabase.at(place)


def find_job(name: str, site: Site | None) -> Job:
    """Open a job by the path of its file, or by its name at a site; UsageError if there is none."""
    path = Path(name)
    if path.is_file():
        return Job.open(JobDatabase.open(path))
    if not _ID.fullmatch(name):
        raise UsageError(f"{name} is neither a file nor the name of a job")
    if site is None:
        raise UsageError(f"there is no file {name}; a job of a site needs --site")
    in_folder = site.folder / FOLDER / f"{name}.sqlite"
    if in_folder.is_file():
        return Job.open(JobDatabase.open(in_folder))
    if site.ledger is None:
        raise UsageError(f"there is no job {name} at {site.folder}")
    return Job.open(JobDatabase.at(site.ledger), name)
