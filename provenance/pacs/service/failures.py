"""Why there is no verdict: said to whoever asked, and nothing was taken."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from provenance.errors import UsageError
from provenance.pacs.service.frames import FrameError

_logger = logging.getLogger(__name__)


class Cause(StrEnum):
    """Why nothing was judged."""

    SETTING = "setting"
    DISK = "disk"
    DEFECT = "defect"
    LOST = "lost"


class NotJudgedError(Exception):
    """There is no verdict, and none is made up: its sender must send it again."""

    def __init__(self, cause: Cause, words: str) -> None:
        super().__init__(cause, words)
        self.cause = cause
        self.words = words


@contextmanager
def told_failures() -> Iterator[None]:
    """Make every error in here one that can be told to whoever asked."""
    try:
        yield
    except (NotJudgedError, FrameError):
        raise
    except UsageError as error:
        raise NotJudgedError(Cause.SETTING, str(error)) from None
    except (OSError, sqlite3.Error) as error:
        _logger.error("the disk fails: %s", type(error).__name__)
        words = f"the disk fails: {getattr(error, 'strerror', None) or type(error).__name__}"
        raise NotJudgedError(Cause.DISK, words) from None
    except Exception as error:
        _logger.exception("judging failed")
        words = f"judging failed ({type(error).__name__}): a defect, please report it"
        raise NotJudgedError(Cause.DEFECT, words) from None
