"""What docs/lab.md and the example say of lab.toml is what the code does, in both languages."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from bot.lab.catalogue import DEFAULT_CAPABILITIES, DEFAULT_WRITABLE, MORE_CAPABILITIES, Catalogue
from bot.lab.labfile.tables import LabFile
from bot.lab.references import ImagePattern

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "lab.example.toml").read_text(encoding="utf-8")
PAGES = ["docs/lab.md", "docs/lab.ja.md"]
WORDS = {
    "docs/lab.md": {"required": "required", "none": "none"},
    "docs/lab.ja.md": {"required": "必須", "none": "なし"},
}


def tables() -> dict[str, list[type[BaseModel]]]:
    """Return each table's heading and what it holds; those of the roles stand side by side."""
    limits = LabFile.model_fields["limits"].annotation
    roles = [limits.model_fields[one].annotation for one in ("attendee", "speaker", "moderator")]
    found = {"": [LabFile], "`[limits.attendee]`, `[limits.speaker]`, `[limits.moderator]`": roles}
    for key, one in LabFile.model_fields.items():
        inner = (*get_args(one.annotation), one.annotation)[0]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            is_list = inner is not one.annotation
            found[f"`[[{key}]]`" if is_list else f"`[{key}]`"] = [inner]
    return found


def keys_of(table: type[BaseModel]) -> dict[str, Any]:
    """Return a table's own keys; those that are tables themselves have headings of their own."""
    return {
        key: one
        for key, one in table.model_fields.items()
        if not any(
            isinstance(part, type) and issubclass(part, BaseModel)
            for part in (*get_args(one.annotation), one.annotation)
        )
    }


def written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def shown(page: str, field: Any) -> str:
    if field.is_required():
        return WORDS[page]["required"]
    return WORDS[page]["none"] if field.default is None else f"`{written(field.default)}`"


def rows(page: str) -> dict[str, dict[str, list[str]]]:
    """Return the rows of each section's tables, by what stands in their first column."""
    found: dict[str, dict[str, list[str]]] = {}
    heading = ""
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("| `"):
            key, *cells = (cell.strip() for cell in line.strip("|").split(" | "))
            found.setdefault(heading, {})[key.strip("`")] = cells
    return found


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("heading", "models"), tables().items())
def test_every_key_and_default_is_explained(page: str, heading: str, models: list[type[BaseModel]]):
    sections = rows(page)
    if not heading:
        heading = next(iter(one for one in sections if "guilds" in sections[one]))
    explained = {
        key: cells for key, cells in sections[heading].items() if re.fullmatch(r"[a-z_0-9]+", key)
    }
    columns = models[:2]
    expected = {
        key: [shown(page, keys_of(model)[key]) for model in columns] for key in keys_of(models[0])
    }
    assert {key: cells[: len(columns)] for key, cells in explained.items()} == expected
    assert all(cells[len(columns)] for cells in explained.values())


def test_moderators_have_the_speakers_defaults_as_the_pages_say():
    roles = tables()["`[limits.attendee]`, `[limits.speaker]`, `[limits.moderator]`"]
    assert roles[1] is roles[2]


def test_each_capability_stands_there_with_its_reason():
    section = rows("docs/lab.md")["Capabilities"]
    explained = {key: cells[0] for key, cells in section.items()}
    assert explained == {**DEFAULT_CAPABILITIES, **MORE_CAPABILITIES}


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_name_the_same_capabilities_folders_and_patterns(page: str):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"^\| `([A-Z_]+)` \|", text, flags=re.MULTILINE)
    assert named == [*DEFAULT_CAPABILITIES, *MORE_CAPABILITIES]
    assert re.findall(r"`(/(?:\w+/?)+)`", text.split("`[images]`")[-1])[
        : len(DEFAULT_WRITABLE)
    ] == [*DEFAULT_WRITABLE]
    patterns = re.findall(r'^\| `"([^`]+)"` \|', text, flags=re.MULTILINE)
    patterns = [one for one in patterns if not re.fullmatch(r"[\d.]+\w", one)]
    assert patterns == [
        "official", "nginx", "nginx:1.*", "app@sha256:…", "ghcr.io/org/*", "127.0.0.1:*/study/*",
    ]  # fmt: skip
    for one in patterns:
        ImagePattern.parse(one.replace("…", "0" * 64))


# --- the example ---

# Shown with a value that is no default, because there is none or to show how it is written.
SHOWN = {
    "docker", "libvirt", "tls", "public_name", "mirror", "name", "image", "description", "ports",
    "command", "environment", "cpus", "memory", "disk", "runtime", "add_capabilities",
    "drop_capabilities", "writable",
}  # fmt: skip


def example_with_comments_removed() -> str:
    """Return the example with every `# key = value` in force, but for other ways to an engine."""
    text = re.sub(r"^# docker = .*\n", "", EXAMPLE, flags=re.MULTILINE)
    text = re.sub(r"^#   ", "", text, flags=re.MULTILINE)
    text = text.replace('128 hexadecimal digits"\nsystem', "0" * 128 + '"\nsystem')
    text = text.replace("https://…/SHA512SUMS", "https://example.org/SHA512SUMS")
    return re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)


def test_every_key_stands_in_the_example():
    content = tomllib.loads(example_with_comments_removed())
    limits = content["limits"]
    there = {
        "": content,
        "`[[hosts]]`": content["hosts"][0],
        "`[[templates]]`": content["templates"][0],
        "`[[guests]]`": {key for guest in content["guests"] for key in guest},
        # Written as for a guest's image.
        "`[[isos]]`": {key for iso in content["isos"] for key in (*iso, "sha512")},
        "`[limits.attendee]`, `[limits.speaker]`, `[limits.moderator]`": limits["attendee"],
    }
    for heading, models in tables().items():
        table = there.get(heading) or content[heading.strip("`[]")]
        assert set(keys_of(models[0])) <= set(table), heading
    assert set(limits["speaker"]) == set(limits["attendee"])


def test_what_the_example_shows_as_default_is_the_default():
    content = tomllib.loads(example_with_comments_removed())
    plain = LabFile()
    for name in ("access", "lease", "images"):
        assert content[name] == getattr(plain, name).model_dump()
    for table, model in (("hosts", "`[[hosts]]`"), ("templates", "`[[templates]]`")):
        fields = keys_of(tables()[model][0])
        for key, value in content[table][0].items():
            if key not in SHOWN or (table == "hosts" and key == "ports"):
                assert value == fields[key].default, key


def test_the_example_works_with_every_line_in_force(tmp_path: Path):
    text = example_with_comments_removed()
    # TLS goes with the address that the example leaves out.
    path = tmp_path / "lab.toml"
    path.write_text(re.sub(r"^tls = .*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    catalogue = Catalogue.load(path)
    defaults = Catalogue.none()
    assert catalogue.limits == defaults.limits
    assert (catalogue.access, catalogue.images) == (defaults.access, defaults.images)
