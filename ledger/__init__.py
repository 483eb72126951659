"""A custody log: signed statements in one Merkle tree, receipts that verify without it.

Statements in, proofs out. Knows neither images nor DICOM, and reads no clock.
"""

from ledger.appending.refill import Refilled, refill_log
from ledger.appending.shown_log import Judged, judge_log
from ledger.auditing.audit_state import AuditState, parse_audit_state
from ledger.auditing.findings import AuditReport, Finding, FindingCode
from ledger.checkpoints.checkpoint import Checkpoint
from ledger.checkpoints.cosigner import Cosigner, cosigned_by
from ledger.checkpoints.key_sets import KeySet, key_lines, read_key_lines
from ledger.checkpoints.log_keys import LogKeys
from ledger.checkpoints.note import Note, VerifiedNote, parse_note, verify_note
from ledger.checkpoints.note_keys import NoteKey
from ledger.checkpoints.policy import Policy, parse_policy
from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLog, TrustedLogs, open_checkpoint
from ledger.copies.monitor import Followed, KeptTimestamps, LogSource, Monitor
from ledger.copies.pruning import Pruned, Pruning
from ledger.copies.tile_folder import TileFolder
from ledger.copies.tile_server import TileServer
from ledger.cose.cbor import decode_cbor, encode_cbor
from ledger.cose.keys import Algorithm, PrivateKeySigner, Signer, VerificationKey
from ledger.cose.second import SecondKey, SecondSigner
from ledger.entries import Entry, LoggedKey, Submission
from ledger.errors import (
    BusyError,
    Chain,
    ConflictError,
    ErasedError,
    ForbiddenError,
    LedgerError,
    MalformedError,
    NotFoundError,
    NotSignedError,
    OverloadedError,
    ProofError,
    PrunedError,
    QuorumError,
    RefusedError,
    RolledBackError,
    SignatureError,
    StoreError,
    UnknownLogError,
    UnknownTsaError,
    UnreachableError,
    UsageError,
    WitnessError,
)
from ledger.links import FIRST, Head, Link
from ledger.log import Log
from ledger.offline.outbox import Outbox, OutboxState, Waiting, create_outbox, open_outbox
from ledger.offline.outbox_sync import (
    Disagreement,
    OutboxConflictError,
    Registrar,
    Synced,
    SyncStep,
    sync_outbox,
)
from ledger.opening import create_log, open_log
from ledger.questions.alarms import Alarm, AlarmKind, Expectation, parse_expectations
from ledger.questions.bracket import Bracket, TimeFinding
from ledger.questions.existence import (
    Existence,
    ExistenceProof,
    StampedReceipt,
    TimeSource,
    existence_under,
    find_existence,
)
from ledger.questions.query import Query
from ledger.receipts.cose_consistency import (
    CoseConsistency,
    open_cose_consistency,
    parse_cose_consistency,
)
from ledger.receipts.cose_receipt import (
    CoseInclusion,
    CoseReceipt,
    open_cose_receipt,
    parse_cose_receipt,
)
from ledger.receipts.receipt import Inclusion, Receipt, open_receipt, parse_receipt
from ledger.remote.log_client import LogClient
from ledger.remote.log_reader import LogReader
from ledger.remote.nonces import Nonces
from ledger.remote.read_request import ReadRequest, parse_read_request, sign_read_request
from ledger.remote.readers import Readers
from ledger.remote.reading import (
    HISTORY_PAGE,
    MAX_HISTORY,
    encode_history,
    encode_key,
    encode_objects,
    parse_history,
    parse_key,
    parse_objects,
)
from ledger.remote.registration import (
    Problem,
    Registered,
    TooLargeError,
    encode_link,
    encode_problem,
    encode_submissions,
    parse_link,
    parse_problem,
    parse_registered,
    parse_submissions,
)
from ledger.roles import BIRTHS, MAY_READ_ASIDE, MAY_SIGN, Event, Role
from ledger.sequencing.gate import Gate
from ledger.sequencing.publisher import Publishing
from ledger.sequencing.sequencer import Sequencer
from ledger.sequencing.shared_sequencer import SharedSequencer, open_sequencer
from ledger.statements.arrival import Arrival
from ledger.statements.key_events import (
    KeyAdded,
    KeyRevoked,
    key_added_body,
    key_revoked_body,
    log_keys_body,
    make_genesis,
    read_key_added,
    read_key_revoked,
    read_log_keys,
)
from ledger.statements.object_chain import ObjectChain
from ledger.statements.statement import (
    Statement,
    UnverifiedStatement,
    parse_statement,
    sign_statement,
    verify_statement,
)
from ledger.statements.verifiers import Verifiers
from ledger.storage.postgresql import database_url
from ledger.timestamps.stamped import Stamped, TimestampSource, request_for
from ledger.timestamps.timestamp import (
    JudgedToken,
    Timestamp,
    TimestampAnchors,
    judge_timestamps,
    proven_time,
    stamped_message,
    stamped_time,
    verify_timestamp,
)
from ledger.timestamps.timestamp_request import StampHash, TimestampRequest, parse_timestamp_request
from ledger.timestamps.timestamp_token import token_of
from ledger.timestamps.tsa_client import ask_tsa
from ledger.tree.merkle import (
    hash_leaf,
    hash_node,
    merkle_root,
    verify_consistency,
    verify_inclusion,
)
from ledger.witnessing.witness import Witness, create_witness, open_witness, origin_hash
from ledger.witnessing.witness_request import AddCheckpoint, parse_add_checkpoint
from ledger.witnessing.witness_rules import Answer
from ledger.witnessing.witnesses import Witnesses

