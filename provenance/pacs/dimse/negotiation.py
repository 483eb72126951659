"""Associations negotiated (PS3.8, 7.1 and 9.3): what we accept, and what we ask for. Pure.

pynetdicom codes and decodes the PDUs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext
from pynetdicom.service_class import (
    NonPatientObjectStorageServiceClass,
    ServiceClass,
    StorageServiceClass,
)
from pynetdicom.sop_class import uid_to_service_class

from provenance.dicom.write import IMPLEMENTATION_CLASS_UID
from provenance.errors import MalformedError
from provenance.pacs.dimse.line import MAX_PDU

APPLICATION_CONTEXT = UID("1.2.840.10008.3.1.1.1")
VERIFICATION = "1.2.840.10008.1.1"
IMPLEMENTATION_VERSION = "RADSEAL"
NATIVE = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2")
BIG_ENDIAN = NATIVE[2]
MAX_CONTEXTS = 128  # odd numbers of one byte
_PERMANENT, _TRANSIENT = 1, 2
_USER, _PRESENTATION = 1, 3
_ACCEPTED, _NO_ABSTRACT, _NO_TRANSFER = 0, 3, 4


@dataclass(frozen=True, slots=True)
class Context:
    """An accepted presentation context: abstract syntax, and the transfer syntax in use."""

    abstract: str
    transfer: str


@dataclass(frozen=True, slots=True)
class Request:
    """What a peer asks for."""

    calling: str
    called: str
    most: int
    proposed: tuple[PresentationContext, ...]


@dataclass(frozen=True, slots=True)
class Agreed:
    """What an association carries: contexts by number, the largest PDU the peer takes (0: any)."""

    contexts: Mapping[int, Context]
    most: int


def read_request(pdu: bytes) -> Request:
    """Return what an A-ASSOCIATE-RQ asks for; MalformedError if it is none."""
    try:
        decoded = A_ASSOCIATE_RQ()
        decoded.decode(pdu)
        asked = decoded.to_primitive()
        if asked.application_context_name != APPLICATION_CONTEXT:
            raise MalformedError("another application context")
        return Request(
            calling=str(asked.calling_ae_title).strip(),
            called=str(asked.called_ae_title).strip(),
            most=_most(asked),
            proposed=tuple(asked.presentation_context_definition_list),
        )
    except MalformedError:
        raise
    except Exception as error:  # whatever pynetdicom meets in the bytes of a stranger
        raise MalformedError(f"no A-ASSOCIATE-RQ: {type(error).__name__}") from error


def accept(request: Request) -> tuple[Agreed, bytes]:
    """Return what is agreed on, and the A-ASSOCIATE-AC that says so."""
    agreed: dict[int, Context] = {}
    results = []
    for each in request.proposed[:MAX_CONTEXTS]:
        answer = PresentationContext()
        answer.context_id = each.context_id
        abstract = str(each.abstract_syntax or "")
        offered = [str(syntax) for syntax in each.transfer_syntax]
        chosen = _chosen(abstract, offered)
        answer.transfer_syntax = [chosen or NATIVE[1]]
        if not is_accepted(abstract):
            answer.result = _NO_ABSTRACT
        elif chosen is None:
            answer.result = _NO_TRANSFER
        else:
            answer.result = _ACCEPTED
            agreed[int(each.context_id or 0)] = Context(abstract, chosen)
        results.append(answer)
    made = A_ASSOCIATE()
    made.application_context_name = APPLICATION_CONTEXT
    made.calling_ae_title = request.calling
    made.called_ae_title = request.called
    made.result, made.result_source = 0, 1
    made.presentation_context_definition_results_list = results
    _tell_of_us(made)
    pdu = A_ASSOCIATE_AC()
    pdu.from_primitive(made)
    return Agreed(agreed, request.most), bytes(pdu.encode())


def is_accepted(abstract: str) -> bool:
    """Whether a SOP class is taken: verification, and whatever may be storage.

    A class that nobody knows, and a private one, is taken to be storage.
    """
    if abstract == VERIFICATION:
        return True
    service = uid_to_service_class(abstract)
    if service in (StorageServiceClass, NonPatientObjectStorageServiceClass):
        return True
    return service is ServiceClass and bool(abstract) and abstract not in UID_dictionary


def _chosen(abstract: str, offered: Sequence[str]) -> str | None:
    """Return the syntax to use: the first that the peer names and we know, big endian last."""
    if abstract == VERIFICATION:
        offered = [each for each in offered if each in NATIVE]
    known = [each for each in offered if each in UID_dictionary and each != BIG_ENDIAN]
    return next(iter(known or offered), None)


def reject_titled() -> bytes:
    """Return the A-ASSOCIATE-RJ for a called AE title that is not ours."""
    return _rejection(_PERMANENT, _USER, 7)


def reject_context() -> bytes:
    """Return the one for a request whose application is not DICOM, or that says nothing."""
    return _rejection(_PERMANENT, _USER, 2)


def reject_busy() -> bytes:
    """Return the one for an association too many: the peer may try again."""
    return _rejection(_TRANSIENT, _PRESENTATION, 2)


def request_pdu(calling: str, called: str, wanted: Sequence[Context]) -> bytes:
    """Return an A-ASSOCIATE-RQ, each context under the odd number of its place, from 1."""
    made = A_ASSOCIATE()
    made.application_context_name = APPLICATION_CONTEXT
    made.calling_ae_title, made.called_ae_title = calling, called
    proposed = []
    for number, each in enumerate(wanted):
        context = PresentationContext()
        context.context_id = 2 * number + 1
        context.abstract_syntax = UID(each.abstract)
        context.transfer_syntax = [UID(each.transfer)]
        proposed.append(context)
    made.presentation_context_definition_list = proposed
    _tell_of_us(made)
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(made)
    return bytes(pdu.encode())


def read_answer(pdu: bytes, wanted: Sequence[Context]) -> Agreed:
    """Return what an A-ASSOCIATE-AC agrees to; MalformedError if it is none."""
    try:
        decoded = A_ASSOCIATE_AC()
        decoded.decode(pdu)
        said = decoded.to_primitive()
        agreed = {
            int(each.context_id or 0): wanted[int(each.context_id or 0) // 2]
            for each in said.presentation_context_definition_results_list
            if each.result == _ACCEPTED
        }
        return Agreed(agreed, _most(said))
    except Exception as error:
        raise MalformedError(f"no A-ASSOCIATE-AC: {type(error).__name__}") from error


def read_rejection(pdu: bytes) -> str:
    """Return why an association was rejected, in words."""
    try:
        decoded = A_ASSOCIATE_RJ()
        decoded.decode(pdu)
        return f"{decoded.result_str}: {decoded.reason_str}"
    except Exception:  # noqa: BLE001 - it is a rejection all the same
        return "rejected"


def _rejection(result: int, source: int, reason: int) -> bytes:
    return bytes((3, 0, 0, 0, 0, 4, 0, result, source, reason))


def _most(said: A_ASSOCIATE) -> int:
    return next(
        (
            int(each.maximum_length_received or 0)
            for each in said.user_information
            if isinstance(each, MaximumLengthNotification)
        ),
        0,
    )


def _tell_of_us(association: A_ASSOCIATE) -> None:
    most, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    most.maximum_length_received = MAX_PDU
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION
    association.user_information = [most, implementation, version]
