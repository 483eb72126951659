"""Read of an object what a policy may ask for. The header is the object's own word."""

import re
from datetime import date

from pydicom.dataset import Dataset

from provenance.dicom.header_text import header_text
from provenance.policy.facts import Arrival, Facts

# Acquisition DateTime, Acquisition, Content, Series and Study Date
OWN_DATES = (0x0008002A, 0x00080022, 0x00080023, 0x00080021, 0x00080020)
_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})[0-9.+-]*")  # DA, or DT of at least a day


def read_facts(dataset: Dataset, arrival: Arrival) -> Facts:
    """Return what the header says, beside how the object came in."""
    return Facts(
        arrival,
        modality=header_text(dataset, 0x00080060),
        sop_class=header_text(dataset, 0x00080016),
        station_name=header_text(dataset, 0x00081010),
        manufacturer=header_text(dataset, 0x00080070),
        model=header_text(dataset, 0x00081090),
        device_serial_number=header_text(dataset, 0x00181000),
        own_date=newest_date(dataset),
    )


def newest_date(dataset: Dataset) -> date | None:
    """Return the newest of the object's own dates; None if there is none, or one is no date."""
    texts = [header_text(dataset, tag) for tag in OWN_DATES]
    days = [_day(text) for text in texts if text is not None]
    known = [day for day in days if day is not None]
    return max(known, default=None) if len(known) == len(days) else None


def _day(text: str) -> date | None:
    """Return the day of a DA or DT value; None unless year, month and day are there."""
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
