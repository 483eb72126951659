"""A custody log: signed statements in one Merkle tree, receipts that verify without it.

Statements in, proofs out. Knows neither images nor DICOM, and reads no clock.

Names are loaded when they are first used (PEP 562): who opens a receipt starts without a database.
"""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.appending.refill import Refilled as Refilled
    from ledger.appending.refill import refill_log as refill_log
    from ledger.appending.shown_log import Judged as Judged
    from ledger.appending.shown_log import judge_log as judge_log
    from ledger.auditing.audit_state import AuditState as AuditState
    from ledger.auditing.audit_state import parse_audit_state as parse_audit_state
    from ledger.auditing.findings import AuditReport as AuditReport
    from ledger.auditing.findings import Finding as Finding
    from ledger.auditing.findings import FindingCode as FindingCode
    from ledger.checkpoints.checkpoint import Checkpoint as Checkpoint
    from ledger.checkpoints.cosigner import Cosigner as Cosigner
    from ledger.checkpoints.cosigner import cosigned_by as cosigned_by
    from ledger.checkpoints.key_sets import KeySet as KeySet
    from ledger.checkpoints.key_sets import key_lines as key_lines
    from ledger.checkpoints.key_sets import read_key_lines as read_key_lines
    from ledger.checkpoints.log_keys import LogKeys as LogKeys
    from ledger.checkpoints.note import Note as Note
    from ledger.checkpoints.note import VerifiedNote as VerifiedNote
    from ledger.checkpoints.note import parse_note as parse_note
    from ledger.checkpoints.note import verify_note as verify_note
    from ledger.checkpoints.note_keys import NoteKey as NoteKey
    from ledger.checkpoints.policy import Policy as Policy
    from ledger.checkpoints.policy import parse_policy as parse_policy
    from ledger.checkpoints.trusted_logs import TrustedHead as TrustedHead
    from ledger.checkpoints.trusted_logs import TrustedLog as TrustedLog
    from ledger.checkpoints.trusted_logs import TrustedLogs as TrustedLogs
    from ledger.checkpoints.trusted_logs import open_checkpoint as open_checkpoint
    from ledger.copies.monitor import Followed as Followed
    from ledger.copies.monitor import KeptTimestamps as KeptTimestamps
    from ledger.copies.monitor import LogSource as LogSource
    from ledger.copies.monitor import Monitor as Monitor
    from ledger.copies.pruning import Pruned as Pruned
    from ledger.copies.pruning import Pruning as Pruning
    from ledger.copies.tile_folder import TileFolder as TileFolder
    from ledger.copies.tile_server import TileServer as TileServer
    from ledger.cose.cbor import decode_cbor as decode_cbor
    from ledger.cose.cbor import encode_cbor as encode_cbor
    from ledger.cose.keys import Algorithm as Algorithm
    from ledger.cose.keys import PrivateKeySigner as PrivateKeySigner
    from ledger.cose.keys import Signer as Signer
    from ledger.cose.keys import VerificationKey as VerificationKey
    from ledger.cose.second import SecondKey as SecondKey
    from ledger.cose.second import SecondSigner as SecondSigner
    from ledger.entries import Entry as Entry
    from ledger.entries import LoggedKey as LoggedKey
    from ledger.entries import Submission as Submission
    from ledger.errors import BusyError as BusyError
    from ledger.errors import Chain as Chain
    from ledger.errors import ConflictError as ConflictError
    from ledger.errors import ErasedError as ErasedError
    from ledger.errors import ForbiddenError as ForbiddenError
    from ledger.errors import LedgerError as LedgerError
    from ledger.errors import MalformedError as MalformedError
    from ledger.errors import NotFoundError as NotFoundError
    from ledger.errors import NotSignedError as NotSignedError
    from ledger.errors import OverloadedError as OverloadedError
    from ledger.errors import ProofError as ProofError
    from ledger.errors import PrunedError as PrunedError
    from ledger.errors import QuorumError as QuorumError
    from ledger.errors import RefusedError as RefusedError
    from ledger.errors import RolledBackError as RolledBackError
    from ledger.errors import SignatureError as SignatureError
    from ledger.errors import StoreError as StoreError
    from ledger.errors import UnknownLogError as UnknownLogError
    from ledger.errors import UnknownTsaError as UnknownTsaError
    from ledger.errors import UnreachableError as UnreachableError
    from ledger.errors import UsageError as UsageError
    from ledger.errors import WitnessError as WitnessError
    from ledger.links import FIRST as FIRST
    from ledger.links import Head as Head
    from ledger.links import Link as Link
    from ledger.log import Log as Log
    from ledger.offline.outbox import Outbox as Outbox
    from ledger.offline.outbox import OutboxState as OutboxState
    from ledger.offline.outbox import Waiting as Waiting
    from ledger.offline.outbox import create_outbox as create_outbox
    from ledger.offline.outbox import open_outbox as open_outbox
    from ledger.offline.outbox_sync import Disagreement as Disagreement
    from ledger.offline.outbox_sync import OutboxConflictError as OutboxConflictError
    from ledger.offline.outbox_sync import Registrar as Registrar
    from ledger.offline.outbox_sync import Synced as Synced
    from ledger.offline.outbox_sync import SyncStep as SyncStep
    from ledger.offline.outbox_sync import sync_outbox as sync_outbox
    from ledger.opening import create_log as create_log
    from ledger.opening import open_log as open_log
    from ledger.questions.alarms import Alarm as Alarm
    from ledger.questions.alarms import AlarmKind as AlarmKind
    from ledger.questions.alarms import Expectation as Expectation
    from ledger.questions.alarms import parse_expectations as parse_expectations
    from ledger.questions.bracket import Bracket as Bracket
    from ledger.questions.bracket import TimeFinding as TimeFinding
    from ledger.questions.existence import Existence as Existence
    from ledger.questions.existence import ExistenceProof as ExistenceProof
    from ledger.questions.existence import StampedReceipt as StampedReceipt
    from ledger.questions.existence import TimeSource as TimeSource
    from ledger.questions.existence import existence_under as existence_under
    from ledger.questions.existence import find_existence as find_existence
    from ledger.questions.query import Query as Query
    from ledger.receipts.cose_consistency import CoseConsistency as CoseConsistency
    from ledger.receipts.cose_consistency import open_cose_consistency as open_cose_consistency
    from ledger.receipts.cose_consistency import parse_cose_consistency as parse_cose_consistency
    from ledger.receipts.cose_receipt import CoseInclusion as CoseInclusion
    from ledger.receipts.cose_receipt import CoseReceipt as CoseReceipt
    from ledger.receipts.cose_receipt import open_cose_receipt as open_cose_receipt
    from ledger.receipts.cose_receipt import parse_cose_receipt as parse_cose_receipt
    from ledger.receipts.receipt import Inclusion as Inclusion
    from ledger.receipts.receipt import Receipt as Receipt
    from ledger.receipts.receipt import open_receipt as open_receipt
    from ledger.receipts.receipt import parse_receipt as parse_receipt
    from ledger.remote.log_client import LogClient as LogClient
    from ledger.remote.log_reader import LogReader as LogReader
    from ledger.remote.nonces import Nonces as Nonces
    from ledger.remote.read_request import ReadRequest as ReadRequest
    from ledger.remote.read_request import parse_read_request as parse_read_request
    from ledger.remote.read_request import sign_read_request as sign_read_request
    from ledger.remote.readers import Readers as Readers
    from ledger.remote.reading import HISTORY_PAGE as HISTORY_PAGE
    from ledger.remote.reading import MAX_HISTORY as MAX_HISTORY
    from ledger.remote.reading import encode_history as encode_history
    from ledger.remote.reading import encode_key as encode_key
    from ledger.remote.reading import encode_objects as encode_objects
    from ledger.remote.reading import parse_history as parse_history
    from ledger.remote.reading import parse_key as parse_key
    from ledger.remote.reading import parse_objects as parse_objects
    from ledger.remote.registration import Problem as Problem
    from ledger.remote.registration import Registered as Registered
    from ledger.remote.registration import TooLargeError as TooLargeError
    from ledger.remote.registration import encode_link as encode_link
    from ledger.remote.registration import encode_problem as encode_problem
    from ledger.remote.registration import encode_submissions as encode_submissions
    from ledger.remote.registration import parse_link as parse_link
    from ledger.remote.registration import parse_problem as parse_problem
    from ledger.remote.registration import parse_registered as parse_registered
    from ledger.remote.registration import parse_submissions as parse_submissions
    from ledger.roles import BIRTHS as BIRTHS
    from ledger.roles import MAY_READ_ASIDE as MAY_READ_ASIDE
    from ledger.roles import MAY_SIGN as MAY_SIGN
    from ledger.roles import Event as Event
    from ledger.roles import Role as Role
    from ledger.sequencing.gate import Gate as Gate
    from ledger.sequencing.publisher import Publishing as Publishing
    from ledger.sequencing.sequencer import Sequencer as Sequencer
    from ledger.sequencing.shared_sequencer import SharedSequencer as SharedSequencer
    from ledger.sequencing.shared_sequencer import open_sequencer as open_sequencer
    from ledger.statements.arrival import Arrival as Arrival
    from ledger.statements.key_events import KeyAdded as KeyAdded
    from ledger.statements.key_events import KeyRevoked as KeyRevoked
    from ledger.statements.key_events import key_added_body as key_added_body
    from ledger.statements.key_events import key_revoked_body as key_revoked_body
    from ledger.statements.key_events import log_keys_body as log_keys_body
    from ledger.statements.key_events import make_genesis as make_genesis
    from ledger.statements.key_events import read_key_added as read_key_added
    from ledger.statements.key_events import read_key_revoked as read_key_revoked
    from ledger.statements.key_events import read_log_keys as read_log_keys
    from ledger.statements.object_chain import ObjectChain as ObjectChain
    from ledger.statements.statement import Statement as Statement
    from ledger.statements.statement import UnverifiedStatement as UnverifiedStatement
    from ledger.statements.statement import parse_statement as parse_statement
    from ledger.statements.statement import sign_statement as sign_statement
    from ledger.statements.statement import verify_statement as verify_statement
    from ledger.statements.verifiers import Verifiers as Verifiers
    from ledger.storage.postgresql import database_url as database_url
    from ledger.timestamps.stamped import Stamped as Stamped
    from ledger.timestamps.stamped import TimestampSource as TimestampSource
    from ledger.timestamps.stamped import request_for as request_for
    from ledger.timestamps.timestamp import JudgedToken as JudgedToken
    from ledger.timestamps.timestamp import Timestamp as Timestamp
    from ledger.timestamps.timestamp import TimestampAnchors as TimestampAnchors
    from ledger.timestamps.timestamp import judge_timestamps as judge_timestamps
    from ledger.timestamps.timestamp import proven_time as proven_time
    from ledger.timestamps.timestamp import stamped_message as stamped_message
    from ledger.timestamps.timestamp import stamped_time as stamped_time
    from ledger.timestamps.timestamp import verify_timestamp as verify_timestamp
    from ledger.timestamps.timestamp_request import StampHash as StampHash
    from ledger.timestamps.timestamp_request import TimestampRequest as TimestampRequest
    from ledger.timestamps.timestamp_request import (
        parse_timestamp_request as parse_timestamp_request,
    )
    from ledger.timestamps.timestamp_token import token_of as token_of
    from ledger.timestamps.tsa_client import ask_tsa as ask_tsa
    from ledger.tree.merkle import hash_leaf as hash_leaf
    from ledger.tree.merkle import hash_node as hash_node
    from ledger.tree.merkle import merkle_root as merkle_root
    from ledger.tree.merkle import verify_consistency as verify_consistency
    from ledger.tree.merkle import verify_inclusion as verify_inclusion
    from ledger.witnessing.witness import Witness as Witness
    from ledger.witnessing.witness import create_witness as create_witness
    from ledger.witnessing.witness import open_witness as open_witness
    from ledger.witnessing.witness import origin_hash as origin_hash
    from ledger.witnessing.witness_request import AddCheckpoint as AddCheckpoint
    from ledger.witnessing.witness_request import parse_add_checkpoint as parse_add_checkpoint
    from ledger.witnessing.witness_rules import Answer as Answer
    from ledger.witnessing.witnesses import Witnesses as Witnesses

