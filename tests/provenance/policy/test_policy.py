"""The acceptance policy: which rule decides, what it says, and the laws that always hold."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Event, Role
from provenance import AcceptancePolicy, Action, Arrival, Facts, Outcome, Verdict, Word
from provenance.correcting.correction import Subject
from provenance.findings import Code
from provenance.judging.depth import Depth
from provenance.judging.signed_by import SignedBy
from provenance.judging.verdict import Check, Status
from provenance.policy.decide import decide
from provenance.policy.demands import demands_of
from provenance.policy.facts import Fact
from provenance.policy.fold import fold
from provenance.policy.match import Fit, Unsigned, candidates, fit
from provenance.policy.overlap import find_overlaps, find_unreachable
from provenance.policy.parse import parse_acceptance_policy
from provenance.policy.policy import Condition, Rule, SignerTerm

SEAL = bytes(12)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DEVICE = SignedBy("CT 7", bytes([1] * 32), bytes([2] * 32), Role.DEVICE)
SEALED = (Word.AUTHENTIC, Word.CORRECTED, Word.HEADER_CHANGED, Word.DERIVED, Word.UNTRUSTED)
ATTESTED = Check("attested", Status.PASS, Code.ATTESTED, "x")


def verdict(word: Word, **fields: object) -> Verdict:
    sealed = word in SEALED or word in (Word.ALTERED, Word.STRIPPED)
    found = Verdict(
        word=word,
        integrity=Outcome.UNKNOWN,
        trust=Outcome.UNKNOWN,
        custody=Outcome.UNKNOWN,
        checks=(),
        seal_id=SEAL if sealed else None,
        signed_by=DEVICE if sealed else None,
        depth=None if word is Word.UNREADABLE else Depth.MARK,
    )
    return replace(found, **fields)  # type: ignore[arg-type]


def policy(text: str) -> AcceptancePolicy:
    return parse_acceptance_policy(f"version = 1\n{text}".encode())


def arrived(**titles: str) -> Facts:
    return Facts(Arrival(arrived_at=NOW, **titles))


TWO = policy("""
[defaults.actions]
authentic = "accept"
[[rules]]
name = "old"
match.calling_ae = ["OLD"]
actions.unsealed = "tag"
[[rules]]
name = "ct"
match.modality = ["CT"]
actions.unsealed = "refuse"
""")


def test_an_empty_policy_lets_nothing_in() -> None:
    for word in Word:
        assert policy("").decide(verdict(word), arrived()).action is Action.QUARANTINE


def test_the_first_rule_that_fits_decides() -> None:
    facts = replace(arrived(calling_ae="OLD"), modality="CT")
    found = TWO.decide(verdict(Word.UNSEALED), facts)
    assert (found.action, found.rule, found.may_fit) == (Action.TAG, "old", ())
    found = TWO.decide(verdict(Word.UNSEALED), replace(facts, arrival=Arrival("NEW")))
    assert (found.action, found.rule) == (Action.REFUSE, "ct")
    found = TWO.decide(verdict(Word.UNSEALED), replace(arrived(calling_ae="NEW"), modality="MR"))
    assert (found.action, found.rule) == (Action.QUARANTINE, "defaults")


def test_what_is_not_known_may_fit() -> None:
    found = TWO.decide(verdict(Word.UNSEALED), replace(arrived(), modality="MR"))
    assert found.action is Action.QUARANTINE
    assert found.rule == "defaults"
    assert found.may_fit == ("old",)
    assert "calling AE title not known" in found.reasons[0]
    # All of them let in what is authentic.
    assert TWO.decide(verdict(Word.AUTHENTIC), arrived()).action is Action.ACCEPT


def test_in_doubt_nothing_is_refused() -> None:
    found = TWO.decide(verdict(Word.UNSEALED), Facts(Arrival("NEW")))
    assert found.action is Action.QUARANTINE  # "ct" refuses, the defaults keep it apart
    assert found.rule == "ct"


def test_a_rule_that_does_not_fit_is_out_whatever_else_is_unknown() -> None:
    rule = Rule("x", (condition(Fact.CALLING_AE, "A"), condition(Fact.MODALITY, "CT")))
    assert fit(rule, Facts(Arrival("B")), Unsigned.NO_SEAL) is Fit.NO
    assert fit(rule, Facts(Arrival("A")), Unsigned.NO_SEAL) is Fit.MAYBE
    assert fit(rule, Facts(Arrival("A"), modality="CT"), Unsigned.NO_SEAL) is Fit.YES


def condition(fact: Fact, *values: str) -> Condition:
    return Condition(fact, frozenset(fold(fact, each) for each in values))


@pytest.mark.parametrize(
    ("fact", "written", "said", "fits"),
    [
        (Fact.CALLING_AE, "CT7", "CT7 ", True),
        (Fact.CALLING_AE, "CT7", "ct7", False),
        (Fact.MANUFACTURER, "Acme  Medical", "ACME MEDICAL\0", True),
        (Fact.MODALITY, "ct", "CT", True),
        (Fact.STATION_NAME, "CT-7", "CT-70", False),
        (Fact.MODEL, "Gro\u0308\u00dfe", "GR\u00d6SSE", True),
        (Fact.SOP_CLASS, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2\0", True),
    ],
)
def test_spellings(fact: Fact, written: str, said: str, fits: bool) -> None:
    if fact is Fact.CALLING_AE:
        facts = Facts(Arrival(calling_ae=said))
    else:
        facts = replace(Facts(), **{fact.value: said})
    rule = Rule("x", (condition(fact, written),))
    assert (fit(rule, facts, Unsigned.NO_SEAL) is Fit.YES) is fits


@pytest.mark.parametrize("empty", ["", " ", "\0"])
def test_an_empty_fact_is_not_known(empty: str) -> None:
    rule = Rule("x", (condition(Fact.STATION_NAME, "CT-7"),))
    assert fit(rule, Facts(station_name=empty), Unsigned.NO_SEAL) is Fit.MAYBE


def test_signers_as_a_condition() -> None:
    rule = Rule("x", (condition(Fact.SIGNER, "CT 7"),))
    assert fit(rule, Facts(), DEVICE) is Fit.YES
    assert fit(rule, Facts(), replace(DEVICE, name="MR 2")) is Fit.NO
    assert fit(rule, Facts(), Unsigned.NO_SEAL) is Fit.NO
    assert fit(rule, Facts(), Unsigned.UNKNOWN) is Fit.MAYBE
    for name in ("CT 7", "MR 2"):
        assert fit(rule, Facts(), replace(DEVICE, name=name, role=None)) is Fit.MAYBE


def test_a_signer_in_three_ways() -> None:
    for text in ("CT 7", f"sha256:{'01' * 32}", f"key:{'02' * 32}"):
        assert SignerTerm(text).names(DEVICE)
    for text in ("CT", "ct 7", f"sha256:{'02' * 32}", f"key:{'01' * 32}"):
        assert not SignerTerm(text).names(DEVICE)
    # A name that looks like a fingerprint names nobody.
    liar = replace(DEVICE, name=f"sha256:{'03' * 32}")
    assert not SignerTerm(liar.name).names(liar)


LISTED = policy("""
[defaults]
signers = ["CT 7"]
[defaults.actions]
authentic = "accept"
derived = "accept"
untrusted = "tag"
""")


WHO = policy("""
[defaults.actions]
corrected = "accept"
header_changed = "tag"
altered = "refuse"
[defaults.correctors]
side = ["archivist"]
other = "nobody"
[[rules]]
name = "quality control"
match.calling_ae = ["QC"]
correctors.side = ["operator"]
""")


@pytest.mark.parametrize(
    ("subject", "role", "title", "action"),
    [
        (Subject.IDENTITY, Role.OPERATOR, "CT7", Action.ACCEPT),
        (Subject.IDENTITY, Role.ARCHIVIST, "QC", Action.ACCEPT),
        (Subject.SIDE, Role.ARCHIVIST, "CT7", Action.ACCEPT),
        (Subject.SIDE, Role.OPERATOR, "CT7", Action.REFUSE),
        (Subject.SIDE, Role.OPERATOR, "QC", Action.ACCEPT),
        (Subject.SIDE, Role.ARCHIVIST, "QC", Action.REFUSE),
        (Subject.OTHER, Role.ARCHIVIST, "CT7", Action.TAG),
        (Subject.OTHER, Role.OPERATOR, "QC", Action.TAG),  # as in the defaults
        (Subject.CALIBRATION, Role.OPERATOR, "QC", Action.ACCEPT),
    ],
)
def test_who_may_correct_what(subject: Subject, role: Role, title: str, action: Action) -> None:
    corrected = verdict(Word.CORRECTED, correctors=frozenset({(subject, role)}))
    found = WHO.decide(corrected, arrived(calling_ae=title))
    assert found.action is action
    assert (len(found.reasons) > 1) is (action is not Action.ACCEPT)
    also = frozenset({(subject, role), (Subject.IDENTITY, Role.ARCHIVIST)})
    both = verdict(Word.CORRECTED, correctors=also)
    assert WHO.decide(both, arrived(calling_ae=title)).action is action


def test_what_was_not_corrected_asks_for_no_corrector() -> None:
    nobody = policy(
        '[defaults.correctors]\nidentity = "nobody"\n[defaults.actions]\nauthentic = "accept"'
    )
    assert nobody.decide(verdict(Word.AUTHENTIC), arrived()).action is Action.ACCEPT


def test_a_rule_without_correctors_admits_none() -> None:
    rule = Rule("x", actions={Word.CORRECTED: Action.ACCEPT}, correctors={})
    corrected = verdict(Word.CORRECTED, correctors=frozenset({(Subject.OTHER, Role.ARCHIVIST)}))
    found = AcceptancePolicy((), rule).decide(corrected, arrived())
    assert found.action is Action.QUARANTINE


@pytest.mark.parametrize("event", [Event.DERIVED, Event.DEIDENTIFIED])
def test_of_a_signed_copy_its_maker_counts_whatever_the_role(event: Event) -> None:
    maker = replace(DEVICE, name="export", role=Role.OPERATOR, event=event)
    copy = verdict(Word.DERIVED, signed_by=maker)
    let = policy('[defaults.actions]\nderived = "accept"\nuntrusted = "refuse"')
    assert let.decide(copy, arrived()).action is Action.ACCEPT
    assert demands_of(let, Facts(), maker, lacks_seal=False).signer is None
    named = policy("""
