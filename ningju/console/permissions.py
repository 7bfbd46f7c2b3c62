"""The one table of who may call what: roles of people and scopes of programs. Whose zone it is, the store knows."""

from collections.abc import Mapping
from dataclasses import dataclass

from ningju.console.access import ROLES, Role
from ningju.console.sending import API

SCOPES: Mapping[str, str] = {
    "requests:write": "send requests in, change and cancel them",
    "requests:read": "read requests, queues and why they are where they are",
    "answers": "answer offers, check in and out, rate",
    "triage": "accept or refuse requests",
    "rosters": "read and write teams and volunteers",
    "catalogues": "write service types and sites",
    "zones": "set up zones and their policy",
    "events": "follow the events",
    "metrics": "read the figures for Prometheus",
    "act-as": "say in X-Actor for which volunteer, leader, beneficiary or outside system a call is made",
}

EVERYBODY: frozenset[Role] = frozenset(ROLES)
HANDS: frozenset[Role] = frozenset({"operator", "zone_lead", "admin"})
LEADS: frozenset[Role] = frozenset({"zone_lead", "admin"})
AUDITORS: frozenset[Role] = frozenset({"admin", "auditor"})
ADMINS: frozenset[Role] = frozenset({"admin"})


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call one route.

    Parameters
    ----------
    roles
        Roles of people who may; ``None`` lets everybody in, signed in or not.
    scope
        What a token must be for; the empty one lets no token in.
    metered
        Whether calls are counted against the rate of intake.
    """

    roles: frozenset[Role] | None
    scope: str = ""
    metered: bool = False


PUBLIC = Rule(None)
UNLISTED = Rule(ADMINS)
"""What a route without an entry is kept to; the tests refuse such routes."""

_READ = "requests:read"

TABLE: Mapping[str, Rule] = {
    "GET /healthz/live": PUBLIC,
    "GET /healthz/ready": PUBLIC,
    "GET /metrics": Rule(AUDITORS | HANDS, "metrics"),
    "GET /docs": PUBLIC,
    "GET /openapi.json": PUBLIC,
    "GET /sign-in": PUBLIC,
    "GET /sign-in/return": PUBLIC,
    "GET /signed-out": PUBLIC,
    "POST /sign-out": Rule(EVERYBODY),
    f"POST {API}/requests": Rule(HANDS, "requests:write", metered=True),
    f"GET {API}/requests": Rule(EVERYBODY, _READ),
    f"GET {API}/requests/{{request_id}}": Rule(EVERYBODY, _READ),
    f"GET {API}/requests/{{request_id}}/why": Rule(EVERYBODY, _READ),
    f"GET {API}/requests/{{request_id}}/people": Rule(EVERYBODY),
    f"POST {API}/requests/{{request_id}}/cancel": Rule(HANDS, "requests:write"),
    f"POST {API}/requests/{{request_id}}/change": Rule(HANDS, "requests:write"),
    f"POST {API}/requests/{{request_id}}/triage": Rule(HANDS, "triage"),
    f"GET {API}/offers/{{offer_id}}": Rule(EVERYBODY, "answers"),
    f"POST {API}/offers/{{offer_id}}/accept": Rule(HANDS, "answers"),
    f"POST {API}/offers/{{offer_id}}/decline": Rule(HANDS, "answers"),
    f"POST {API}/visits/{{visit_id}}/check-in": Rule(HANDS, "answers"),
    f"POST {API}/visits/{{visit_id}}/finish": Rule(HANDS, "answers"),
    f"POST {API}/visits/{{visit_id}}/withdraw": Rule(HANDS, "answers"),
    f"POST {API}/visits/{{visit_id}}/release": Rule(HANDS, "requests:write"),
    f"POST {API}/visits/{{visit_id}}/no-show": Rule(HANDS, "answers"),
    f"POST {API}/visits/{{visit_id}}/rating": Rule(HANDS, "answers"),
    f"GET {API}/zones": Rule(EVERYBODY, _READ),
    f"GET {API}/zones/{{zone}}": Rule(EVERYBODY, _READ),
    f"PUT {API}/zones/{{zone}}": Rule(ADMINS, "zones"),
    f"GET {API}/zones/{{zone}}/queue": Rule(EVERYBODY, _READ),
    f"GET {API}/zones/{{zone}}/roster": Rule(EVERYBODY, "rosters"),
    f"PUT {API}/zones/{{zone}}/roster": Rule(HANDS, "rosters"),
    f"GET {API}/catalogue": Rule(EVERYBODY, _READ),
    f"PUT {API}/catalogue": Rule(ADMINS, "catalogues"),
    f"GET {API}/zones/{{zone}}/catalogue": Rule(EVERYBODY, _READ),
    f"PUT {API}/zones/{{zone}}/catalogue": Rule(LEADS, "catalogues"),
    f"GET {API}/events": Rule(EVERYBODY, "events"),
    f"GET {API}/commands/{{command_id}}": Rule(EVERYBODY, "requests:write"),
    "GET /open311/v2/discovery.{form}": PUBLIC,
    "GET /open311/v2/services.{form}": PUBLIC,
    "GET /open311/v2/services/{code}.{form}": PUBLIC,
    "GET /open311/v2/requests.{form}": Rule(EVERYBODY, _READ),
    "POST /open311/v2/requests.{form}": Rule(HANDS, "requests:write", metered=True),
    "GET /open311/v2/requests/{request_id}.{form}": Rule(EVERYBODY, _READ),
    # the operators' pages
    "GET /": Rule(EVERYBODY),
    "GET /now": Rule(EVERYBODY),
    "POST /now/take": Rule(HANDS),
    "GET /queue": Rule(EVERYBODY),
    "GET /live": Rule(EVERYBODY),
    "GET /map": Rule(EVERYBODY),
    "GET /timeline": Rule(EVERYBODY),
    "GET /people": Rule(EVERYBODY),
    "GET /people/import": Rule(HANDS),
    "POST /people/import": Rule(HANDS),
    "POST /people/change": Rule(HANDS),
    "POST /people/remove": Rule(HANDS),
    "GET /people/{zone}/{volunteer}": Rule(EVERYBODY),
    "GET /people/{zone}/{volunteer}/edit": Rule(HANDS),
    "POST /people/{zone}/{volunteer}/edit": Rule(HANDS),
    "GET /teams/{zone}/{team}": Rule(EVERYBODY),
    "POST /teams/{zone}/{team}": Rule(HANDS),
    "GET /catalogue": Rule(EVERYBODY),
    "GET /catalogue/import": Rule(LEADS),
    "POST /catalogue/import": Rule(LEADS),
    "POST /catalogue/change": Rule(LEADS),
    "POST /catalogue/remove": Rule(LEADS),
    "GET /catalogue/{zone}/services/{service}": Rule(EVERYBODY),
    "POST /catalogue/{zone}/services/{service}": Rule(LEADS),
    "GET /catalogue/{zone}/sites/{site}": Rule(EVERYBODY),
    "POST /catalogue/{zone}/sites/{site}": Rule(LEADS),
    "POST /people/{zone}/{volunteer}/name": Rule(HANDS),
    "POST /people/{zone}/{volunteer}/pause": Rule(HANDS),
    "GET /map/data": Rule(EVERYBODY),
    "GET /figures": Rule(EVERYBODY),
    "GET /figures/export/{form}": Rule(EVERYBODY),
    "GET /what-if": Rule(HANDS),
    "POST /what-if/window": Rule(HANDS),
    "POST /what-if/site": Rule(LEADS),
    "POST /queue": Rule(HANDS),
    "POST /queue/views": Rule(HANDS),
    "GET /queue/undo": Rule(HANDS),
    "POST /queue/undo": Rule(HANDS),
    "GET /request/{request_id}": Rule(EVERYBODY),
    "POST /request/{request_id}/people": Rule(HANDS),
    "POST /request/{request_id}/answer": Rule(HANDS),
    "POST /request/{request_id}/do": Rule(HANDS),
    "GET /request/{request_id}/assign": Rule(HANDS),
    "POST /request/{request_id}/assign": Rule(HANDS),
    "POST /undo/{command_id}": Rule(HANDS),
    "GET /new": Rule(HANDS),
    "POST /new": Rule(HANDS, metered=True),
    "GET /letters": Rule(ADMINS),
    "GET /letters/{number}": Rule(ADMINS),
    "POST /letters/{number}": Rule(ADMINS),
    "GET /audit": Rule(AUDITORS),
    "GET /audit/looks": Rule(AUDITORS),
    "GET /audit/export": Rule(AUDITORS),
    "GET /audit/looks/export": Rule(AUDITORS),
}
