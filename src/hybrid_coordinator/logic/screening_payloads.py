"""What planted payloads look like: markup that breaks out of a quotation, commands that fetch, hide, leak, destroy."""

import re

from hybrid_coordinator.logic.screening_orders import MODEL
from hybrid_coordinator.logic.screening_rules import make_rule

_SECRETS = (
    r"(?:api[ _-]?keys?|access[ _-]?keys?|secrets?|credentials?|passwords?|tokens?|private keys?|ssh keys?"
    r"|environment variables|env vars?|\.env\b|id_rsa|\.ssh\b|\.aws\b|cookies)"
)
_SECRET_FILE = (
    r"(?:\.env\b|id_(?:rsa|ed25519|ecdsa)|\.ssh/|\.aws/|\.netrc|\.git-credentials|\.kube/config|/etc/(?:passwd"
    r"|shadow))"
)
_SENDS = r"(?:curl|wget|nc|ncat|netcat|socat|telnet|http(?:ie)?|scp|rsync)"
_SHELL = r"(?:sudo\s+(?:-\w+\s+)*)?(?:/(?:usr/)?bin/)?(?:(?:ba|z|da|k|fi|a)?sh|python3?|perl|ruby|node|php)\b"

MARKUP = make_rule(
    "carries the markup of a chat or a tool call",
    r"#{2,4}\s*\(?(?:system|assistant|developer)[ _]?(?:message|prompt|instruction)s?\b",
    (
        r"(?:^|[\n.!?:]\s{0,3}|\A)[\[({*_]{1,3}\s*(?:system|admin|important|assistant|developer)(?: (?:message"
        r"|note|override|instruction|notice))?\s*[:!]?\s*[\])}*_]{1,3}\s*:?\s*(?:disregard|ignore|you|new|the|from"
        r"|this|please|do|run|call|send|now)\b"
    ),
    (
        r"</?(?:untrusted|untrusted_content|document|tool_result|data|context)>\s*(?:</?\w+>\s*)*\n?\s*(?:system"
        r"|assistant|user|human)\s*:"
    ),
    (
        r"<(?:information|important|instructions?|admin|critical|task|new_instructions?)>\s*(?:this is|you|before"
        r"|important|please|ignore|i|the|do|make sure)\b"
    ),
    (
        r"<\|?(?:im_start|im_end|im_sep|system|user|assistant|endoftext|end_of_turn|eot_id|begin_of_text"
        r"|start_header_id|end_header_id|tool_call)\|>"
    ),
    r"\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>",
    (
        r"</?(?:antml:)?(?:function_calls|function_results|tool_calls?|tool_use|tool_results?|invoke name"
        r"|system-reminder|system_prompt|coordinator-context)\b[^>\n]{0,80}>"
    ),
    r"</?(?:system|assistant)>",
    r"(?:^|\n)#{2,4}\s*(?:system|assistant|instruction|human)\s*:?\s*(?:\n|$)",
    r"(?:^|\n)\s{0,4}(?:human|assistant|system)\s*:\s+\S[^\n]{0,400}\n\s{0,4}(?:human|assistant|system|user)\s*:",
    (
        r"(?:^|\n)\s{0,4}(?:\d{1,2}[.)]\s?|[-*]\s)?"
        r"system\s*(?:message|override|prompt|notice|update)?\s*:\s*(?:you|ignore|the (?:assistant"
        r"|prior|previous|user|above|task)|new|from|disregard|all)\b"
    ),
    r"\{\s*\"(?:name|tool|function)\"\s*:\s*\"[\w.-]{1,60}\"\s*,\s*\"(?:arguments|parameters|input)\"\s*:\s*\{",
)

PIPED = make_rule(
    "runs what it fetches",
    rf"\b(?:curl|wget|fetch)\b[^\n|;]{{0,300}}\|\s*(?:tee\s+\S+\s*\|\s*)?{_SHELL}",
    rf"{_SHELL}\s+(?:-\w+\s+)?[\"']?(?:<\(|\$\(|`)\s*(?:curl|wget)\b",
    r"\b(?:eval|exec|source|\.)\s+[\"']?(?:<\(|\$\(|`)\s*(?:curl|wget)\b",
    r"\b(?:iex|invoke-expression)\b[^\n]{0,80}\b(?:iwr|irm|invoke-webrequest|downloadstring|invoke-restmethod)\b",
    r"\b(?:iwr|irm|invoke-webrequest|downloadstring)\b[^\n|]{0,200}\|\s*(?:iex|invoke-expression)",
    r"\b(?:exec|eval)\(\s*(?:requests\.get|urllib\.request\.urlopen|urlopen|await fetch|fetch)\(",
    (
        rf"\b(?:curl|wget)\b[^\n]{{0,200}}\s(?:-o|-O|--output)\s*\S+[^\n]{{0,80}}(?:&&|;)[^\n]{{0,60}}(?:chmod \+x"
        rf"|{_SHELL}\s+\S)"
    ),
)

