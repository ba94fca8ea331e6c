"""Names of images are read as the engine reads them, and only what is on the list gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lab.errors import BadImageName
from bot.lab.references import ImagePattern, ImageReference, is_allowed

DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "f" * 64


def parsed(text: str) -> ImageReference:
    return ImageReference.parse(text)


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27"),
        ("docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("grafana/grafana", "docker.io/grafana/grafana:latest", "grafana/grafana:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("ghcr.io/org/app:v1", "ghcr.io/org/app:v1", "ghcr.io/org/app:v1"),
        ("GHCR.io/org/app:v1", "ghcr.io/org/app:v1", "ghcr.io/org/app:v1"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        (
            "127.0.0.1:5000/study/nginx",
            "127.0.0.1:5000/study/nginx:latest",
            "127.0.0.1:5000/study/nginx:latest",
        ),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        ("a__b/c-d--e/f.g_h", "docker.io/a__b/c-d--e/f.g_h:latest", "a__b/c-d--e/f.g_h:latest"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}", f"nginx@{DIGEST}"),
        (f"nginx:1@{DIGEST}", f"docker.io/library/nginx:1@{DIGEST}", f"nginx:1@{DIGEST}"),
        # As Japanese keyboards write it.
        ("　ｎｇｉｎｘ：１．２７ ", "docker.io/library/nginx:1.27", "nginx:1.27"),
    ],
)
def test_a_name_is_completed_and_shortened_as_the_engine_does(
    text: str, canonical: str, familiar: str
):
    assert parsed(text).canonical == canonical
    assert parsed(text).familiar == familiar


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "Nginx", "nginx:", ":1", "nginx:-1", "nginx::1", "nginx:1 2", "nginx@", "a//b",
        "/nginx", "nginx/", "-nginx", "nginx-", "a..b", "a___b", "nginx@sha256:12", "a b",
        f"nginx@md5:{'0' * 32}", f"nginx@{DIGEST.upper()}", "nginx:" + "a" * 129, "a" * 256,
        "ghcr.io/", "ghcr.io/Org/app", "-x.io/app", "x.io:port/app", "x.io:123456/app", "0" * 64,
        "--privileged", "nginx\nhttpd", "nginx;rm", "$(id)", "https://ghcr.io/org/app", "日本",
        "../etc/passwd", "nginx@sha256:" + "0" * 64 + "\n0", "a" * 10_000,
    ],
)  # fmt: skip
def test_what_the_engine_would_not_take_is_refused(text: str):
    with pytest.raises(BadImageName):
        parsed(text)


_component = st.from_regex(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+){0,2}", fullmatch=True)
_registries = st.sampled_from(
    ["", "docker.io/", "ghcr.io/", "localhost/", "localhost:5000/", "10.0.0.1:80/", "[::1]/"]
)
_tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
references = st.builds(
    lambda registry, parts, tag, digest: (
        f"{registry}{'/'.join(parts)}{f':{tag}' if tag else ''}{f'@{DIGEST}' if digest else ''}"
    ),
    _registries,
    # A first part with a dot would be a registry.
    st.lists(_component.map(lambda part: part.replace(".", "-")), min_size=1, max_size=3),
    st.none() | _tags,
    st.booleans(),
).filter(lambda text: len(text) < 200)


@given(text=references)
def test_both_written_forms_mean_the_same_image(text: str):
    reference = parsed(text)
    assert parsed(str(reference)) == reference
    assert parsed(reference.familiar) == reference
    assert parsed(reference.canonical) == reference


@given(text=st.text() | st.text(alphabet="abz019./:@-_*[]sha256 AＡ："))
def test_any_text_is_a_name_or_refused(text: str):
    try:
        reference = parsed(text)
    except BadImageName:
        return
    assert parsed(str(reference)) == reference


@pytest.mark.parametrize(
    ("pattern", "let_through", "kept_out"),
    [
        (
            "official",
            ["nginx", "nginx:1", "docker.io/library/redis", f"nginx@{DIGEST}"],
            ["org/nginx", "ghcr.io/library/nginx", "library/a/b/c:1", "localhost/nginx"],
        ),
        (
            "nginx",
            ["nginx", "nginx:1.27", f"nginx@{DIGEST}", f"nginx:1@{DIGEST}", "library/nginx"],
            ["nginx2", "nginx/nginx", "ghcr.io/nginx", "my/nginx"],
        ),
        ("nginx:1.*", ["nginx:1.27", "nginx:1."], ["nginx", "nginx:2", "nginx:11", "nginx:1"]),
        # A digest decides alone which image it is, whatever the tag beside it claims.
        ("nginx:1.*", [], [f"nginx:1.27@{DIGEST}", f"nginx@{DIGEST}"]),
        (
            f"nginx@{DIGEST}",
            [f"nginx@{DIGEST}", f"nginx:1@{DIGEST}"],
            ["nginx", "nginx:1", f"nginx@{OTHER}", f"redis@{DIGEST}"],
        ),
        (
            "ghcr.io/org/*",
            ["ghcr.io/org/app", "ghcr.io/org/team/app:2", f"ghcr.io/org/app@{DIGEST}"],
            ["ghcr.io/org", "ghcr.io/organisation/app", "org/app", "evil.io/ghcr.io/org/app"],
        ),
        (
            "127.0.0.1:*/study/*",
            ["127.0.0.1:5000/study/nginx", "127.0.0.1:1/study/a/b"],
            ["127.0.0.1/study/nginx", "127.0.0.2:5000/study/nginx", "127.0.0.1:5000/x/study/a"],
        ),
        (
            "*.example.org/app",
            ["a.example.org/app", "b.a.example.org/app:1"],
            ["example.org/app", "a.example.org.evil.io/app", "evil.io/a.example.org/app"],
        ),
        ("my*/tool", ["my/tool", "mystuff/tool:3"], ["my/stuff/tool", "notmy/tool"]),
        ("*", ["nginx", "redis:7"], ["org/app", "ghcr.io/a"]),
    ],
)
def test_a_pattern_lets_through_what_it_says_and_no_more(
    pattern: str, let_through: list[str], kept_out: list[str]
):
    assert [text for text in let_through if not is_allowed(parsed(text), [pattern])] == []
    assert [text for text in kept_out if is_allowed(parsed(text), [pattern])] == []


def test_one_matching_pattern_is_enough_and_none_lets_nothing_through():
    assert is_allowed(parsed("nginx"), ["redis", "nginx"])
    assert not is_allowed(parsed("nginx"), [])


@given(text=references)
def test_the_full_name_as_a_pattern_lets_just_that_image_through(text: str):
    reference = parsed(text)
    assert is_allowed(reference, [reference.canonical])
    assert not is_allowed(parsed("somebody/else:1"), [reference.canonical])


@pytest.mark.parametrize(
    "pattern", ["", "Nginx", "nginx:", "nginx@sha256:*", "a b", "https://ghcr.io/*", "/*", "*/"]
)
def test_a_pattern_that_could_match_nothing_is_refused(pattern: str):
    with pytest.raises(BadImageName):
        ImagePattern.parse(pattern)


@given(pattern=st.text() | st.text(alphabet="ab*./:@-_"), text=references)
def test_any_text_is_a_pattern_or_refused(pattern: str, text: str):
    try:
        is_allowed(parsed(text), [pattern])
    except BadImageName:
        with pytest.raises(BadImageName):
            ImagePattern.parse(pattern)