[defaults]
signers = ["CT 7"]
actions.derived = "accept"
actions.untrusted = "refuse"
""")
    assert named.decide(copy, arrived()).action is Action.REFUSE
    assert demands_of(named, Facts(), maker, lacks_seal=False).signer is not None
    sealed = replace(maker, event=Event.SEALED)
    assert demands_of(let, Facts(), sealed, lacks_seal=False).signer is not None


def test_a_signer_who_is_not_listed_is_as_untrusted() -> None:
    assert LISTED.decide(verdict(Word.AUTHENTIC), arrived()).action is Action.ACCEPT
    other = replace(DEVICE, name="MR 2")
    for word in (Word.AUTHENTIC, Word.DERIVED):
        found = LISTED.decide(verdict(word, signed_by=other), arrived())
        assert found.action is Action.TAG
        assert "MR 2" in found.reasons[1]
    for unknown in (None, replace(DEVICE, role=None), replace(DEVICE, role=Role.GATEWAY)):
        found = LISTED.decide(verdict(Word.AUTHENTIC, signed_by=unknown), arrived())
        assert found.action is Action.TAG


def test_a_gateway_seals_where_a_rule_says_so() -> None:
    gateway = replace(DEVICE, role=Role.GATEWAY)
    text = '[defaults]\nroles = ["device", "gateway"]\nactions.authentic = "accept"'
    for signed_by in (DEVICE, gateway):
        found = policy(text).decide(verdict(Word.AUTHENTIC, signed_by=signed_by), arrived())
        assert found.action is Action.ACCEPT
    assert demands_of(policy(text), Facts(), gateway, lacks_seal=False).signer is None
    assert demands_of(policy(""), Facts(), gateway, lacks_seal=False).signer is not None
    assert demands_of(policy(""), Facts(), DEVICE, lacks_seal=False).signer is None


def test_a_gateway_in_doubt_is_refuted_and_a_device_is_not() -> None:
    text = """
