"""Labels of a guest, kept in its domain's metadata under a namespace of ours."""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

NAMESPACE = "urn:study-session-bot:guest"
PREFIX = "study"
_ROOT = f"{{{NAMESPACE}}}labels"
_LABEL = f"{{{NAMESPACE}}}label"

ET.register_namespace(PREFIX, NAMESPACE)


def written(labels: Mapping[str, str]) -> ET.Element:
    """Write labels down."""
    root = ET.Element(_ROOT)
    for name, value in sorted(labels.items()):
        ET.SubElement(root, _LABEL, name=name, value=value)
    return root


def read(metadata: str) -> dict[str, str]:
    """Read labels back; what isn't ours has none."""
    try:
        root = ET.fromstring(metadata)  # noqa: S314 - libvirt's own words, and it reads them too
    except ET.ParseError:
        return {}
    return {one.get("name", ""): one.get("value", "") for one in root.iter() if _is_label(one)}


def _is_label(element: ET.Element) -> bool:
    # libvirt gives the element with its namespace declared, or as a child of another.
    return element.tag == _LABEL
