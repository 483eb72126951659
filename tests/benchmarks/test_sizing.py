"""The sums of docs/sizing.md: the page has what the command prints, from the figures it names."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks import sizing
from benchmarks.sizing import Processor, Site, rows, table

PAGE = (Path(__file__).parents[2] / "docs/sizing.md").read_text(encoding="utf-8")


def test_the_page_has_the_table() -> None:
    assert table(sizing.SITES) in PAGE


def test_the_page_names_what_the_sums_are_of() -> None:
    for words in (
        f"all processes of a gateway | {sizing.ALL.ct:.0f} ms | {sizing.ALL.dx:.0f} ms |",
        f"that listens | {sizing.LISTENING.ct:.0f} ms | {sizing.LISTENING.dx:.0f} ms |",
        f"| a custody event, indexes and tiles included | {sizing.ENTRY_BYTES} |",
        f"| in the spool's database | {sizing.SPOOL_BYTES:,} bytes |",
        f"| ... and after it was forgotten | {sizing.MEMORY_BYTES} bytes |",
        f"with one archive | {sizing.GATEWAY_MIB} MiB |",
    ):
        assert words in PAGE, words


def test_a_site_by_hand() -> None:
    """96,000 objects: 6/s in the peak; 40 ms each are a quarter of a core, half used."""
    cells = dict(
        zip(
            sizing.HEADS,
            rows(
                Site("x", 96_000, 48),
                everything=Processor(400, 400),
                listening=Processor(100, 100),
            ),
            strict=True,
        )
    )
    assert cells["objects in the peak"] == "6/s"
    assert cells["mean size"] == "0.5 MB"
    assert cells["cores for gateways"] == "5"  # 6 x 0.4 / 0.5 = 4.8
    assert cells["gateways, each with a spool of its own"] == "2"  # 6 x 0.1 / 0.5 = 1.2
    assert cells["network, in and as much out, peak"] == "3 MB/s"
    assert cells["spool: archive away for 3 days"] == "144 GB"
    assert cells["quarantine: 0.5 % for 14 days"] == "3.4 GB"
    assert cells["ledger, a year: custody events"] == "55 GB"  # 96,000 x 260 x 3 x 734
    assert cells["events in the peak"] == "18/s"


@given(
    objects=st.integers(1, 10**8),
    size=st.floats(0.01, 500, allow_nan=False),
    more=st.integers(1, 100),
)
def test_more_needs_no_less(objects: int, size: float, more: int) -> None:
    def numbers(count: int) -> list[float]:
        cells = rows(Site("x", count, count * size / 1000))
        return [float(cell.split("/")[0].split()[0].replace(",", "")) for cell in cells]

    few, many = numbers(objects), numbers(objects * more)
    assert all(b >= a for a, b in zip(few, many, strict=True) if a)
