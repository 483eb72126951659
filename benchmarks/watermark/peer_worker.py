"""Runs one peer inside the peers' environment; knows nothing of radseal.

    python peer_worker.py NAME

Requests come as lines of JSON on standard input, answers leave as lines of JSON on what was
standard output (what peers print goes to standard error). Pictures are .npy files.

    {"do": "embed", "picture": path, "payload": hex, "key": int, "out": path}
        -> {"token": str, "bits": str or null, "cpu": seconds}
    {"do": "read", "picture": path, "key": int, "own": bool, "turned": bool}
        -> {"token": str or null, "bits": str or null, "cpu": seconds}

A token is what was hidden, as text; a reader that finds nothing returns null. Readers that cannot
say no return whatever they read. ``own`` asks for the package's own reader where a faster one of
the same result stands in for it (dwtDct, dwtDctSvd, blind-watermark, wmforge: their loops in
Python over blocks of 4 x 4 take seconds a megapixel). ``turned`` says that the picture was turned
by a right angle, for the one reader that tries the four of them: elsewhere that changes nothing.
"""

import importlib
import importlib.util
import json
import os
import sys
import tempfile
import time
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[Any]
Read = tuple[str | None, str | None]
"""Token and raw bits."""


class Peer(Protocol):
    """One watermark: grey in, grey out."""

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, str, str | None]:
        """Return the marked picture, the token and the bits."""

    def read(self, picture: Pixels, key: int, *, own: bool) -> Read:
        """Return what is read from a picture of any size."""


def load(name: str) -> Any:
    return importlib.import_module(name)


def colour(picture: Pixels) -> Pixels:
    return np.ascontiguousarray(np.repeat(picture[..., None], 3, axis=2))


def grey(picture: Pixels, dtype: Any) -> Pixels:
    """Return luma of three channels (BT.601; R and B are alike here but for rounding)."""
    luma = picture[..., :3].astype(np.float64) @ (0.299, 0.587, 0.114)
    info = np.iinfo(dtype)
    return np.clip(np.rint(luma), info.min, info.max).astype(dtype)


def bits_of(payload: bytes, count: int) -> str:
    return "".join(f"{byte:08b}" for byte in payload)[:count]


def blocks(plane: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    high, wide = plane.shape[0] // 4, plane.shape[1] // 4
    cut = plane[: high * 4, : wide * 4].reshape(high, 4, wide, 4)
    return cut.transpose(0, 2, 1, 3).reshape(-1, 4, 4)


def haar(picture: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Return the low band, rounded as the peers' own library rounds it; odd ends meet black."""
    even = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2)))
    low: npt.NDArray[np.floating[Any]] = load("pywt").dwt2(even, "haar")[0]
    return low


