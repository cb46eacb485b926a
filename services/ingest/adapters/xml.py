"""XML bodies. A document type, and so every entity of the sender's own making, is refused: nothing here expands or fetches anything."""

from typing import NoReturn
from xml.etree import ElementTree

from services.ingest.adapters.adapter import Unreadable

MOST_DEPTH = 64


class _NoDocumentType(ElementTree.TreeBuilder):
    """Builds the tree and ends at the first sign of a document type, or when it gets too deep."""

    _depth = 0

    def doctype(self, *_: object) -> NoReturn:
        raise Unreadable("the XML should have no document type")

    def start(self, tag: str, attrs: dict[str, str], /) -> ElementTree.Element:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise Unreadable("the XML is nested too deep")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)


def xml_body(body: bytes) -> ElementTree.Element:
    """The root element. Raises Unreadable."""
    try:
        parser = ElementTree.XMLParser(target=_NoDocumentType())  # noqa: S314 - see _NoDocumentType
        parser.feed(body)
        root: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError):
        raise Unreadable("the body should be XML") from None
    return root


def local(element: ElementTree.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]
