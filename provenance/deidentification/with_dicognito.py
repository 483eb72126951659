"""The profile ``dicognito``: pseudonyms, shifted dates and new UIDs (MIT; extra ``deidentify``).

All objects of a study must get the same pseudonyms, and nobody may be able to compute them: so
the seed is a secret, in the file that RADSEAL_DEIDENTIFY_SEED_FILE names. Without it each process
draws its own, and the objects of one process belong together.
"""

import os
import re
import secrets
from functools import cache
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset

from provenance.errors import UsageError

SEED_FILE = "RADSEAL_DEIDENTIFY_SEED_FILE"
LEAST_SEED = 16
_LEAST_NAME = 3  # letters
_MOST_DRAWN = 64
# dicognito 0.19 leaves these as they are; each is in table E.1-1 of PS3.15.
_LEFT_BY_DICOGNITO = (
    "TimezoneOffsetFromUTC", "DeviceSerialNumber", "DeviceUID", "UDISequence", "DetectorID",
    "PatientAge", "PatientSize", "PatientWeight", "EthnicGroup",
    "StudyDescription", "SeriesDescription", "PatientComments", "ImageComments",
    "AdditionalPatientHistory", "RequestedProcedureDescription",
    "PerformedProcedureStepDescription",
)  # fmt: skip


def deidentify(dataset: Dataset) -> Dataset:
    """Give the dataset another identity; UsageError when dicognito cannot, or is not installed."""
    seed_file = os.environ.get(SEED_FILE)
    drawn = (_anonymizer(seed_file, number) for number in range(_MOST_DRAWN))
    chosen = next((each for each in drawn if _hides(each, dataset)), None)
    if chosen is None:
        raise UsageError("dicognito draws the names that are there again and again: use a tool")
    chosen.anonymize(dataset)
    for keyword in _LEFT_BY_DICOGNITO:
        if keyword in dataset:
            delattr(dataset, keyword)
    dataset.PatientSex = ""  # type 2: it may be empty, not absent
    return dataset


@cache
def _seed(seed_file: str | None) -> str:
    return secrets.token_hex(32) if seed_file is None else _read_seed(seed_file)


@cache
def _anonymizer(seed_file: str | None, number: int) -> Any:
    try:
        from dicognito.anonymizer import Anonymizer
    except ImportError as error:
        raise UsageError("dicognito is not installed: pip install 'radseal[deidentify]'") from error
    seed = _seed(seed_file)
    return Anonymizer(seed=f"{seed}-{number}" if number else seed)


def _hides(anonymizer: Any, dataset: Dataset) -> bool:
    """Whether times of day change, and no name is drawn that holds one that was there.

    dicognito shifts by whole hours, once in 24 by whole days, and draws from lists of usual names.
    What is asked is the same for all objects of a study, so they stay together.
    """
    probe = Dataset()
    probe.file_meta = FileMetaDataset()
    probe.StudyDate, probe.StudyTime = "20200102", "120000"
    for keyword in ("PatientName", "PatientSex", "PatientID", "ReferringPhysicianName"):
        if keyword in dataset:
            setattr(probe, keyword, str(dataset[keyword].value))
    before = [word for word in re.findall(r"\w+", _names(probe)) if len(word) >= _LEAST_NAME]
    anonymizer.anonymize(probe)
    drawn = _names(probe)
    return bool(probe.StudyTime != "120000") and not any(word in drawn for word in before)


def _names(dataset: Dataset) -> str:
    found = (dataset.get(each, "") for each in ("PatientName", "ReferringPhysicianName"))
    return " ".join(str(each) for each in found).casefold()


def _read_seed(path: str) -> str:
    try:
        seed = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{SEED_FILE}: {path} cannot be read: {error.strerror}") from error
    if len(seed) < LEAST_SEED:
        raise UsageError(f"{SEED_FILE}: {path} must hold at least {LEAST_SEED} bytes")
    return seed.hex()