class InvisibleWatermark:
    """invisible-watermark's dwtDct and dwtDctSvd, 64 bits, no key, cannot say no.

    Its modules are loaded by their files: the package itself imports torch for a third method.
    In luma (``scales=[36, 0, 0]``), or by default in a colour difference, which grey has not.
    """

    def __init__(self, module: str, name: str, scales: list[int] | None) -> None:
        spec = importlib.util.find_spec("imwatermark")
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError("imwatermark")
        file = Path(next(iter(spec.submodule_search_locations))) / f"{module}.py"
        found = importlib.util.spec_from_file_location(module, file)
        assert found is not None
        assert found.loader is not None
        loaded = importlib.util.module_from_spec(found)
        found.loader.exec_module(loaded)
        self.make = getattr(loaded, name)
        self.svd = module == "dwtDctSvd"
        self.options = {"scales": scales} if scales else {}

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, str, str | None]:
        text = bits_of(payload, 64)
        coder = self.make([int(bit) for bit in text], wmLen=64, **self.options)
        return grey(coder.encode(colour(picture)), picture.dtype), text, text

    def read(self, picture: Pixels, key: int, *, own: bool) -> Read:
        if own or not self.options:
            found = self.make([], wmLen=64, **self.options).decode(colour(picture))
        else:
            found = self._fast(picture)
        text = "".join(str(int(bit)) for bit in found)
        return text, text

    def _fast(self, picture: Pixels) -> Pixels:
        rows, columns = picture.shape
        tiles = blocks(haar(picture[: rows // 4 * 4, : columns // 4 * 4].astype(np.float64)))
        if self.svd:  # an orthogonal transform leaves the singular values alone
            value = np.linalg.svd(tiles, compute_uv=False)[:, 0]
        else:
            flat = np.abs(tiles.reshape(-1, 16)[:, 1:])
            value = flat.max(axis=1)
        votes = value % 36 > 18
        return averages(votes.astype(np.float64), 64) * 255 > 127


def averages(votes: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Return the mean vote for each of ``count`` bits that take turns."""
    turns = np.arange(len(votes)) % count
    return np.bincount(turns, votes, count) / np.maximum(np.bincount(turns, minlength=count), 1)


def shuffled_votes(picture: Pixels, seed: int) -> npt.NDArray[np.float64]:
    """Return what blind-watermark's extract_raw finds in a grey picture.

    Its two colour planes are constant and vote 0 everywhere.
    """
    tiles = blocks(haar(picture.astype(np.float32)))
    k, i = np.arange(4)[:, None], np.arange(4)[None]
    cosines = np.where(k == 0, 0.5, np.sqrt(0.5)) * np.cos(np.pi * (2 * i + 1) * k / 8)
    waves = (cosines @ tiles @ cosines.T).astype(np.float32).reshape(-1, 16)
    mixed = np.take_along_axis(waves, order(seed, len(waves)), axis=1).reshape(-1, 4, 4)
    values = np.linalg.svd(mixed, compute_uv=False)
    votes: npt.NDArray[np.float64] = (
        3.0 * (values[:, 0] % 36 > 18) + (values[:, 1] % 20 > 10)
    ) / 12
    return votes


@lru_cache(maxsize=2)
def order(seed: int, count: int) -> npt.NDArray[np.intp]:
    return np.random.RandomState(seed).random(size=(count, 16)).argsort(axis=1)


def halves(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Split numbers in two groups as blind-watermark does (one_dim_kmeans)."""
    low, high = float(values.min()), float(values.max())
    above: npt.NDArray[np.bool_] = values > (low + high) / 2
    for _ in range(300):
        before = (low + high) / 2
        above = values > before
        if above.all() or not above.any():
            break
        low, high = float(values[~above].mean()), float(values[above].mean())
        if abs((low + high) / 2 - before) < 1e-6:
            above = values > (low + high) / 2
            break
    return above


def unshuffled(bits: npt.NDArray[np.bool_], seed: int) -> npt.NDArray[np.bool_]:
    places = np.arange(len(bits))
    np.random.RandomState(seed).shuffle(places)
    found = np.empty_like(bits)
    found[places] = bits
    return found


class BlindWatermark:
    """blind-watermark, 64 bits, two seeds, cannot say no."""

    def __init__(self) -> None:
        self.module = load("blind_watermark")

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, str, str | None]:
        text = bits_of(payload, 64)
        coder = self.module.WaterMark(password_wm=key, password_img=key)
        coder.read_img(img=colour(picture))
        coder.read_wm([bit == "1" for bit in text], mode="bit")
        return grey(coder.embed(), picture.dtype), text, text

    def read(self, picture: Pixels, key: int, *, own: bool) -> Read:
        if own:
            coder = self.module.WaterMark(password_wm=key, password_img=key)
            found = coder.extract(embed_img=colour(picture), wm_shape=64, mode="bit")
        else:
            votes = averages(shuffled_votes(picture, key), 64)
            found = unshuffled(halves(votes), key)
        text = "".join(str(int(bit)) for bit in found)
        return text, text


class Wmforge:
    """wmforge, 24 bytes in a Reed-Solomon code, two seeds; it returns JPEG 92."""

    def __init__(self) -> None:
        self.module = load("wmforge")

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, str, str | None]:
        token = payload.hex()[:24]
        coded = self.module.pipeline.embed(colour(picture), token, key, key)
        return np.asarray(Image.open(BytesIO(coded)).convert("L")), token, None

    def read(self, picture: Pixels, key: int, *, own: bool) -> Read:
        codes = self.module.codes
        if own:
            stream = BytesIO()
            Image.fromarray(colour(picture)).save(stream, "PNG", compress_level=1)
            coded = stream.getvalue()
            found = self.module.pipeline.extract(
                coded, password_wm=key, password_img=key, prealign=True
            )
            return found, None
        votes = averages(shuffled_votes(self._aligned(picture), key), 8 * codes.BLIND_WM_LENGTH)
        word = np.packbits(unshuffled(halves(votes), key)).tobytes()
        try:
            data = codes.rs_decode(word, nsym=codes.BLIND_WM_ECC_BYTES).rstrip(b"\0")
        except codes.RSError:
            return None, None
        return data.decode("utf-8", "replace") or None, None

    def _aligned(self, picture: Pixels) -> Pixels:
        """Bring a picture to the size it is marked at, as wmforge's prealign_image does."""
        longer = self.module.codes.BLIND_WM_MAX_EDGE
        scale = longer / max(picture.shape)
        if scale == 1:
            return picture
        rows, columns = (max(16, (round(side * scale) + 8) // 16 * 16) for side in picture.shape)
        size = Image.fromarray(picture).resize((columns, rows), Image.Resampling.LANCZOS)
        return np.asarray(size)


class Ghostmark:
    """ghostmark-image, the luma layer: a place on earth in 43 bits and a CRC-16; no key.

    It tests its own mark before it returns it, in colour; here the test is made in grey, or it
    would always take the greatest strength, and goes on to 3.0. Quarter turns are tried, as its
    reader does on demand. Its crop reader is not called: it takes half a minute a picture, and
    read none of eleven crops.
    """

    STRENGTHS = (1.0, 1.4, 1.9, 2.4, 3.0)

    def __init__(self) -> None:
        self.module = load("ghostmark")
        self.core = load("ghostmark._core")

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, str, str | None]:
        number = int.from_bytes(payload[:6], "big")
        north, east = number % (1 << 21), (number >> 21) % (1 << 22)
        place = {
            "lat": north / (2**21 - 1) * 180 - 90,
            "lon": east / (2**22 - 1) * 360 - 180,
        }
        token = f"{north}:{east}"
        small = Image.fromarray(picture)
        small.thumbnail((1600, 1600), Image.Resampling.BILINEAR)
        for strength in self.STRENGTHS:
            marked = self.core.embed(colour(np.asarray(small)), place, strength, strength)
            stream = BytesIO()
            Image.fromarray(grey(marked, np.uint8)).save(stream, "JPEG", quality=70)
            if self.read(np.asarray(Image.open(stream)), key, own=False)[0] == token:
                break
        whole = self.module.mark(colour(picture), place, strength)
        return grey(whole, picture.dtype), token, None

    def read(self, picture: Pixels, key: int, *, own: bool) -> Read:
        place = self.core.read(colour(picture))["l2"]
        if not place or place["lat"] is None:
            return None, None
        north = round((place["lat"] + 90) / 180 * (2**21 - 1))
        east = round((place["lon"] + 180) / 360 * (2**22 - 1))
        return f"{north}:{east}", None

    def read_turned(self, picture: Pixels) -> Read:
        """Try four directions, the picture's own first."""
        for turn in (0, 3, 1, 2):
            found = self.read(np.rot90(picture, turn), 0, own=True)
            if found[0]:
                return found
        return None, None


class Clawid:
    """clawid, JSON with a CRC in the first rows; no key; "qim" is gentle, "fm" is strong."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.writer, self.reader = load("clawid.core.embed"), load("clawid.core.detect")

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, str, str | None]:
        token = payload[:16].hex()
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "marked.png")
            record = {"ts": 0, "clawid": token}
            source = Image.fromarray(colour(picture))
            self.writer.embed(source, path, record, algorithm=self.algorithm)
            marked = np.asarray(Image.open(path).convert("RGB"))
        return grey(marked, picture.dtype), token, None

    def read(self, picture: Pixels, key: int, *, own: bool) -> Read:
        record = self.reader.detect(Image.fromarray(colour(picture)), self.algorithm)
        return (str(record.get("clawid")) if record else None), None


class Files:
    """Base of peers whose functions take paths."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())

    def put(self, picture: Pixels) -> str:
        path = self.folder / "in.png"
        Image.fromarray(colour(picture)).save(path, compress_level=1)
        return str(path)

    def get(self, path: str, dtype: Any) -> Pixels:
        return grey(np.asarray(Image.open(path).convert("RGB")), dtype)


class Zenid(Files):
    """zenid, author and fingerprint in 256 bits, checked by HMAC under a key."""

    def __init__(self) -> None:
        super().__init__()
        self.module = load("zenid")

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, str, str | None]:
        token, out = payload.hex()[:12], str(self.folder / "out.png")
        self.module.embed_image(self.put(picture), out, f"key {key}", token)
        return self.get(out, picture.dtype), token, None

    def read(self, picture: Pixels, key: int, *, own: bool) -> Read:
        if min(picture.shape) < 128 or picture.size < 64 * 768:
            return None, None
        found = self.module.detect_image(self.put(picture), f"key {key}")
        return (found["author"] if found["verified"] else None), None


class CopyrightWatermark(Files):
    """copyright-watermark, a hash of 64 hex digits under a password."""

    def __init__(self) -> None:
        super().__init__()
        self.module = load("copyright_watermark")

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, str, str | None]:
        coder, out = self.module.CopyrightWatermarkPro(f"key {key}"), str(self.folder / "out.png")
        done = coder.embed_copyright(self.put(picture), {"id": payload.hex()}, out)
        if not done["success"]:
            raise ValueError(done.get("error"))
        return self.get(out, picture.dtype), done["copyright_hash"], None

    def read(self, picture: Pixels, key: int, *, own: bool) -> Read:
        found = self.module.CopyrightWatermarkPro(f"key {key}").extract_copyright(self.put(picture))
        return (found["copyright_hash"] if found["success"] else None), None


class Imagestego(Files):
    """imagestego's spread spectrum, a message of 16 characters."""

    def __init__(self) -> None:
        super().__init__()
        self.module = load("imagestego.steganography.spread_spectrum")

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, str, str | None]:
        token, out = payload.hex()[:16], str(self.folder / "out.png")
        self.module.embed_message(self.put(picture), token, out, password=f"key {key}")
        return self.get(out, picture.dtype), token, None

    def read(self, picture: Pixels, key: int, *, own: bool) -> Read:
        try:
            return str(self.module.extract_message(self.put(picture), password=f"key {key}")), None
        except ValueError:
            return None, None


