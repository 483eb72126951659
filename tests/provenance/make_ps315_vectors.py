"""Make tests/vectors/ps315: needs dcmsign, dcmconv and openssl. Run once; vectors stay as they are.

python tests/provenance/make_ps315_vectors.py
python tests/provenance/make_ps315_vectors.py timestamps   (those with a timestamp alone)
"""

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from provenance.dicom.read import read_instance
from provenance.dicom.write import write_instance
from provenance.ps315.profiles import Profile
from provenance.ps315.sign import DicomSigner, sign_object
from provenance.ps315.stamp import insert_timestamp

FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "ps315"
DX = "1.2.840.10008.5.1.4.1.1.1.1"


def run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def image(path: Path) -> None:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = DX
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "2.25.1"
    data.StudyInstanceUID, data.SeriesInstanceUID = "2.25.2", "2.25.3"
    data.SpecificCharacterSet, data.PatientName, data.PatientID = "ISO_IR 100", "Müller^Jörg", "P-1"
    data.Manufacturer, data.Modality, data.ImageLaterality = "Måker", "DX", "R"
    data.PixelSpacing, data.PhotometricInterpretation = ["0.15", "0.15"], "MONOCHROME2"
    data.SamplesPerPixel, data.Rows, data.Columns = 1, 4, 4
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-D3000", "SRT", "Chest"
    data.AnatomicRegionSequence = [code]
    data.PixelData = np.arange(16, dtype="<u2").tobytes()
    data.save_as(path, enforce_file_format=True)


def identity(folder: Path, kind: str) -> tuple[Path, Path]:
    key, certificate = folder / f"{kind}.key", folder / f"{kind}.crt"
    how = ["-newkey", "rsa:2048"]
    if kind == "ec":
        how = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subject = f"/CN=vector {kind}"
    run("openssl", "req", "-x509", *how, "-nodes", "-keyout", key, "-out", certificate,
        "-subj", subject, "-days", 3650)  # fmt: skip
    return key, certificate


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, implicit, dump = folder / "in.dcm", folder / "implicit.dcm", folder / "stream"
        image(plain)
        run("dcmconv", "+ti", plain, implicit)
        rsa, ec = identity(folder, "rsa"), identity(folder, "ec")
        theirs = "dcmsign-creator.dcm"
        words = ("-pw", "+m2", "+pc", "+d", dump, "-t", "SOPInstanceUID")
        run("dcmsign", "+s", *rsa, *words, plain, FOLDER / theirs)
        run("dcmsign", "+s", *ec, "-pw", "+mr", implicit, FOLDER / "dcmsign-ec-ripemd160.dcm")
        item = "AnatomicRegionSequence[0]"
        run("dcmsign", "+si", *rsa, item, "-pw", "+m5", plain, FOLDER / "dcmsign-item.dcm")
        for target, source, pair, profile in (
            ("radseal-creator.dcm", plain, rsa, Profile.CREATOR),
            ("radseal-authorization.dcm", implicit, rsa, Profile.AUTHORIZATION),
            ("radseal-unprofiled-ec.dcm", plain, ec, Profile.UNPROFILED),
        ):
            instance = read_instance(source)
            signer = DicomSigner.load(*pair, profile)
            sign_object(instance, signer, uid="2.25.17", at=datetime.now(UTC))
            write_instance(instance, FOLDER / target)
        forged = (FOLDER / theirs).read_bytes()
        assert forged.count(b"CS\2\0R ") == 1
        (FOLDER / "side_fail.dcm").write_bytes(forged.replace(b"CS\2\0R ", b"CS\2\0L "))
        stream = {"file": theirs, "hex": dump.read_bytes().hex()}
    (FOLDER / "stream.json").write_text(json.dumps(stream, indent=1) + "\n", encoding="ascii")


CONFIGURATION = """[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
authorityKeyIdentifier = keyid
[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = tsa.crt
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def timestamps() -> None:
    """One signature by dcmsign with a timestamp by openssl, and one with that of another."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, query, reply, uid = (folder / n for n in ("in.dcm", "query", "reply", "uid"))
        image(plain)
        ec = identity(folder, "ec")
        (folder / "tsa.cnf").write_text(CONFIGURATION)
        (folder / "serial").write_text("01\n")
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config")
        root, key = folder / "root.crt", folder / "root.key"
        run("openssl", "req", "-x509", *new, folder / "tsa.cnf", "-extensions", "ca", "-keyout",
            key, "-out", root, "-subj", "/CN=vector root", "-days", 36500)  # fmt: skip
        run("openssl", "req", *new, folder / "tsa.cnf", "-keyout", folder / "tsa.key", "-out",
            folder / "tsa.csr", "-subj", "/CN=vector tsa")  # fmt: skip
        run("openssl", "x509", "-req", "-in", folder / "tsa.csr", "-CA", root, "-CAkey", key,
            "-extfile", folder / "tsa.cnf", "-extensions", "leaf", "-days", 3650, "-out",
            folder / "tsa.crt", "-CAcreateserial")  # fmt: skip
        signed = folder / "signed.dcm"
        run("dcmsign", "+s", *ec, "-pw", "+m2", "+ts", query, uid, plain, signed)
        words = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", query]
        subprocess.run([*words, "-out", reply], cwd=folder, check=True, capture_output=True)
        target = FOLDER / "dcmsign-timestamp.dcm"
        run("dcmsign", "+t", query, reply, uid, signed, target)
        token = pydicom.dcmread(target).DigitalSignaturesSequence[0].CertifiedTimestamp
        instance = read_instance(plain)
        signer = DicomSigner.load(*ec, Profile.UNPROFILED)
        sign_object(instance, signer, uid="2.25.17", at=datetime.now(UTC))
        insert_timestamp(instance, bytes(token), uid="2.25.17")
        write_instance(instance, FOLDER / "radseal-timestamp-of-another.dcm")
        (FOLDER / "tsa-root.pem").write_bytes(root.read_bytes())


if __name__ == "__main__":
    (timestamps if "timestamps" in sys.argv[1:] else main)()
