"""Examples of every call with a body, for the API's document. A test makes each call as it stands here."""

from collections.abc import Mapping
from typing import Any

from ningju.console.sending import API

REQUEST = "5e0bb1a4-0c40-5ed5-9a53-6e696e676a01"
OFFER = "5e0bb1a4-0c40-5ed5-9a53-6e696e676a02"
VISIT = "5e0bb1a4-0c40-5ed5-9a53-6e696e676a03"
COMMAND = "5e0bb1a4-0c40-5ed5-9a53-6e696e676a04"

NAMES: Mapping[str, str] = {
    "request_id": REQUEST,
    "offer_id": OFFER,
    "visit_id": VISIT,
    "command_id": COMMAND,
    "zone": "huayang",
    "code": "elder-visit",
    "form": "json",
}
"""What stands for the names in a path."""

_WINDOW = {"start": "2026-03-02T14:00:00+08:00", "end": "2026-03-02T17:00:00+08:00"}
_PLACE = {"lon": 121.4212, "lat": 31.2234}
_TEAM = {"id": "huayang-1", "zone": "huayang", "name": {"zh": "华阳一队", "en": "Huayang team 1"}, "base": _PLACE}
_SERVICE = {
    "id": "bath-help",
    "name": {"zh": "助浴", "en": "Help with bathing"},
    "demands": [{"skill": "care", "level": 2, "heads": 2}],
    "duration_s": 5_400,
}
_HOME = {
    "id": "huayang",
    "name": {"zh": "华阳路街道", "en": "Huayang Road"},
    "level": "subdistrict",
    "boundary": [[[121.41, 31.21], [121.44, 31.21], [121.44, 31.24], [121.41, 31.24], [121.41, 31.21]]],
}

Bodies = Mapping[str, Any]

EXAMPLES: Mapping[str, Bodies] = {
    f"POST {API}/requests": {
        "at home": {
            "service_type": "elder-visit",
            "place": _PLACE,
            "windows": [_WINDOW],
            "beneficiary": {"name": "王芳", "phone": "19900001234", "address": "安和路 1 弄 2 号 301 室", "tier": 2},
            "note": "三楼，没有电梯",
        },
        "at a site": {"service_type": "elder-visit", "site": "huayang-home", "windows": [_WINDOW], "priority": 4},
    },
    f"POST {API}/requests/{{request_id}}/cancel": {
        "with a reason": {"reason": "the family will help"},
        "unless it has changed since": {"reason": "the family will help", "seen": 1},
    },
    f"POST {API}/requests/{{request_id}}/change": {
        "later": {"window": {"start": "2026-03-03T09:00:00+08:00", "end": "2026-03-03T12:00:00+08:00"}},
        "more people": {"crew": [{"skill": "care", "heads": 2}], "reason": "she cannot walk alone"},
        "unless it has changed since": {"priority": 4, "reason": "she is alone now", "seen": 1},
    },
    f"POST {API}/requests/{{request_id}}/triage": {
        "accept": {"decision": "accept"},
        "refuse": {"decision": "refuse", "reason": "this is for the hospital"},
        "unless it has changed since": {"decision": "accept", "seen": 1},
    },
    f"POST {API}/offers/{{offer_id}}/accept": {"for oneself": {}, "a leader names who goes": {"volunteer": "v0001"}},
    f"POST {API}/offers/{{offer_id}}/decline": {"with a reason": {"reason": "a cold"}},
    f"POST {API}/visits/{{visit_id}}/check-in": {"who has come": {"volunteer": "v0001"}},
    f"POST {API}/visits/{{visit_id}}/finish": {"who has finished": {"volunteer": "v0001"}},
    f"POST {API}/visits/{{visit_id}}/withdraw": {"who cannot come": {"volunteer": "v0001", "reason": "a cold"}},
    f"POST {API}/visits/{{visit_id}}/release": {
        "who is needed elsewhere": {"volunteer": "v0001", "reason": "needed elsewhere"}
    },
    f"POST {API}/visits/{{visit_id}}/no-show": {"who did not come": {"volunteer": "v0001"}},
    f"POST {API}/visits/{{visit_id}}/rating": {"five stars": {"stars": 5}},
    f"PUT {API}/zones/{{zone}}": {"a subdistrict": {"config": _HOME}},
    f"PUT {API}/zones/{{zone}}/roster": {
        "a team and one of its people": {
            "teams": [_TEAM],
            "volunteers": [
                {"id": "v0002", "team": "huayang-1", "home": _PLACE, "name": "李建国", "phone": "19900004321"}
            ],
        }
    },
    f"PUT {API}/zones/{{zone}}/catalogue": {"a service": {"service_types": [_SERVICE]}},
    f"PUT {API}/catalogue": {"a service for all": {"service_types": [_SERVICE]}},
    "POST /open311/v2/requests.{form}": {
        "by its place": {
            "service_code": "elder-visit",
            "lat": "31.2234",
            "long": "121.4212",
            "last_name": "王",
            "first_name": "芳",
            "phone": "19900001234",
            "description": "三楼，没有电梯",
        }
    },
}