__radseal__ = "radseal/1"

_HOMES: Mapping[str, tuple[str, ...]] = {
    "ledger.appending.refill": ("Refilled", "refill_log"),
    "ledger.appending.shown_log": ("Judged", "judge_log"),
    "ledger.auditing.audit_state": ("AuditState", "parse_audit_state"),
    "ledger.auditing.findings": ("AuditReport", "Finding", "FindingCode"),
    "ledger.checkpoints.checkpoint": ("Checkpoint",),
    "ledger.checkpoints.cosigner": ("Cosigner", "cosigned_by"),
    "ledger.checkpoints.key_sets": ("KeySet", "key_lines", "read_key_lines"),
    "ledger.checkpoints.log_keys": ("LogKeys",),
    "ledger.checkpoints.note": ("Note", "VerifiedNote", "parse_note", "verify_note"),
    "ledger.checkpoints.note_keys": ("NoteKey",),
    "ledger.checkpoints.policy": ("Policy", "parse_policy"),
    "ledger.checkpoints.trusted_logs": (
        "TrustedHead",
        "TrustedLog",
        "TrustedLogs",
        "open_checkpoint",
    ),
    "ledger.copies.monitor": ("Followed", "KeptTimestamps", "LogSource", "Monitor"),
    "ledger.copies.pruning": ("Pruned", "Pruning"),
    "ledger.copies.tile_folder": ("TileFolder",),
    "ledger.copies.tile_server": ("TileServer",),
    "ledger.cose.cbor": ("decode_cbor", "encode_cbor"),
    "ledger.cose.keys": ("Algorithm", "PrivateKeySigner", "Signer", "VerificationKey"),
    "ledger.cose.second": ("SecondKey", "SecondSigner"),
    "ledger.entries": ("Entry", "LoggedKey", "Submission"),
    "ledger.errors": (
        "BusyError",
        "Chain",
        "ConflictError",
        "ErasedError",
        "ForbiddenError",
        "LedgerError",
        "MalformedError",
        "NotFoundError",
        "NotSignedError",
        "OverloadedError",
        "ProofError",
        "PrunedError",
        "QuorumError",
        "RefusedError",
        "RolledBackError",
        "SignatureError",
        "StoreError",
        "UnknownLogError",
        "UnknownTsaError",
        "UnreachableError",
        "UsageError",
        "WitnessError",
    ),
    "ledger.links": ("FIRST", "Head", "Link"),
    "ledger.log": ("Log",),
    "ledger.offline.outbox": ("Outbox", "OutboxState", "Waiting", "create_outbox", "open_outbox"),
    "ledger.offline.outbox_sync": (
        "Disagreement",
        "OutboxConflictError",
        "Registrar",
        "SyncStep",
        "Synced",
        "sync_outbox",
    ),
    "ledger.opening": ("create_log", "open_log"),
    "ledger.questions.alarms": ("Alarm", "AlarmKind", "Expectation", "parse_expectations"),
    "ledger.questions.bracket": ("Bracket", "TimeFinding"),
    "ledger.questions.existence": (
        "Existence",
        "ExistenceProof",
        "StampedReceipt",
        "TimeSource",
        "existence_under",
        "find_existence",
    ),
    "ledger.questions.query": ("Query",),
    "ledger.receipts.cose_consistency": (
        "CoseConsistency",
        "open_cose_consistency",
        "parse_cose_consistency",
    ),
    "ledger.receipts.cose_receipt": (
        "CoseInclusion",
        "CoseReceipt",
        "open_cose_receipt",
        "parse_cose_receipt",
    ),
    "ledger.receipts.receipt": ("Inclusion", "Receipt", "open_receipt", "parse_receipt"),
    "ledger.remote.log_client": ("LogClient",),
    "ledger.remote.log_reader": ("LogReader",),
    "ledger.remote.nonces": ("Nonces",),
    "ledger.remote.read_request": ("ReadRequest", "parse_read_request", "sign_read_request"),
    "ledger.remote.readers": ("Readers",),
    "ledger.remote.reading": (
        "HISTORY_PAGE",
        "MAX_HISTORY",
        "encode_history",
        "encode_key",
        "encode_objects",
        "parse_history",
        "parse_key",
        "parse_objects",
    ),
    "ledger.remote.registration": (
        "Problem",
        "Registered",
        "TooLargeError",
        "encode_link",
        "encode_problem",
        "encode_submissions",
        "parse_link",
        "parse_problem",
        "parse_registered",
        "parse_submissions",
    ),
    "ledger.roles": ("BIRTHS", "Event", "MAY_READ_ASIDE", "MAY_SIGN", "Role"),
    "ledger.sequencing.gate": ("Gate",),
    "ledger.sequencing.publisher": ("Publishing",),
    "ledger.sequencing.sequencer": ("Sequencer",),
    "ledger.sequencing.shared_sequencer": ("SharedSequencer", "open_sequencer"),
    "ledger.statements.arrival": ("Arrival",),
    "ledger.statements.key_events": (
        "KeyAdded",
        "KeyRevoked",
        "key_added_body",
        "key_revoked_body",
        "log_keys_body",
        "make_genesis",
        "read_key_added",
        "read_key_revoked",
        "read_log_keys",
    ),
    "ledger.statements.object_chain": ("ObjectChain",),
    "ledger.statements.statement": (
        "Statement",
        "UnverifiedStatement",
        "parse_statement",
        "sign_statement",
        "verify_statement",
    ),
    "ledger.statements.verifiers": ("Verifiers",),
    "ledger.storage.postgresql": ("database_url",),
    "ledger.timestamps.stamped": ("Stamped", "TimestampSource", "request_for"),
    "ledger.timestamps.timestamp": (
        "JudgedToken",
        "Timestamp",
        "TimestampAnchors",
        "judge_timestamps",
        "proven_time",
        "stamped_message",
        "stamped_time",
        "verify_timestamp",
    ),
    "ledger.timestamps.timestamp_request": (
        "StampHash",
        "TimestampRequest",
        "parse_timestamp_request",
    ),
    "ledger.timestamps.timestamp_token": ("token_of",),
    "ledger.timestamps.tsa_client": ("ask_tsa",),
    "ledger.tree.merkle": (
        "hash_leaf",
        "hash_node",
        "merkle_root",
        "verify_consistency",
        "verify_inclusion",
    ),
    "ledger.witnessing.witness": ("Witness", "create_witness", "open_witness", "origin_hash"),
    "ledger.witnessing.witness_request": ("AddCheckpoint", "parse_add_checkpoint"),
    "ledger.witnessing.witness_rules": ("Answer",),
    "ledger.witnessing.witnesses": ("Witnesses",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = vars(importlib.import_module(home))[name]
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
