"""Where an answer leads, for the API's document: what a request's id, a visit or an offer is good for next."""

from collections.abc import Mapping
from typing import Any

from ningju.console.sending import API

ID, REQUEST, VISIT = "$response.body#/id", "$response.body#/request_id", "$response.body#/visit/visit_id"
OFFER, COMMAND = "$response.body#/offer_list/0/offer_id", "$response.body#/command_id"
OF_REQUEST = tuple(f"{API}/requests/{{request_id}}{what}" for what in ("", "/why", "/people"))
ON_REQUEST = tuple(f"{API}/requests/{{request_id}}/{what}" for what in ("cancel", "change", "triage"))
ON_VISIT = tuple(
    f"{API}/visits/{{visit_id}}/{what}" for what in ("check-in", "finish", "withdraw", "release", "no-show", "rating")
)
ON_OFFER = tuple(f"{API}/offers/{{offer_id}}/{what}" for what in ("accept", "decline"))
OF_ZONE = tuple(f"{API}/zones/{{zone}}{what}" for what in ("", "/queue", "/roster", "/catalogue"))

Follow = tuple[str, str, str, str]
"""Method, path, name of its parameter, and where in the answer its value stands."""


def _to(method: str, paths: tuple[str, ...], parameter: str, value: str) -> tuple[Follow, ...]:
    return tuple((method, path, parameter, value) for path in paths)


_REQUEST = (
    *_to("get", OF_REQUEST, "request_id", ID),
    *_to("post", ON_REQUEST, "request_id", ID),
)
_ASKED = _to("get", (f"{API}/commands/{{command_id}}",), "command_id", COMMAND)

LEADS: Mapping[tuple[str, str, str], tuple[Follow, ...]] = {
    ("post", f"{API}/requests", "202"): _REQUEST,
    ("get", OF_REQUEST[0], "200"): (
        *_REQUEST,
        *_to("post", ON_VISIT, "visit_id", VISIT),
        *_to("get", (f"{API}/offers/{{offer_id}}",), "offer_id", OFFER),
        *_to("post", ON_OFFER, "offer_id", OFFER),
    ),
    ("get", f"{API}/requests", "200"): _to("get", OF_REQUEST, "request_id", "$response.body#/requests/0/request_id"),
    ("get", f"{API}/offers/{{offer_id}}", "200"): (
        *_to("get", OF_REQUEST, "request_id", REQUEST),
        *_to("post", ON_OFFER, "offer_id", "$response.body#/offer_id"),
        *_to("post", ON_VISIT, "visit_id", "$response.body#/visit_id"),
    ),
    ("get", f"{API}/zones", "200"): (
        *_to("get", OF_ZONE, "zone", "$response.body#/zones/0/zone"),
        *_to("put", (OF_ZONE[0], *OF_ZONE[2:]), "zone", "$response.body#/zones/0/zone"),
    ),
    **{("post", path, "200"): _ASKED for path in (*ON_REQUEST, *ON_OFFER, *ON_VISIT)},
}


def lead(document: dict[str, Any]) -> None:
    """Write the links into a document."""
    paths = document["paths"]
    for (method, path, status), follows in LEADS.items():
        links = paths[path][method]["responses"][status].setdefault("links", {})
        for to_method, to_path, parameter, value in follows:
            operation = paths[to_path][to_method]["operationId"]
            links[f"{to_method} {to_path}"] = {"operationId": operation, "parameters": {parameter: value}}
