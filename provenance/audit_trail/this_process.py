"""Who tells: this process on this machine."""

import os
import socket

from provenance.audit_trail.fact import Node, Reporter


def this_process(
    *ae_titles: str, name: str = "radseal", host: str = "", enterprise_site: str = ""
) -> Reporter:
    """Return the reporter of this process; ``host`` where the machine's own name says nothing.

    The audit source is NAME@HOST.
    """
    known = host or socket.gethostname()
    return Reporter(
        node=Node(ae_titles, known),
        process=str(os.getpid()),
        source_id=f"{name}@{known}",
        name=name,
        enterprise_site=enterprise_site,
    )
