"""What is known of an object beside its verdict, and from whom. Values only.

Nothing here is proven: titles are what the sender called itself, the header is what the object
says. None is not known, which never helps an object in.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Fact(StrEnum):
    """What a condition can ask for, by its key in the policy."""

    CALLING_AE = "calling_ae"
    CALLED_AE = "called_ae"
    MODALITY = "modality"
    SOP_CLASS = "sop_class"
    STATION_NAME = "station_name"
    MANUFACTURER = "manufacturer"
    MODEL = "model"
    DEVICE_SERIAL_NUMBER = "device_serial_number"
    SIGNER = "signer"

    @property
    def words(self) -> str:
        """What a person calls it."""
        return _WORDS.get(self, self.value.replace("_", " "))


_WORDS = {
    Fact.CALLING_AE: "calling AE title",
    Fact.CALLED_AE: "called AE title",
    Fact.SOP_CLASS: "SOP class",
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """How an object came in: the titles of its association, the time by the verifier's clock."""

    calling_ae: str | None = None
    called_ae: str | None = None
    arrived_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.arrived_at is not None and self.arrived_at.tzinfo is None:
            raise ValueError("a time of arrival needs its time zone")


NO_ARRIVAL = Arrival()


@dataclass(frozen=True, slots=True)
class Facts:
    """The arrival, and what the header says of device, kind and date (the newest of its dates)."""

    arrival: Arrival = NO_ARRIVAL
    modality: str | None = None
    sop_class: str | None = None
    station_name: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    device_serial_number: str | None = None
    own_date: date | None = None

    def text(self, fact: Fact) -> str | None:
        """Return what is known; nothing of the signer, whom the verdict knows."""
        match fact:
            case Fact.CALLING_AE:
                return self.arrival.calling_ae
            case Fact.CALLED_AE:
                return self.arrival.called_ae
            case Fact.MODALITY:
                return self.modality
            case Fact.SOP_CLASS:
                return self.sop_class
            case Fact.STATION_NAME:
                return self.station_name
            case Fact.MANUFACTURER:
                return self.manufacturer
            case Fact.MODEL:
                return self.model
            case Fact.DEVICE_SERIAL_NUMBER:
                return self.device_serial_number
            case Fact.SIGNER:
                return None


NO_FACTS = Facts()
