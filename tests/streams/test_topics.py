from streams.topics import Topic, decode_headers, encode_headers


def test_headers_are_cloudevents_in_binary_mode() -> None:
    headers = encode_headers(id="e-1", type="request_queued", source="/zones/hqj", zone="hqj", version=3, absent=None)
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"e-1",
        "ce_type": b"request_queued",
        "ce_source": b"/zones/hqj",
        "content-type": b"application/json",
        "zone": b"hqj",
        "version": b"3",
    }


def test_headers_come_back_as_text() -> None:
    headers = encode_headers(id="1", type="t", source="/s", zone="a", version=12)
    assert decode_headers(headers)["version"] == "12"
    assert decode_headers(dict(headers)) == decode_headers(headers)


def test_headers_that_are_missing_or_no_text_do_not_raise() -> None:
    assert decode_headers(None) == {}
    assert decode_headers([("zone", b"\xff\xfe")])["zone"]


def test_the_topics_have_the_names_that_others_rely_on() -> None:
    assert [str(topic) for topic in Topic] == [
        "ningju.requests",
        "ningju.commands",
        "ningju.events",
        "ningju.deadletters",
    ]
