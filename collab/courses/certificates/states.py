"""States of a certificate and of a batch. An end of validity moves nothing: it is read from the date."""

from enum import StrEnum

from collab.kernel.tables import Moves


class CertificateState(StrEnum):
    PENDING = "pending"
    ISSUED = "issued"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    REJECTED = "rejected"


LIVE = frozenset({CertificateState.PENDING, CertificateState.ISSUED, CertificateState.SUSPENDED})
SIGNED = frozenset({CertificateState.ISSUED, CertificateState.SUSPENDED, CertificateState.REVOKED})

CERTIFICATE_MOVES = Moves(
    {
        "issue": ({CertificateState.PENDING}, CertificateState.ISSUED),
        "reject": ({CertificateState.PENDING}, CertificateState.REJECTED),
        "suspend": ({CertificateState.ISSUED}, CertificateState.SUSPENDED),
        "reinstate": ({CertificateState.SUSPENDED}, CertificateState.ISSUED),
        "revoke": ({CertificateState.ISSUED, CertificateState.SUSPENDED}, CertificateState.REVOKED),
    }
)


class BatchState(StrEnum):
    WAITING = "waiting"
    ISSUED = "issued"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


BATCH_MOVES = Moves(
    {
        "issue": ({BatchState.WAITING}, BatchState.ISSUED),
        "reject": ({BatchState.WAITING}, BatchState.REJECTED),
        "withdraw": ({BatchState.WAITING}, BatchState.WITHDRAWN),
    }
)
