"""What a file is written in, told by its name and its first line."""

import re
from pathlib import PurePosixPath

_SUFFIXES = {
    "bash": "bash sh zsh bats",
    "c": "c h",
    "clojure": "clj cljs edn",
    "cpp": "cc cpp cxx hh hpp",
    "csharp": "cs",
    "css": "css scss less sass",
    "dart": "dart",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "fish": "fish",
    "go": "go",
    "graphql": "graphql gql",
    "haskell": "hs",
    "html": "html htm vue svelte",
    "ini": "ini cfg conf env properties service timer socket desktop",
    "java": "java",
    "javascript": "js jsx mjs cjs",
    "json": "json json5 jsonc",
    "julia": "jl",
    "kotlin": "kt kts",
    "lua": "lua",
    "markdown": "md markdown mdx",
    "nix": "nix",
    "ocaml": "ml mli",
    "perl": "pl pm",
    "php": "php",
    "powershell": "ps1",
    "protobuf": "proto",
    "python": "py pyi",
    "r": "r",
    "restructuredtext": "rst",
    "ruby": "rb rake gemspec",
    "rust": "rs",
    "scala": "scala",
    "sql": "sql",
    "swift": "swift",
    "terraform": "tf tfvars hcl",
    "toml": "toml",
    "tsx": "tsx",
    "typescript": "ts mts cts",
    "xml": "xml xsd",
    "yaml": "yaml yml",
    "zig": "zig",
}
_BY_SUFFIX = {suffix: language for language, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_BY_NAME = {
    "dockerfile": "dockerfile",
    "containerfile": "dockerfile",
    "makefile": "make",
    "gnumakefile": "make",
    "justfile": "just",
    "jenkinsfile": "groovy",
    "vagrantfile": "ruby",
    "gemfile": "ruby",
    "rakefile": "ruby",
    ".bashrc": "bash",
    ".profile": "bash",
    ".env": "ini",
}
_INTERPRETERS = {
    "sh": "bash",
    "bash": "bash",
    "zsh": "bash",
    "dash": "bash",
    "node": "javascript",
    "deno": "typescript",
}
_HEADING = re.compile(r"^#{1,6} \S", re.MULTILINE)
_LOWER_HEADING = re.compile(r"^#{2,6} \S", re.MULTILINE)

_FRAMEWORKS = (
    ("docker", re.compile(r"(?:^|/)(?:dockerfile|containerfile|(?:docker-)?compose[\w.-]*\.ya?ml)", re.IGNORECASE)),
    ("github-actions", re.compile(r"(?:^|/)\.github/workflows/")),
    ("gitlab-ci", re.compile(r"(?:^|/)\.gitlab-ci\.ya?ml$")),
    ("ansible", re.compile(r"(?:^|/)(?:playbooks|roles)/.*\.ya?ml$")),
    ("pytest", re.compile(r"(?:^|/)(?:conftest|test_[^/]*|[^/]*_test)\.py$")),
)
_FRAMEWORK_OF_LANGUAGE = {"tsx": "react", "terraform": "terraform", "dockerfile": "docker"}
_IN_TEXT = (
    ("kubernetes", "yaml", re.compile(r"^apiVersion: .+\n(?:.*\n){0,5}?kind: ", re.MULTILINE)),
    ("nixos", "nix", re.compile(r"\b(?:services|programs|boot|networking|environment|systemd)\.\w+|\bmkOption\b")),
    ("django", "python", re.compile(r"^(?:from|import) django\b", re.MULTILINE)),
    ("fastapi", "python", re.compile(r"^(?:from|import) fastapi\b", re.MULTILINE)),
    ("flask", "python", re.compile(r"^(?:from|import) flask\b", re.MULTILINE)),
    ("react", "javascript", re.compile(r"from ['\"]react['\"]|require\(['\"]react['\"]\)")),
)


def name_language(path: str, text: str) -> str:
    """A lower-case name; "text" when nothing tells."""
    file = PurePosixPath(path.lower())
    named = _BY_NAME.get(file.name) or _BY_NAME.get(file.name.partition(".")[0]) or _BY_SUFFIX.get(file.suffix[1:])
    if named:
        return named
    if text.startswith("#!"):
        return _of_shebang(text.partition("\n")[0])
    return "markdown" if file.suffix in ("", ".txt", ".text") and _reads_as_markdown(text) else "text"


def _of_shebang(line: str) -> str:
    """The interpreter's language: of `#!/usr/bin/env -S bash -e` the first word after `env` that is no option."""
    words = [PurePosixPath(word).name for word in line.removeprefix("#!").split() if not word.startswith("-")]
    program = next((word.rstrip("0123456789.") for word in words if word != "env"), "")
    return _INTERPRETERS.get(program, program) or "text"


def _reads_as_markdown(text: str) -> bool:
    """Several headings, and not of one level only: comments of a script are seldom ranked."""
    headings = _HEADING.findall(text)
    lower = _LOWER_HEADING.findall(text)
    return len(headings) >= 3 and len(lower) >= 2


def name_framework(path: str, text: str, language: str) -> str:
    """What it is written for, where the path or the text shows it, and otherwise its language."""
    for framework, pattern in _FRAMEWORKS:
        if pattern.search(path):
            return framework
    for framework, of_language, pattern in _IN_TEXT:
        if of_language == language and pattern.search(text):
            return framework
    return _FRAMEWORK_OF_LANGUAGE.get(language, language)
