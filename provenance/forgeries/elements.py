"""Set elements without a look at what stood there: pydicom would decode the old value, and warn."""

from pydicom import Dataset
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement


def put(dataset: Dataset, **values: object) -> None:
    """Set elements by keyword, with the VR of the dictionary."""
    for keyword, value in values.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        dataset[tag] = DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE)


def put_pixels(dataset: Dataset, value: bytes, *, encapsulated: bool) -> None:
    """Set Pixel Data as bytes or as encapsulated fragments."""
    element = DataElement(0x7FE00010, "OB", value)
    element.is_undefined_length = encapsulated
    dataset[0x7FE00010] = element


def drop(dataset: Dataset, *keywords: str) -> None:
    """Remove elements by keyword, where they are."""
    for keyword in keywords:
        if keyword in dataset:
            del dataset[keyword]


def decode_big_endian(dataset: Dataset) -> None:
    """Decode whatever is stored big endian, so that it can be written little endian."""
    for tag in list(dataset.keys()):
        element: object = dataset.get_item(tag)
        if isinstance(element, RawDataElement) and not element.is_little_endian:
            dataset[tag] = dataset[tag]
