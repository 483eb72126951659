"""The profile ``dicognito``: pseudonyms, shifted dates and new UIDs (MIT; extra ``deidentify``).

All objects of a study must get the same pseudonyms, and nobody may be able to compute them: so
the seed is a secret, in the file that RADSEAL_DEIDENTIFY_SEED_FILE names. Without it each process
draws its own, and the objects of one process belong together.
"""

import os
import secrets
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset

from provenance.errors import UsageError

SEED_FILE = "RADSEAL_DEIDENTIFY_SEED_FILE"
LEAST_SEED = 16
# dicognito 0.19 leaves these as they are; each is in table E.1-1 of PS3.15.
_LEFT_BY_DICOGNITO = (
    "TimezoneOffsetFromUTC", "DeviceSerialNumber", "DeviceUID", "UDISequence", "DetectorID",
    "PatientAge", "PatientSize", "PatientWeight", "EthnicGroup",
    "StudyDescription", "SeriesDescription", "PatientComments", "ImageComments",
    "AdditionalPatientHistory", "RequestedProcedureDescription",
    "PerformedProcedureStepDescription",
)  # fmt: skip


def deidentify(dataset: Dataset) -> Dataset:
    """Give the dataset another identity; UsageError when dicognito is not installed."""
    _anonymizer(os.environ.get(SEED_FILE)).anonymize(dataset)
    for keyword in _LEFT_BY_DICOGNITO:
        if keyword in dataset:
            delattr(dataset, keyword)
    dataset.PatientSex = ""  # type 2: it may be empty, not absent
    return dataset


@cache
def _anonymizer(seed_file: str | None) -> Any:
    try:
        from dicognito.anonymizer import Anonymizer
    except ImportError as error:
        raise UsageError("dicognito is not installed: pip install 'radseal[deidentify]'") from error
    seed = secrets.token_hex(32) if seed_file is None else _read_seed(seed_file)
    made = (Anonymizer(seed=f"{seed}-{n}" if n else seed) for n in count())
    return next(each for each in made if _moves_the_clock(each))


def _moves_the_clock(anonymizer: Any) -> bool:
    """Whether times of day change: dicognito shifts by whole hours, once in 24 by whole days."""
    probe = Dataset()
    probe.file_meta = FileMetaDataset()
    probe.StudyDate, probe.StudyTime = "20200102", "120000"
    anonymizer.anonymize(probe)
    return bool(probe.StudyTime != "120000")


def _read_seed(path: str) -> str:
    try:
        seed = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{SEED_FILE}: {path} cannot be read: {error.strerror}") from error
    if len(seed) < LEAST_SEED:
        raise UsageError(f"{SEED_FILE}: {path} must hold at least {LEAST_SEED} bytes")
    return seed.hex()