__all__ = [
    "BIRTHS",
    "FIRST",
    "HISTORY_PAGE",
    "MAX_HISTORY",
    "MAY_READ_ASIDE",
    "MAY_SIGN",
    "AddCheckpoint",
    "Alarm",
    "AlarmKind",
    "Algorithm",
    "Answer",
    "Arrival",
    "AuditReport",
    "AuditState",
    "Bracket",
    "BusyError",
    "Chain",
    "Checkpoint",
    "ConflictError",
    "CoseConsistency",
    "CoseInclusion",
    "CoseReceipt",
    "Cosigner",
    "Disagreement",
    "Entry",
    "ErasedError",
    "Event",
    "Existence",
    "ExistenceProof",
    "Expectation",
    "Finding",
    "FindingCode",
    "Followed",
    "ForbiddenError",
    "Gate",
    "Head",
    "Inclusion",
    "Judged",
    "JudgedToken",
    "KeptTimestamps",
    "KeyAdded",
    "KeyRevoked",
    "KeySet",
    "LedgerError",
    "Link",
    "Log",
    "LogClient",
    "LogKeys",
    "LogReader",
    "LogSource",
    "LoggedKey",
    "MalformedError",
    "Monitor",
    "Nonces",
    "NotFoundError",
    "NotSignedError",
    "Note",
    "NoteKey",
    "ObjectChain",
    "Outbox",
    "OutboxConflictError",
    "OutboxState",
    "OverloadedError",
    "Policy",
    "PrivateKeySigner",
    "Problem",
    "ProofError",
    "Pruned",
    "PrunedError",
    "Pruning",
    "Publishing",
    "Query",
    "QuorumError",
    "ReadRequest",
    "Readers",
    "Receipt",
    "Refilled",
    "RefusedError",
    "Registered",
    "Registrar",
    "Role",
    "RolledBackError",
    "SecondKey",
    "SecondSigner",
    "Sequencer",
    "SharedSequencer",
    "SignatureError",
    "Signer",
    "StampHash",
    "Stamped",
    "StampedReceipt",
    "Statement",
    "StoreError",
    "Submission",
    "SyncStep",
    "Synced",
    "TileFolder",
    "TileServer",
    "TimeFinding",
    "TimeSource",
    "Timestamp",
    "TimestampAnchors",
    "TimestampRequest",
    "TimestampSource",
    "TooLargeError",
    "TrustedHead",
    "TrustedLog",
    "TrustedLogs",
    "UnknownLogError",
    "UnknownTsaError",
    "UnreachableError",
    "UnverifiedStatement",
    "UsageError",
    "VerificationKey",
    "VerifiedNote",
    "Verifiers",
    "Waiting",
    "Witness",
    "WitnessError",
    "Witnesses",
    "ask_tsa",
    "cosigned_by",
    "create_log",
    "create_outbox",
    "create_witness",
    "database_url",
    "decode_cbor",
    "encode_cbor",
    "encode_history",
    "encode_key",
    "encode_link",
    "encode_objects",
    "encode_problem",
    "encode_submissions",
    "existence_under",
    "find_existence",
    "hash_leaf",
    "hash_node",
    "judge_log",
    "judge_timestamps",
    "key_added_body",
    "key_lines",
    "key_revoked_body",
    "log_keys_body",
    "make_genesis",
    "merkle_root",
    "open_checkpoint",
    "open_cose_consistency",
    "open_cose_receipt",
    "open_log",
    "open_outbox",
    "open_receipt",
    "open_sequencer",
    "open_witness",
    "origin_hash",
    "parse_add_checkpoint",
    "parse_audit_state",
    "parse_cose_consistency",
    "parse_cose_receipt",
    "parse_expectations",
    "parse_history",
    "parse_key",
    "parse_link",
    "parse_note",
    "parse_objects",
    "parse_policy",
    "parse_problem",
    "parse_read_request",
    "parse_receipt",
    "parse_registered",
    "parse_statement",
    "parse_submissions",
    "parse_timestamp_request",
    "proven_time",
    "read_key_added",
    "read_key_lines",
    "read_key_revoked",
    "read_log_keys",
    "refill_log",
    "request_for",
    "sign_read_request",
    "sign_statement",
    "stamped_message",
    "stamped_time",
    "sync_outbox",
    "token_of",
    "verify_consistency",
    "verify_inclusion",
    "verify_note",
    "verify_statement",
    "verify_timestamp",
]
__radseal__ = "radseal/1"
