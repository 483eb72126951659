"""What can go wrong, split by what the caller does next."""


class WatermarkError(Exception):
    """Base of everything this package raises."""


class ArgumentError(WatermarkError, ValueError):
    """The call is wrong: a shape, a type, a length or a name that no image can have."""


class CapacityError(WatermarkError):
    """This image cannot carry the mark; seal it unmarked."""


class MalformedError(WatermarkError):
    """These bytes are not restore data of a version we know."""


class RestoreError(WatermarkError):
    """Restore data, key and image do not belong together."""