ENCODED = make_rule(
    "runs what it hides by an encoding",
    rf"\bbase64\s+(?:-d|-di|--decode)\b[^\n]{{0,80}}\|\s*{_SHELL}",
    (
        r"\b(?:eval|exec|system|popen|invoke-expression|iex)\b[^\n]{0,60}\b(?:b64decode|atob|frombase64string"
        r"|base64 -d|base64 --decode|fromhex|unhexlify)\b"
    ),
    r"-e(?:nc|ncodedcommand)\s+[a-z0-9+/=]{40,}",
    rf"\b(?:xxd\s+-r|printf\s+['\"](?:\\\\?x[0-9a-f]{{2}}){{8,}})[^\n]{{0,120}}\|\s*{_SHELL}",
    r"\b(?:decode|rot13|base64)\b[^\n]{0,60}\b(?:and|then)\s+(?:run|execute|follow|obey|do)\b",
)

EXFILTRATION = make_rule(
    "sends secrets away",
    r"169\.254\.169\.254/\S*(?:security-credentials|iam|token)",
    (
        rf"\b(?:call|send|post|mail|e-?mail|submit|report|message)\b[^\n]{{0,120}}(?:https?://"
        rf"|\S@\S)[^\n]{{0,60}}\b(?:with|and|set to|containing|including|input)\b[^\n]{{0,40}}{_SECRETS}"
    ),
    r"(?:https?://|\S@\S)[^\n]{0,60}\b(?:input|body|data|content)\s*=\s*\S*(?:key|token|secret|password|sk-)",
    (
        rf"\b{_SENDS}\b[^\n]{{0,200}}(?:-d|--data\S*|-f|--form|-t|--upload-file|--post-file=?"
        rf"|--post-data)[ =]?\s*[\"']?@?[^\n]{{0,60}}(?:{_SECRET_FILE}|\$\((?:env|printenv|cat)\b|`(?:env|printenv"
        r"|cat)\b)"
    ),
    rf"(?:\b(?:env|printenv|history)\b|{_SECRET_FILE}\S{{0,40}})\s*(?:\|[^\n|]{{0,60}}){{0,3}}\|\s*{_SENDS}\b",
    rf"\b(?:scp|rsync)\b[^\n]{{0,60}}{_SECRET_FILE}[^\n]{{0,80}}\S+@?\S*:",
    (
        r"\b(?:send|post|upload|forward|e-?mail|transmit|exfiltrate|leak|submit|copy|deliver|report"
        rf"|beacon)\b[^\n.]{{0,60}}{_SECRETS}[^\n]{{0,80}}\b(?:to|at|via|into)\b[^\n]{{0,40}}(?:https?://|\w@\w"
        r"|\b(?:url|webhook|endpoint|collector|pastebin|server|address|channel|domain|attacker)\b)"
    ),
    (
        rf"\b(?:append|include|embed|put|insert|add|paste|attach|encode)\b[^\n.]{{0,50}}\b(?:user['’]?s?|their"
        rf"|contents? of|value of|your)\b[^\n.]{{0,40}}{_SECRETS}[^\n]{{0,60}}\b(?:to|in|into|as)\b"
    ),
    r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{0,200}[?&/=](?:\{|\$|%7b|<|\[|\w+=\{)",
    (
        r"(?:requests\.post|fetch|axios\.post|urlopen|httpx\.post)\([^\n]{0,160}(?:os\.environ"
        r"|process\.env\b(?!\.[a-z_]*(?:url|host|port))|dotenv)"
    ),
)

BACKDOORS = make_rule(
    "opens a way in, or destroys",
    r"/dev/(?:tcp|udp)/",
    r"\b(?:nc|ncat|netcat)\b[^\n]{0,60}\s-[a-z]{0,4}e\s*/?\S*(?:sh|cmd)",
    r"\brm\s+-(?:rf|fr)\s+(?:--no-preserve-root\s+)?(?:/|~|\$home)/?(?:\*|\s|$|[;&\"'`)])",
    r"(?:>>|tee -a)\s*(?:~|/root|/home/\w+|\$home)/\.ssh/authorized_keys",
    r"\bnopasswd\s*:\s*all\b[^\n]{0,40}(?:>>|tee|sudoers)|echo\b[^\n]{0,80}nopasswd",
    r"\bchmod\s+(?:-r\s+)?[ugo]*\+?[u4]s\b[^\n]{0,40}/bin/|\bchmod\s+4755\s",
    r":\(\)\s*\{\s*:\|:&\s*\};:",
)

HIDDEN_BLOCK = re.compile(
    r"<!--([^\0]{0,4000}?)-->"
    r"|<(?:div|span|p|font)[^>]{0,200}(?:display\s*:\s*none|font-size\s*:\s*0|visibility\s*:\s*hidden"
    r"|color\s*:\s*(?:white|#fff\w*|transparent))[^>]{0,200}>([^<]{0,2000})"
)
"""What a person does not see in a rendered page; the group that matched holds its text."""

COMMANDING = re.compile(
    rf"\b(?:curl|wget|sudo|ignore|disregard|execute|exfiltrate|{MODEL}|agent|you (?:must|should|are)|always"
    r"|system prompt|password|send)\b|\brun (?:the|this|`)"
)

PAYLOADS = (MARKUP, PIPED, ENCODED, EXFILTRATION, BACKDOORS)
