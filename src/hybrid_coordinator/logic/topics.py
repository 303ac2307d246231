"""What a text is about, in one word."""

import re

_TOPICS = {
    "nixos": r"nix(?:os|pkgs)?\b|\bflakes?\b|home-manager",
    "kubernetes": r"kubernetes|kubectl|\bk[38]s\b|\bpods?\b|\bhelm\b|CrashLoopBackOff|\bkubelet\b",
    "docker": r"\bdocker|\bpodman|\bcontainers?\b|docker-compose",
    "python": r"\bpython\b|\bpip\b|ImportError|ModuleNotFoundError|\bvenv\b|traceback|\w+Error: ",
    "node": r"\bnpm\b|\bnode(?:\.?js)?\b|\byarn\b|\bTypeScript\b|\bJavaScript\b",
    "rust": r"\bcargo\b|\brustc?\b",
    "go": r"\bgolang\b|\bgo (?:build|mod|test|get)\b|\bgoroutine",
    "git": r"\bgit\b|\bmerge conflict|\brebase\b|\bpull request",
    "database": r"\bpostgres\w*|\bsqlite\b|\bmysql\b|\bredis\b|\bqdrant\b|\bdatabases?\b|\bSQL\b",
    "network": r"\bDNS\b|\bTLS\b|\bSSL\b|certificate|connection (?:refused|reset)|timed? ?out|\bproxy\b|\bnginx\b",
    "permission": r"permission|denied|\bchmod\b|\bsudo\b|read-only",
    "memory": r"out of memory|\bOOM\b|MemoryError|\bswap\b",
    "storage": r"no space left|disk (?:full|space)|\bfilesystem\b|\binodes?\b",
    "build": r"\bbuild(?:ing|s)?\b|\bcompil\w+|\blinker\b|\bcmake\b|\bmake\b",
    "testing": r"\btests?\b|\bpytest\b|\bmocks?\b",
    "model": r"\bLLM\b|\bembedding|\bllama|\bollama\b|fine-tun|\bmodels?\b",
    "deployment": r"\bdeploy\w*|\brelease\b|\brollback\b",
}
_PATTERNS = {topic: re.compile(pattern, re.IGNORECASE) for topic, pattern in _TOPICS.items()}


def name_topic(*texts: str) -> str:
    """The topic most named in the first text that names any (of equals the earlier in the list); else "general"."""
    for text in texts:
        named = {topic: len(pattern.findall(text)) for topic, pattern in _PATTERNS.items()}
        topic = max(named, key=lambda topic: named[topic])
        if named[topic]:
            return topic
    return "general"
