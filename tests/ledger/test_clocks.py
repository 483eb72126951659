"""Order is the index. Whatever clocks say, of signers and of the log itself, nothing is found."""

import itertools
import random
from datetime import timedelta
from typing import Any

from ledger import (
    FIRST,
    Event,
    Role,
    Submission,
    TrustedLogs,
    hash_leaf,
    open_checkpoint,
    open_receipt,
    parse_statement,
    sign_statement,
)

ACTORS, EVENTS = 8, 40


def test_shuffled_clocks_change_nothing(site: Any) -> None:
    """Eight signers, clocks off by a day or thirty; the log's own runs forwards and backwards."""
    chance = random.Random(7)
    signers = [site.signer(f"actor {n}") for n in range(ACTORS)]
    for signer in signers:
        site.add_key(signer, Role.GATEWAY)
    drift = [timedelta(days=chance.choice([-30, -1, 0, 1, 30])) for _ in signers]
    links = dict.fromkeys(range(ACTORS), FIRST)
    objects: dict[bytes, Any] = {}
    checkpoints = []
    sent = []
    for number in range(EVENTS):
        actor = chance.randrange(ACTORS)
        object_id = chance.randbytes(12) if number % 3 == 0 else chance.choice(list(objects))
        made = sign_statement(
            event=Event.INGESTED,
            object_id=object_id,
            object_link=objects.get(object_id, FIRST),
            actor_link=links[actor],
            claimed_at=site.now + drift[actor],
            head_seen=None,
            body={},
            signer=signers[actor],
        )
        links[actor] = links[actor].next(hash_leaf(made))
        objects[object_id] = objects.get(object_id, FIRST).next(hash_leaf(made))
        at = site.now + timedelta(hours=chance.uniform(-48, 48))
        (entry,) = site.log.append([Submission(made)], at=at)
        sent.append((entry.index, made))
        checkpoints.append(site.log.checkpoint())
    assert [index for index, _ in sent] == list(range(sent[0][0], sent[0][0] + EVENTS))
    claimed = [parse_statement(made).claimed_at for _, made in sent]
    assert claimed != sorted(claimed)
    report = site.log.audit(held=checkpoints)
    assert report.ok, report.findings
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    times = [open_checkpoint(note, logs).cosigned_at for note in checkpoints]
    assert all(a and b and a <= b for a, b in itertools.pairwise(times)), (
        "the time of checkpoints never runs backwards"
    )
    for index, made in sent:
        assert open_receipt(made, site.log.prove(index), logs=logs).index == index
