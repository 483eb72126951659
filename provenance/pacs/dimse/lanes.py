"""Several associations with one archive: it writes one object while the next arrives.

Archives serve few at once (Orthanc four), so those beyond the first are let go of soon.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import LifoQueue

from provenance.pacs.dimse.storage_scu import StorageScu, Stored, UnreachableError
from provenance.pacs.spool.deliveries import Delivery

Outcome = Callable[[], Stored]


class Lanes:
    """Sends deliveries over some associations at once; the first is used wherever one is enough."""

    def __init__(self, scus: Sequence[StorageScu]) -> None:
        self._scus = scus
        self._idle: LifoQueue[StorageScu] = LifoQueue()
        for each in reversed(scus):
            self._idle.put(each)
        self._threads = ThreadPoolExecutor(len(scus), thread_name_prefix="radseal-lane")

    @property
    def is_open(self) -> bool:
        """Whether an association is held."""
        return any(each.is_open for each in self._scus)

    def send(
        self, due: Sequence[Delivery], *, stopping: Callable[[], bool]
    ) -> Iterator[tuple[Delivery, Outcome]]:
        """Yield each delivery once it is over, with what returns or raises what came of it.

        The oldest begins first. Nothing more begins once the archive does not answer, or when it
        is asked to stop; what is under way is waited for.
        """
        under_way: dict[Future[Stored], Delivery] = {}
        at, going = 0, True
        while under_way or (going and at < len(due)):
            while going and at < len(due) and len(under_way) < len(self._scus):
                also = due[at + 1 :]
                under_way[self._threads.submit(self._store, due[at], also)] = due[at]
                at += 1
            for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                going = going and not isinstance(done.exception(), UnreachableError)
                yield under_way.pop(done), done.result
            going = going and not stopping()

    @property
    def is_wide(self) -> bool:
        """Whether more than the first association is held."""
        return any(each.is_open for each in self._scus[1:])

    def narrow(self) -> None:
        """Release all but the first association."""
        for each in self._scus[1:]:
            each.close()

    def release(self) -> None:
        """Release all associations."""
        for each in self._scus:
            each.close()

    def close(self) -> None:
        """Send no more."""
        self._threads.shutdown()
        self.release()

    def _store(self, delivery: Delivery, also: Sequence[Delivery]) -> Stored:
        scu = self._idle.get()
        try:
            delivery.require_as_released()
            return scu.store(
                delivery.path, delivery.instance, also=[each.instance for each in also]
            )
        finally:
            self._idle.put(scu)
