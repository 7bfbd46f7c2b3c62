"""The form of Open311's documents: lists of plain records, as JSON or as XML. Nothing here reads XML."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from starlette.responses import JSONResponse, Response

Record = Mapping[str, Any]

ITEMS = {
    "services": "service",
    "attributes": "attribute",
    "values": "value",
    "service_requests": "request",
    "errors": "error",
    "endpoints": "endpoint",
    "formats": "format",
}
"""What the items of a list are called in XML."""

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(name: str, content: Record | Sequence[Record], form: str, status: int = 200) -> Response:
    """Write a document.

    Parameters
    ----------
    name
        What its root is called in XML; JSON has no name for it.
    form
        ``json`` or ``xml``.
    """
    if form != "xml":
        return JSONResponse(content, status, {"Cache-Control": "no-store"})
    root = ElementTree.Element(name)
    _fill(root, content)
    data = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(data, status, {"Cache-Control": "no-store"}, "text/xml; charset=utf-8")


def errors(faults: Sequence[str], status: int, form: str) -> Response:
    """Say what is wrong."""
    return document("errors", [{"code": status, "description": fault} for fault in faults], form, status)


def _fill(node: ElementTree.Element, content: Any) -> None:
    if isinstance(content, Mapping):
        for name, value in content.items():
            _fill(ElementTree.SubElement(node, name), value)
    elif isinstance(content, list | tuple):
        for item in content:
            _fill(ElementTree.SubElement(node, ITEMS[node.tag]), item)
    elif isinstance(content, bool):
        node.text = "true" if content else "false"
    elif content is not None:
        node.text = _NOT_XML.sub("", str(content))