class Melu:
    """melu: no payload, "marked or not" under a salt, with a stated false-alarm rate."""

    def __init__(self) -> None:
        self.module = load("melu")

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, str, str | None]:
        marked, _ = self.module.embed(Image.fromarray(picture), salt=f"key {key}")
        return np.clip(np.rint(marked.luma), 0, 255).astype(picture.dtype), "marked", None

    def read(self, picture: Pixels, key: int, *, own: bool) -> Read:
        found = self.module.detect(Image.fromarray(picture), salt=f"key {key}").found
        return ("marked" if found else None), None


def make(name: str) -> Peer:
    match name:
        case "dwtDct":
            return InvisibleWatermark("maxDct", "EmbedMaxDct", [36, 0, 0])
        case "dwtDct colour":
            return InvisibleWatermark("maxDct", "EmbedMaxDct", None)
        case "dwtDctSvd":
            return InvisibleWatermark("dwtDctSvd", "EmbedDwtDctSvd", [36, 0, 0])
        case "dwtDctSvd colour":
            return InvisibleWatermark("dwtDctSvd", "EmbedDwtDctSvd", None)
        case "blind-watermark":
            return BlindWatermark()
        case "wmforge":
            return Wmforge()
        case "ghostmark":
            return Ghostmark()
        case "clawid fm":
            return Clawid("fm")
        case "clawid qim":
            return Clawid("qim")
        case "zenid":
            return Zenid()
        case "copyright-watermark":
            return CopyrightWatermark()
        case "imagestego":
            return Imagestego()
        case "melu":
            return Melu()
    raise ValueError(f"no peer is called {name}")


def answer(peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
    picture = np.load(request["picture"])
    start = time.process_time()
    if request["do"] == "embed":
        payload = bytes.fromhex(request["payload"])
        marked, token, bits = peer.embed(picture, payload, request["key"])
        cpu = time.process_time() - start
        np.save(request["out"], marked)
        return {"token": token, "bits": bits, "cpu": cpu}
    if request["turned"] and isinstance(peer, Ghostmark):
        found, raw = peer.read_turned(picture)
    else:
        found, raw = peer.read(picture, request["key"], own=request["own"])
    return {"token": found, "bits": raw, "cpu": time.process_time() - start}


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what peers print is not an answer
    try:
        peer = make(sys.argv[1])
        hello: dict[str, Any] = {"ready": True}
    except Exception as error:  # noqa: BLE001 - any failure is the answer
        hello = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(hello), file=replies, flush=True)
    if "error" in hello:
        return
    for line in sys.stdin:
        try:
            reply = answer(peer, json.loads(line))
        except Exception as error:  # noqa: BLE001 - a peer may fail in any way
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
