"""The profile ``dicognito``: pseudonyms, shifted dates and new UIDs (MIT; extra ``deidentify``).

All objects of a study must get the same pseudonyms, and nobody may be able to compute them: so
the seed is a secret, in the file that RADSEAL_DEIDENTIFY_SEED_FILE names. Without it each process
draws its own, and the objects of one process belong together.
"""

import os
import secrets
from functools import cache
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

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
    return Anonymizer(seed=secrets.token_hex(32) if seed_file is None else _read_seed(seed_file))


def _read_seed(path: str) -> str:
    try:
        seed = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{SEED_FILE}: {path} cannot be read: {error.strerror}") from error
    if len(seed) < LEAST_SEED:
        raise UsageError(f"{SEED_FILE}: {path} must hold at least {LEAST_SEED} bytes")
    return seed.hex()