[[rules]]
name = "behind the gateway"
match.calling_ae = ["GW"]
roles = ["gateway"]
"""
    gateway = replace(DEVICE, role=Role.GATEWAY)
    assert demands_of(policy(text), Facts(), gateway, lacks_seal=False).signer is not None
    found = demands_of(policy(text), Facts(), DEVICE, lacks_seal=False)
    assert found.signer is None
    assert found.unclear is not None
    assert found.unclear.code is Code.RULE_UNCLEAR


SINCE = policy("""
[defaults]
must_seal_since = 2026-01-01
must_seal_ingest_since = 2026-05-01T00:00:00+02:00
actions.unsealed = "tag"
actions.stripped = "refuse"
""")


@pytest.mark.parametrize(
    ("own", "arrived_at", "due"),
    [
        (date(2025, 12, 31), datetime(2026, 4, 30, 21, 59, tzinfo=UTC), False),
        (date(2026, 1, 1), datetime(2026, 4, 30, 21, 59, tzinfo=UTC), True),
        (date(2025, 12, 31), datetime(2026, 4, 30, 22, 0, tzinfo=UTC), True),
        (None, datetime(2026, 1, 1, tzinfo=UTC), True),
        (date(2025, 12, 31), None, True),
    ],
)
def test_what_must_be_sealed(own: date | None, arrived_at: datetime | None, due: bool) -> None:
    facts = Facts(Arrival(arrived_at=arrived_at), own_date=own)
    found = SINCE.decide(verdict(Word.UNSEALED), facts)
    assert found.action is (Action.REFUSE if due else Action.TAG)
    demands = demands_of(SINCE, facts, Unsigned.NO_SEAL, lacks_seal=True)
    assert (demands.seal is not None) is due
    assert demands_of(SINCE, facts, Unsigned.NO_SEAL, lacks_seal=False).seal is None


def test_an_unsealed_object_is_not_excused_by_a_ledger_out_of_reach() -> None:
    lax = replace(SINCE.defaults, actions={Word.NOT_CHECKED: Action.ACCEPT})
    found = AcceptancePolicy((), lax).decide(verdict(Word.NOT_CHECKED), arrived())
    assert found.action is Action.QUARANTINE
    sealed = verdict(Word.NOT_CHECKED, seal_id=SEAL, signed_by=DEVICE)
    assert AcceptancePolicy((), lax).decide(sealed, arrived()).action is Action.ACCEPT


def test_who_must_be_sealed_is_told_when_all_rules_say_so() -> None:
    text = '[[rules]]\nname = "ct"\nmatch.modality = ["CT"]\nmust_seal_since = 2026-01-01'
    found = demands_of(policy(text), Facts(), Unsigned.NO_SEAL, lacks_seal=True)
    assert found.seal is None
    assert found.unclear is not None
    assert "modality" in found.unclear.detail
    found = demands_of(policy(text), Facts(modality="CT"), Unsigned.NO_SEAL, lacks_seal=True)
    assert found.seal is not None
    assert found.seal.code is Code.MUST_BE_SEALED


DEEP = policy("""
[defaults]
depth = "ledger"
require_attestation = true
[defaults.actions]
authentic = "accept"
not_checked = "tag"
unsealed = "accept"
""")


def test_depth_and_attestation() -> None:
    good = verdict(Word.AUTHENTIC, checks=(ATTESTED,))
    assert DEEP.decide(good, arrived()).action is Action.ACCEPT
    assert DEEP.decide(replace(good, depth=Depth.LEDGER), arrived()).action is Action.ACCEPT
    assert DEEP.decide(replace(good, depth=Depth.SEAL), arrived()).action is Action.TAG
    assert DEEP.decide(replace(good, depth=None), arrived()).action is Action.TAG
    unsealed = verdict(Word.UNSEALED, depth=Depth.SEAL)
    assert DEEP.decide(unsealed, arrived()).action is Action.TAG
    assert DEEP.decide(replace(good, checks=()), arrived()).action is Action.QUARANTINE
    unknown = replace(ATTESTED, code=Code.ATTESTER_UNKNOWN)
    assert DEEP.decide(replace(good, checks=(unknown,)), arrived()).action is Action.QUARANTINE
    warned = replace(ATTESTED, status=Status.WARN)
    assert DEEP.decide(replace(good, checks=(warned,)), arrived()).action is Action.QUARANTINE


def test_without_policy_or_verdict_nothing_is_let_in() -> None:
    assert decide(None, verdict(Word.AUTHENTIC), arrived()).action is Action.QUARANTINE
    found = LISTED.decide(None, arrived())
    assert (found.action, found.reasons) == (Action.QUARANTINE, ("there is no verdict",))


def test_a_defect_lets_nothing_in(caplog: pytest.LogCaptureFixture) -> None:
    broken = replace(verdict(Word.AUTHENTIC), checks=None)
    found = DEEP.decide(broken, arrived())
    assert found.action is Action.QUARANTINE
    assert found.rule is None
    assert "defect" in found.reasons[0]
    assert "deciding failed" in caplog.text


def test_rules_that_never_decide() -> None:
    def rules(*matches: dict[Fact, tuple[str, ...]]) -> list[Rule]:
        return [
            Rule(f"r{n}", tuple(condition(fact, *values) for fact, values in match.items()))
            for n, match in enumerate(matches)
        ]

    def found(*matches: dict[Fact, tuple[str, ...]]) -> list[int]:
        return [number for number, _ in find_unreachable(rules(*matches))]

    ae, kind = Fact.CALLING_AE, Fact.MODALITY
    assert found({ae: ("A",)}, {ae: ("A",)}) == [1]
    assert found({ae: ("A", "B")}, {ae: ("A",), kind: ("CT",)}) == [1]
    assert found({ae: ("A",), kind: ("CT",)}, {ae: ("A",)}) == []
    assert found({ae: ("A",)}, {ae: ("A", "B")}) == []
    # two rules together
    assert found({ae: ("A",)}, {ae: ("B",)}, {ae: ("A", "B")}) == [2]
    assert found({ae: ("A",), kind: ("CT",)}, {ae: ("A",), kind: ("MR",)}, {ae: ("A",)}) == []
    assert found(
        {ae: ("A",), kind: ("CT",)}, {kind: ("MR",)}, {ae: ("A",), kind: ("CT", "MR")}
    ) == [2]
    assert found({kind: ("CT",)}, {ae: ("A",)}) == []
    assert list(find_overlaps(rules({ae: ("A", "B")}, {ae: ("B",)}, {kind: ("CT",)}))) == [(0, 1)]


WORDS = st.sampled_from(list(Word))
ACTIONS = st.sampled_from(list(Action))
TITLES = st.sampled_from(["A", "B", "C"])
MOMENTS = st.datetimes(
    datetime(2025, 12, 1),
    datetime(2026, 3, 1),
    timezones=st.just(UTC),  # around the dates below
)
DATES = st.dates(date(2025, 12, 1), date(2026, 3, 1))
SIGNERS = st.sampled_from(
    [
        DEVICE,
        replace(DEVICE, name="MR 2"),
        replace(DEVICE, role=Role.GATEWAY),
        replace(DEVICE, role=None),
    ]
)
CONDITIONS = st.one_of(
    st.builds(
        lambda fact, values: Condition(fact, frozenset(fold(fact, v) for v in values)),
        st.sampled_from([f for f in Fact if f is not Fact.SIGNER]),
        st.sets(TITLES, min_size=1),
    ),
    st.just(Condition(Fact.SIGNER, frozenset({"CT 7"}))),
)
CORRECTING = st.sampled_from([Role.ARCHIVIST, Role.OPERATOR])
CORRECTORS = st.frozensets(st.tuples(st.sampled_from(list(Subject)), CORRECTING))
RULES = st.builds(
    Rule,
    st.uuids().map(str),
    st.lists(CONDITIONS, min_size=1, max_size=3, unique_by=lambda c: c.fact).map(tuple),
    st.dictionaries(WORDS, ACTIONS),
    st.none() | st.just((SignerTerm("CT 7"),)),
    st.sampled_from([frozenset({Role.DEVICE}), frozenset({Role.DEVICE, Role.GATEWAY})]),
    st.none() | DATES,
    st.none() | MOMENTS,
    st.booleans(),
    st.sampled_from(list(Depth)),
    st.dictionaries(st.sampled_from(list(Subject)), st.frozensets(CORRECTING)),
)
POLICIES = st.builds(
    lambda rules, defaults: AcceptancePolicy(tuple(rules), replace(defaults, conditions=())),
    st.lists(RULES, max_size=5),
    RULES,
)
TEXTS = st.none() | TITLES
FACTS = st.builds(
    Facts,
    st.builds(Arrival, TEXTS, TEXTS, st.none() | MOMENTS),
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    st.none() | DATES,
)
VERDICTS = st.builds(
    lambda word, seal_id, signed_by, depth, checks, correctors: verdict(
        word,
        seal_id=seal_id,
        signed_by=signed_by if seal_id else None,
        depth=depth,
        checks=checks,
        correctors=correctors,
    ),
    WORDS,
    st.none() | st.just(SEAL),
    st.none() | SIGNERS,
    st.none() | st.sampled_from(list(Depth)),
    st.sampled_from([(), (ATTESTED,)]),
    CORRECTORS,
)


@settings(max_examples=150)
@given(POLICIES, VERDICTS, FACTS)
def test_altered_is_never_let_in(any_policy: AcceptancePolicy, v: Verdict, facts: Facts) -> None:
    found = any_policy.decide(replace(v, word=Word.ALTERED), facts)
    assert not found.action.lets_in
    found = any_policy.decide(replace(v, word=Word.UNREADABLE), facts)
    assert found.action is not Action.ACCEPT
    written = [r.actions.get(Word.UNREADABLE) for r in (*any_policy.rules, any_policy.defaults)]
    if found.action is Action.TAG:
        assert {Action.TAG, Action.ACCEPT} & set(written)


@settings(max_examples=150)
@given(POLICIES, VERDICTS, FACTS)
def test_nothing_is_let_in_that_no_rule_lets_in(
    any_policy: AcceptancePolicy, v: Verdict, facts: Facts
) -> None:
    found = any_policy.decide(v, facts)
    rules = (*any_policy.rules, any_policy.defaults)
    assert found.rule in {rule.name for rule in rules}
    if found.action.lets_in:
        (rule,) = [rule for rule in rules if rule.name == found.rule]
        assert rule.actions[v.word].lets_in


@settings(max_examples=150)
@given(POLICIES, VERDICTS, FACTS, st.data())
def test_to_take_a_fact_away_never_lets_an_object_in(
    any_policy: AcceptancePolicy, v: Verdict, facts: Facts, data: st.DataObject
) -> None:
    before = any_policy.decide(v, facts).action
    header = ("modality", "sop_class", "station_name", "manufacturer", "model", "own_date")
    arrival = ("calling_ae", "called_ae", "arrived_at")
    gone = data.draw(st.sets(st.sampled_from([*header, "device_serial_number", *arrival])))
    less = replace(
        facts,
        arrival=replace(facts.arrival, **dict.fromkeys(gone & set(arrival))),
        **dict.fromkeys(gone - set(arrival)),
    )
    after = any_policy.decide(v, less).action
    assert before.lets_in or not after.lets_in
    # Nor is what was kept sent away, unless every rule sends it away.
    if after is Action.REFUSE:
        assert before is Action.REFUSE


@settings(max_examples=150)
@given(POLICIES, VERDICTS, FACTS)
def test_less_evidence_never_lets_an_object_in(
    any_policy: AcceptancePolicy, v: Verdict, facts: Facts
) -> None:
    before = any_policy.decide(v, facts).action
    for worse in (replace(v, depth=None), replace(v, checks=()), replace(v, signed_by=None)):
        if worse.seal_id is None:
            continue  # who has not sealed cannot be named
        assert before.lets_in or not any_policy.decide(worse, facts).action.lets_in


@settings(max_examples=150)
@given(POLICIES, VERDICTS, FACTS, st.timedeltas(timedelta(0), timedelta(days=90)))
def test_to_arrive_later_or_to_be_newer_never_helps(
    any_policy: AcceptancePolicy, v: Verdict, facts: Facts, later: timedelta
) -> None:
    before = any_policy.decide(v, facts).action
    if facts.arrival.arrived_at is not None:
        moved = replace(facts.arrival, arrived_at=facts.arrival.arrived_at + later)
        assert (
            before.lets_in or not any_policy.decide(v, replace(facts, arrival=moved)).action.lets_in
        )
    if facts.own_date is not None:
        newer = replace(facts, own_date=facts.own_date + later)
        assert before.lets_in or not any_policy.decide(v, newer).action.lets_in


@settings(max_examples=150)
@given(POLICIES, FACTS, SIGNERS)
def test_candidates_end_at_the_first_that_fits(
    any_policy: AcceptancePolicy, facts: Facts, signer: SignedBy
) -> None:
    found = candidates(any_policy, facts, signer).rules
    assert [fit(rule, facts, signer) for rule in found][-1] is Fit.YES
    assert all(fit(rule, facts, signer) is Fit.MAYBE for rule in found[:-1])
    places = [(*any_policy.rules, any_policy.defaults).index(rule) for rule in found]
    assert places == sorted(places)
    left_out = set(range(places[-1])) - set(places)
    assert all(fit(any_policy.rules[n], facts, signer) is Fit.NO for n in left_out)


@settings(max_examples=150)
@given(POLICIES, st.lists(FACTS, min_size=1, max_size=10), SIGNERS)
def test_a_rule_that_is_called_unreachable_never_decides(
    any_policy: AcceptancePolicy, many: list[Facts], signer: SignedBy
) -> None:
    dead = {number for number, _ in find_unreachable(any_policy.rules)}
    whole = [
        replace(f, arrival=Arrival(f.arrival.calling_ae or "A", f.arrival.called_ae or "A"))
        for f in many
    ]
    for facts in whole:
        first = next(
            (n for n, r in enumerate(any_policy.rules) if fit(r, facts, signer) is Fit.YES), None
        )
        assert first not in dead
