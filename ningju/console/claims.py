"""From what a provider says of somebody to a role and zones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ningju.console.access import ROLES, Role
from schemas.base import derive_id

STRONGEST_FIRST: tuple[Role, ...] = ("admin", "operator", "zone_lead", "auditor", "viewer")


@dataclass(frozen=True, slots=True)
class Claims:
    """Where roles and zones stand among the claims.

    Parameters
    ----------
    role
        Name of the claim, with dots for what lies inside others: ``realm_access.roles``.
    names
        What the provider calls our roles; one that it names as we do needs no entry.
    zone
        Name of the claim with the zones of a zone lead.
    """

    role: str = "roles"
    names: Mapping[str, Role] = field(default_factory=dict)
    zone: str = "zones"

    def role_of(self, claims: Mapping[str, Any]) -> Role | None:
        """The strongest role that somebody has; ``None``: they have none here."""
        said = _words(_at(claims, self.role))
        ours = {self.names.get(word, word) for word in said}
        return next((role for role in STRONGEST_FIRST if role in ours), None)

    def zones_of(self, claims: Mapping[str, Any], role: Role) -> tuple[str, ...] | None:
        """Roots of the trees that somebody may see: a lead's own, everything for the others."""
        return tuple(sorted(_words(_at(claims, self.zone)))) if role == "zone_lead" else None


def account_id(issuer: str, subject: str) -> str:
    """The id by which the ledger knows somebody: the same each time, and no name."""
    return f"op-{derive_id('operator', issuer, subject).hex[:16]}"


def _at(claims: Mapping[str, Any], path: str) -> Any:
    if path in claims:  # names of claims may hold dots, as addresses do
        return claims[path]
    here: Any = claims
    for part in path.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _words(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset(value.replace(",", " ").split())
    if isinstance(value, list):
        return frozenset(one for one in value if isinstance(one, str))
    return frozenset()


assert set(STRONGEST_FIRST) == set(ROLES)
