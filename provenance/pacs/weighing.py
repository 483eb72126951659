"""Judge an object in memory, and keep it afterwards: for whoever keeps what is let in itself.

Nothing is on disk while it is judged. What is quarantined or refused is, before `conclude` returns.
"""

from collections.abc import Callable

from provenance.pacs.arrivals import Instance, Kept, Sender, State
from provenance.pacs.intake import Examiner, Weighed, as_settled
from provenance.pacs.spool.data_set import data_set_digest
from provenance.pacs.spool.spool import LetIn, Spool, new_salt
from provenance.policy.terms import Action

_LETS_IN = (Action.ACCEPT, Action.TAG)


def weigh(
    content: bytes,
    examiner: Examiner,
    *,
    sender: Sender,
    instance: Instance,
    spool: Spool,
    arrived: Callable[[], bytes],
) -> Weighed:
    """Judge an object, of which nothing is kept yet. ``arrived`` is its SHA-256."""
    opinion = examiner.opinion(content, sender)
    digest = arrived()
    settled = spool.proposals.settled(
        digest,
        instance.sop_instance,
        lambda: data_set_digest(content, instance.transfer_syntax),
    )
    judged = as_settled(opinion.judged, settled)
    return Weighed(sender, instance, judged, opinion.policy, digest, settled)


def conclude(content: bytes, weighed: Weighed, *, spool: Spool) -> Kept | LetIn:
    """Keep an object that was weighed; what is let in stays with whoever brought it.

    Of that only a row is to be written (Spool.write_down). Raises as Intake.take does.
    """
    judged, path = weighed.judged, spool.incoming()
    if judged.action in _LETS_IN and weighed.settled is None:
        made = Kept(
            0,
            weighed.sender,
            weighed.instance,
            judged,
            State.DELIVERED,
            len(content),
            weighed.arrived,
            new_salt(),
        )
        return LetIn(path.name, made, weighed.policy)
    try:
        path.write_bytes(content)
        if judged.action is Action.QUARANTINE:
            path = spool.place(path)
            spool.secure(path)
        return weighed.keep(path, spool, ())
    except BaseException:
        spool.drop(path)
        raise
