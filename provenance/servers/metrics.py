"""What a server has done, in the text format that Prometheus reads (version 0.0.4)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

KIND = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One family of values: labels as they are printed, and a number for each."""

    name: str
    type: str
    words: str
    values: Sequence[tuple[str, float]]


def gauge(name: str, words: str, value: float) -> Metric:
    """Return a single value that goes up and down."""
    return Metric(name, "gauge", words, (("", value),))


class Requests:
    """How many requests each endpoint has answered with each status, and how long that took."""

    def __init__(self) -> None:
        self._count: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._lock = Lock()

    def count(self, endpoint: str, status: int, seconds: float) -> None:
        """Add one."""
        with self._lock:
            self._count[endpoint, status] += 1
            self._seconds[endpoint] += seconds  # type: ignore[assignment]

    def metrics(self) -> tuple[Metric, ...]:
        """Return the values so far."""
        with self._lock:
            counts, seconds = sorted(self._count.items()), sorted(self._seconds.items())
        return (
            Metric(
                "radseal_http_requests_total",
                "counter",
                "Requests answered, by endpoint and status.",
                [(f'{{endpoint="{e}",status="{s}"}}', n) for (e, s), n in counts],
            ),
            Metric(
                "radseal_http_request_seconds_total",
                "counter",
                "Seconds spent on answers, by endpoint.",
                [(f'{{endpoint="{e}"}}', n) for e, n in seconds],
            ),
        )


def exposition(metrics: Iterable[Metric]) -> bytes:
    """Return the text."""
    lines = []
    for each in metrics:
        lines += [f"# HELP {each.name} {each.words}", f"# TYPE {each.name} {each.type}"]
        lines += [f"{each.name}{labels} {value:.15g}" for labels, value in each.values]
    return ("\n".join(lines) + "\n").encode("ascii")
