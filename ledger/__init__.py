"""A custody log: signed statements in one Merkle tree, receipts that verify without it.

Statements in, proofs out. Knows neither images nor DICOM, and reads no clock.
"""

from ledger.audit_state import AuditState, parse_audit_state
from ledger.cbor import decode_cbor, encode_cbor
from ledger.checkpoint import Checkpoint
from ledger.cose_receipt import CoseInclusion, CoseReceipt, open_cose_receipt, parse_cose_receipt
from ledger.cosigner import Cosigner, cosigned_by
from ledger.draft import Arrival
from ledger.entries import Entry, LoggedKey, Submission
from ledger.errors import (
    BusyError,
    Chain,
    ConflictError,
    LedgerError,
    MalformedError,
    NotFoundError,
    OverloadedError,
    ProofError,
    QuorumError,
    RefusedError,
    RolledBackError,
    SignatureError,
    StoreError,
    UnknownLogError,
    UnreachableError,
    UsageError,
    WitnessError,
)
from ledger.findings import AuditReport, Finding, FindingCode
from ledger.gate import Gate
from ledger.key_events import (
    KeyAdded,
    KeyRevoked,
    key_added_body,
    key_revoked_body,
    make_genesis,
    read_key_added,
    read_key_revoked,
)
from ledger.keys import Algorithm, PrivateKeySigner, Signer, VerificationKey
from ledger.links import FIRST, Head, Link
from ledger.log import Log, create_log, open_log
from ledger.log_client import LogClient
from ledger.log_keys import LogKeys
from ledger.merkle import (
    hash_leaf,
    hash_node,
    merkle_root,
    verify_consistency,
    verify_inclusion,
)
from ledger.monitor import Followed, LogSource, Monitor
from ledger.note import Note, VerifiedNote, parse_note, verify_note
from ledger.note_keys import NoteKey
from ledger.policy import Policy, parse_policy
from ledger.postgresql import database_url
from ledger.query import Query
from ledger.receipt import Inclusion, Receipt, open_receipt, parse_receipt
from ledger.registration import (
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
    problem_of,
)
from ledger.roles import MAY_SIGN, Event, Role
from ledger.sequencer import Sequencer
from ledger.shared_sequencer import SharedSequencer, open_sequencer
from ledger.statement import (
    Statement,
    UnverifiedStatement,
    parse_statement,
    sign_statement,
    verify_statement,
)
from ledger.tile_folder import TileFolder
from ledger.trusted_logs import TrustedHead, TrustedLog, TrustedLogs, open_checkpoint
from ledger.witness import Witness, create_witness, open_witness, origin_hash
from ledger.witness_request import AddCheckpoint, parse_add_checkpoint
from ledger.witness_rules import Answer
from ledger.witnesses import Witnesses

__all__ = [
    "FIRST",
    "MAY_SIGN",
    "AddCheckpoint",
    "Algorithm",
    "Answer",
    "Arrival",
    "AuditReport",
    "AuditState",
    "BusyError",
    "Chain",
    "Checkpoint",
    "ConflictError",
    "CoseInclusion",
    "CoseReceipt",
    "Cosigner",
    "Entry",
    "Event",
    "Finding",
    "FindingCode",
    "Followed",
    "Gate",
    "Head",
    "Inclusion",
    "KeyAdded",
    "KeyRevoked",
    "LedgerError",
    "Link",
    "Log",
    "LogClient",
    "LogKeys",
    "LogSource",
    "LoggedKey",
    "MalformedError",
    "Monitor",
    "NotFoundError",
    "Note",
    "NoteKey",
    "OverloadedError",
    "Policy",
    "PrivateKeySigner",
    "Problem",
    "ProofError",
    "Query",
    "QuorumError",
    "Receipt",
    "RefusedError",
    "Registered",
    "Role",
    "RolledBackError",
    "Sequencer",
    "SharedSequencer",
    "SignatureError",
    "Signer",
    "Statement",
    "StoreError",
    "Submission",
    "TileFolder",
    "TooLargeError",
    "TrustedHead",
    "TrustedLog",
    "TrustedLogs",
    "UnknownLogError",
    "UnreachableError",
    "UnverifiedStatement",
    "UsageError",
    "VerificationKey",
    "VerifiedNote",
    "Witness",
    "WitnessError",
    "Witnesses",
    "cosigned_by",
    "create_log",
    "create_witness",
    "database_url",
    "decode_cbor",
    "encode_cbor",
    "encode_link",
    "encode_problem",
    "encode_submissions",
    "hash_leaf",
    "hash_node",
    "key_added_body",
    "key_revoked_body",
    "make_genesis",
    "merkle_root",
    "open_checkpoint",
    "open_cose_receipt",
    "open_log",
    "open_receipt",
    "open_sequencer",
    "open_witness",
    "origin_hash",
    "parse_add_checkpoint",
    "parse_audit_state",
    "parse_cose_receipt",
    "parse_link",
    "parse_note",
    "parse_policy",
    "parse_problem",
    "parse_receipt",
    "parse_registered",
    "parse_statement",
    "parse_submissions",
    "problem_of",
    "read_key_added",
    "read_key_revoked",
    "sign_statement",
    "verify_consistency",
    "verify_inclusion",
    "verify_note",
    "verify_statement",
]

__radseal__ = "radseal/1"
