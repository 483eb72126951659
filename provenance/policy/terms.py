"""Actions, the keys of the words, who may seal and correct: the vocabulary of a policy."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from ledger import MAY_SIGN, Event, Role
from provenance.judging.verdict import Word


class Action(StrEnum):
    """What is done with an object; each is stricter than the one before."""

    ACCEPT = "accept"
    TAG = "tag"
    QUARANTINE = "quarantine"
    REFUSE = "refuse"

    @property
    def lets_in(self) -> bool:
        """Whether readers get to see the object."""
        return self in (Action.ACCEPT, Action.TAG)

    @classmethod
    def strictest(cls, actions: Iterable["Action"]) -> "Action":
        """Return the strictest of some; quarantine of none."""
        return max(actions, key=tuple(cls).index, default=cls.QUARANTINE)

    @classmethod
    def agreed(cls, actions: Iterable["Action"]) -> "Action":
        """Return what to do when it is not known which of some is due: in doubt it is kept apart.

        An object is let in only if all let it in, and sent away only if all send it away.
        """
        wanted = set(actions)
        if len(wanted) == 1:
            return wanted.pop()
        if wanted and all(action.lets_in for action in wanted):
            return cls.strictest(wanted)
        return cls.QUARANTINE


ACTION_EXIT_CODES: Mapping[Action, int] = {
    Action.ACCEPT: 0,
    Action.TAG: 20,
    Action.QUARANTINE: 21,
    Action.REFUSE: 22,
}
# What is proven altered is never let in; what cannot be decoded never without a tag.
FLOORS: Mapping[Word, Action] = {Word.ALTERED: Action.QUARANTINE, Word.UNREADABLE: Action.TAG}
WORD_KEYS: Mapping[str, Word] = {word.value.lower().replace(" ", "_"): word for word in Word}
KEY_OF: Mapping[Word, str] = {word: key for key, word in WORD_KEYS.items()}
SEALING_ROLES = (Role.DEVICE, Role.GATEWAY)
CORRECTING_ROLES = frozenset(role for role in Role if Event.CORRECTED in MAY_SIGN[role])
