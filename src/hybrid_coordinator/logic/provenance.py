"""Whose word a text is: the class that is bound to it when it is written, the lowest over what it was made of."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.domain.query import Image, Prompt, Query, ToolResult
from hybrid_coordinator.domain.trust import Origin, lowest

FILES = Origin.TOOL_OUTPUT_INTERNAL
"""Of files that were indexed: read by a tool of ours from this machine, and written by whoever wrote them."""

IMPORTS = Origin.TOOL_OUTPUT_INTERNAL
"""Of imported answers. A person chose the file and has not said each of its sentences: it may teach, and it never
outweighs what a person said."""

_SOURCES = (("interaction:", Origin.MODEL_INFERENCE), ("correction:", Origin.DIRECT_USER), ("answers:", IMPORTS))
"""Of passages that were stored without an origin, by how their source begins."""


_BLOCKS = re.compile(
    rb'"type"\s*:\s*"(?:tool_result|image|image_url|input_image|input_file|input_audio|file|document|search_result|mcp'
    rb'|[a-z_]*_call_output|[a-z_]*_tool_result|web_search[a-z_0-9]*|web_fetch[a-z_0-9]*|mcp_toolset)"'
    rb'|"role"\s*:\s*"(?:tool|function)"'
)
"""What may carry a stranger's words in a request of OpenAI's or Anthropic's: results of tools, files, pictures, and
tools that the vendor runs itself."""


@dataclass(frozen=True, slots=True)
class ProvenancePolicy:
    """`untrusted_paths` are patterns with `;` between them: files whose path has a folder or a name that fits one were
    written by strangers. They are read for context, and nothing is learned from answers that used them.

    Without `reports_may_teach` what agents and other programs only report (tracked interactions, their corrections,
    telemetry) waits for a person, too.
    """

    untrusted_paths: str = (
        "vendor;vendored;third_party;third-party;node_modules;site-packages;bower_components;*.min.js"
    )
    reports_may_teach: bool = True


def file_origin(path: str, policy: ProvenancePolicy) -> Origin:
    """Of a file, by its path (with slashes)."""
    patterns = [pattern.strip() for pattern in policy.untrusted_paths.split(";") if pattern.strip()]
    strange = any(fnmatchcase(part, pattern) for part in path.split("/") for pattern in patterns)
    return Origin.UNTRUSTED_DOCUMENT if strange else FILES


def read_origin(value: object) -> Origin | None:
    """An origin as it was stored; None for anything that is none."""
    return Origin(value) if isinstance(value, str) and value in Origin.__members__.values() else None


def passage_origin(passage: Passage) -> Origin:
    """What was bound to a passage; to one from before there were origins, what its kind says; else no trust at all."""
    bound = read_origin(passage.payload.get("origin"))
    return _origin_by_kind(passage) if bound is None else bound


def answer_origin(query: Query, grounded_on: Sequence[Passage], earlier: Iterable[Origin] = ()) -> Origin:
    """Of an answer: the lowest of a model's word, the passages it was grounded in, and everything sent along with the
    question that the asker need not have written.

    `earlier` are the origins of the answers before it in the same session: a summary of a tainted answer is tainted.
    """
    bound = [Origin.MODEL_INFERENCE, *earlier, *map(passage_origin, grounded_on)]
    return lowest((*bound, Origin.TOOL_OUTPUT_EXTERNAL) if brings_material(query) else bound)


def relayed_origin(request: bytes) -> Origin:
    """Of the answer to a request that is passed on as it is: by the kinds of blocks that its JSON names anywhere, so a
    user who writes of them is trusted less, too, and nobody is trusted more."""
    return Origin.TOOL_OUTPUT_EXTERNAL if _BLOCKS.search(request) else Origin.MODEL_INFERENCE


def report_origin(claimed: Origin, policy: ProvenancePolicy, rests_on: Iterable[Passage] = ()) -> Origin:
    """Of what somebody reports without our having seen it happen: the lowest of what its channel stands for and the
    passages it names, and no teacher where reports may not be."""
    least = () if policy.reports_may_teach else (Origin.TOOL_OUTPUT_EXTERNAL,)
    return lowest((claimed, *least, *map(passage_origin, rests_on)))


def brings_material(query: Query) -> bool:
    """Whether a question came with more than its own words: a file, a picture, a tool's result, text beside it."""
    prompt = query.conversation
    return bool(query.context.strip()) or (prompt is not None and (_quotes(prompt) or _says_more(prompt, query.text)))


def _origin_by_kind(passage: Passage) -> Origin:
    for beginning, origin in _SOURCES:
        if passage.source.startswith(beginning):
            return origin
    if passage.collection is Collection.INTERACTIONS:
        return Origin.MODEL_INFERENCE
    return FILES if passage.payload.get("file_path") else Origin.UNTRUSTED_DOCUMENT


def _quotes(prompt: Prompt) -> bool:
    return any(isinstance(part, ToolResult | Image) for part in _parts(prompt))


def _parts(prompt: Prompt) -> Iterator[object]:
    return (part for turn in prompt.turns for part in turn.parts)


def _says_more(prompt: Prompt, question: str) -> bool:
    return bool(prompt.turns) and prompt.turns[prompt.asked_at].text.strip() != question.strip()
