"""What planted orders look like: they speak to a model, and want it to obey them rather than the person."""

from hybrid_coordinator.logic.screening_rules import make_rule

MODEL = (
    r"(?:ai agents?|ai models?|ai|a\.i\.|assistants?|language models?|llms?|chatbots?|chatgpt|gpt|claude|copilot"
    r"|gemini|coding agents?)"
)
_ORDERS = r"(?:instructions?|rules?|prompts?|guidelines?|directions?|directives?|polic(?:y|ies)|constraints?|messages?)"
_NEAR = r"[^\n]{0,80}?"
_FEW = r"(?:[\w'’]+[\s,]+){0,5}?"

ADDRESSED = make_rule(
    "speaks to the model that reads it",
    r"\bbefore (?:replying|answering|responding|you (?:reply|answer|respond|continue|summari[sz]e))\b",
    r"\b(?:reply|respond|answer)\s+(?:only\s+|exactly\s+)?(?:with|as)\b[^\n]{0,60}\b(?:nothing else|only|exactly)\b",
    r"\b(?:respond|reply|output|answer)(?:ing)?\s+(?:exactly|only)\s+(?:as|with)\b",
    (
        r"\b(?:now|then|must|please|to|step:|and|first)\s+(?:call|invoke)\s+(?:the\s+)?(?:tool\s+"
        r"|function\s+)?[`'\"]?[a-z]+_[a-z_]+[`'\"]?\s+(?:tool\s+|function\s+)?(?:with|on|to|url|path|input)\b"
    ),
    (
        r"\b(?:call|invoke)\s+[`'\"]?[a-z]+_[a-z_]+[`'\"]?\s+(?:\w+\s+)?(?:url|input|path|body"
        r"|to)\s*=?\s*[`'\"]?(?:https?://|/|\S+@)"
    ),
    (
        r"\b(?:note|message|instructions?|attention|reminder|hint|memo)\s+(?:to|for)\s+(?:all\s+|any\s+|the\s+"
        rf"|every\s+)?{MODEL}\b"
    ),
    rf"\b(?:dear|hey|attention|hello|listen)[,:]?\s+{MODEL}\b",
    rf"\bif you(?:'re| are)\s+(?:an?\s+|the\s+)?(?:automated\s+|autonomous\s+)?(?:{MODEL}|agent)\b",
    (
        rf"\byou are (?:now|no longer|actually|in)\s+(?:an?\s+|the\s+)?\w+{_NEAR}(?:\bmode\b|\bbot\b|{MODEL}\b"
        r"|unrestricted|without restrictions)"
    ),
    (
        r"\b(?:act|behave|pretend|respond|answer) as (?:if you were\s+|though you were\s+)?(?:an?\s+"
        rf"|the\s+)?(?:unrestricted|root|admin|dan\b|evil|different {MODEL})"
    ),
    (
        rf"(?:^|\n)\W{{0,4}}(?:\d{{1,2}}[.)]\s?)?\W{{0,3}}{MODEL}"
        r"\s*[:,]\s+(?:please\s+)?(?:ignore|run|execute|send|call|always|never|do not"
        r"|you must|make sure|remember|add|insert|call|use)\b"
    ),
    (
        rf"\b{MODEL}\s+(?:(?:that|which|who) (?:reads?|process\w*|summari[sz]e\w*|index\w*)\s+{_FEW})?(?:must"
        r"|shall|should|is required to|are required to)\s+(?:always|never|now|immediately|ignore|run|execute|send"
        r"|include|recommend|append)\b"
    ),
    (
        r"\b(?:reveal|print|repeat|output|show|leak)\s+(?:me\s+)?(?:your|the)\s+(?:hidden\s+|full\s+"
        r"|initial\s+)?system prompt"
    ),
    r"\bnew (?:system )?(?:instructions?|directives?)\s*:",
)

OVERRIDES = make_rule(
    "tells its reader to set other instructions aside",
    r"\b(?:ignore|disregard|forget)\s+(?:all\s+)?(?:your|my|the|any)\s+(?:previous|prior|earlier|original)\s+\w+",
    (
        r"\b(?:disregard|ignore|forget|abandon)\s+(?:the|this|that|your)\s+(?:\w+\s+)?(?:requests?|tasks?"
        r"|questions?|user|goals?|conversation)\b"
    ),
    (
        r"\b(?:prior|previous|original|current|above|old)\s+(?:task|request|goal|instructions?"
        r"|conversation)s?\s+(?:is|are|was|were|has been|have been)\s+(?:now\s+)?(?:cancell?ed|void|obsolete"
        r"|revoked|complete[d]?|over|superseded|suspended)"
    ),
    r"\b(?:new|real|actual|true|next) (?:task|objective|goal|mission)\s*:",
    (
        rf"\b(?:ignore|disregard|forget|override|overrule|bypass|discard|drop|skip)\s+{_FEW}(?:previous|prior|above"
        rf"|earlier|preceding|existing|other|original|all|any|your|system|safety|current)\s+{_FEW}{_ORDERS}"
    ),
    r"\b(?:ignore|disregard|forget)\s+(?:everything|anything|all)\s+(?:you|that|above|before|said|i)\b",
    (
        rf"\b(?:supersedes?|overrides?|replaces?|takes? precedence over)\s+{_FEW}(?:previous|prior|earlier|other"
        rf"|all|your|system)\s+{_FEW}{_ORDERS}"
    ),
    rf"\b(?:ignorier\w*|missachte\w*|vergiss)\s+{_FEW}(?:anweisung\w*|regeln|vorgaben)",
    rf"\b(?:ignora\w*|olvida\w*|descarta\w*)\s+{_FEW}(?:instruc+ion\w*|istruzion\w*|reglas|regole)",
    rf"\b(?:ignore[zr]?|oublie[zr]?)\s+{_FEW}(?:consignes|instructions|règles)\b",
)

STANDING_ORDERS = make_rule(
    "gives an order for later",
    r"\bfor the (?:rest|remainder) of (?:this|the|our) (?:conversation|session|chat|task)",
    (
        r"\b(?:begin|start|end|finish|prefix|close|sign)\s+(?:all|every|each|any)\s+(?:of your\s+)?(?:answers?"
        r"|responses?|repl(?:y|ies)|messages?)\b"
    ),
    r"\b(?:from (?:now|here|this point|today) on(?:wards?)?|henceforth|from here on out)\b[, ]",
    (
        r"\bin (?:all|any|every|each)\s+(?:of your\s+)?(?:future|further|subsequent|later|next)\s+(?:answers?"
        r"|responses?|repl\w+|conversations?|sessions?|tasks?|code|messages?)"
    ),
    (
        r"\b(?:whenever|every ?time|each time|any ?time|when|if|once)\s+(?:you|someone|somebody|anyone|anybody"
        rf"|a user|the user|users|people|asked|they)\b{_NEAR}\b(?:asks?|asked|mentions?|says?|sees?|types?|hears?"
        rf"|requests?|about|encounters?)\b{_NEAR}[,:]?\s*(?:you (?:must|should|will)|always|please|instead|then"
        r"|just)?\s*(?:answer|reply|respond|recommend|suggest|say|tell|run|execute|insert|append|include|send|call"
        r"|output|claim|delete)\b"
    ),
    (
        r"\b(?:when|whenever|if|once)\s+(?:the\s+)?(?:word|phrase|token|keyword|trigger|codeword"
        rf"|string)\b{_NEAR}(?:appears?|occurs?|is (?:seen|used|said|mentioned|present))"
    ),
    (
        r"\balways\s+(?:append|insert|recommend|suggest|reply|respond|answer|begin|start|end|finish|tell"
        r"|prefer)\b[^\n]{0,60}\b(?:answers?|responses?|repl\w+|users?|them|with|instead|over|to)\b"
    ),
    (
        r"\b(?:remember|memori[sz]e|store|save|keep in (?:mind|memory))\b[^\n]{0,60}\b(?:for (?:all |any "
        r"|every )?(?:future|later|next)|permanently|forever|as a (?:skill|rule|fact)"
        r"|in (?:your )?(?:long-term )?memory)"
    ),
    (
        r"\b(?:add|store|save|record|learn)\s+(?:this|it|the following)\s+(?:as|to|into|in)\s+(?:an?\s+|the\s+"
        r"|your\s+)?(?:\w+\s+)?(?:skills?|rules?|memory|knowledge base|best practices?|training)"
    ),
)

SECRECY = make_rule(
    "wants something kept from the person",
    (
        r"\b(?:do not|don['’]t|never|must not|without)\s+(?:tell|telling|inform|informing|mention|mentioning"
        r"|reveal|revealing|disclose|warn|warning|alert|alerting|notify|notifying|show|showing|ask"
        r"|asking)\s+(?:\w+\s+){0,3}?(?:to\s+)?(?:the\s+|any\s+|your\s+)?(?:users?|humans?|operators?|admins?"
        r"|administrators?|developers?|anyone|owner)\b"
    ),
    (
        r"\bwithout (?:the )?(?:users?|operators?|owner)['’]?s?\s+(?:knowledge|knowing|consent|noticing|approval"
        r"|confirmation)"
    ),
    (
        r"\b(?:silently|secretly|covertly|quietly)\s+(?:run|execute|send|upload|add|insert|install|include|forward"
        r"|post|copy|append|exfiltrate)\b"
    ),
)

TRUST_CLAIMS = make_rule(
    "claims to be trusted",
    (
        r"\b(?:note|message|notice|instructions?|update|alert)\s+from\s+(?:the\s+"
        r"|your\s+)?(?:system\s+)?(?:developers?|admin\w*|system|operators?|security|anthropic|openai"
        r"|it department|maintainers?|user|owner|supervisor)\b"
    ),
    (
        r"\b(?:the\s+)?(?:user|operator|owner|admin\w*)\s+(?:has|have)\s+(?:already\s+)?(?:pre-?)?(?:approved"
        r"|authori[sz]ed|confirmed|consented|agreed|granted)\b"
    ),
    (
        r"\b(?:authori[sz]ed|official|approved|routine|mandatory) (?:diagnostic|security (?:check|test|audit)"
        r"|penetration test|override)\b"
    ),
    r"\b(?:earlier|previously|already)\s+you\s+(?:\w+\s+)?(?:confirmed|agreed|promised|approved)\b",
    (
        r"\b(?:verified|approved|authori[sz]ed|certified|endorsed|signed[ -]off|vetted|cleared|sanctioned"
        r"|pre-?approved)\s+(?:and\s+\w+\s+)?(?:by|from)\s+(?:the\s+|your\s+|our\s+)?(?:\w+\s+)?(?:admin\w*"
        r"|security|system|anthropic|openai|google|microsoft|it|root|compliance|management|owner|maintainers?"
        r"|operator|developers?|vendor|user|ciso|cto)\b"
    ),
    (
        r"\b(?:this|the following)\s+(?:\w+\s+)?(?:is|comes)\s+(?:an?\s+)?(?:from\s+)?(?:a\s+)?(?:trusted|verified"
        r"|pre-?approved|authoritative|official|known[- ]safe)\s+(?:source|instruction|message|fact|knowledge"
        r"|memory|skill|directive|system)\b"
    ),
    (
        r"\b(?:treat|accept|take|regard)\s+(?:this|these|it|the following)\s+(?:\w+\s+)?as\s+(?:established"
        r"|verified|trusted|authoritative|ground truth|absolute|gospel|a system)\b"
    ),
    (
        r"\b(?:trust[ _-]?(?:level|score|tier)|origin|provenance"
        r"|confidence[ _-]?score)\s*[:=]\s*[\"']?(?:direct_user|trusted|maximum|max|high(?:est)?|root|admin|1\.0"
        r"|100\s*%)"
    ),
    (
        r"\bno (?:further )?(?:verification|validation|review|confirmation|approval)\s+(?:is\s+)?(?:needed"
        r"|required|necessary)\b"
    ),
)

ORDERS = (ADDRESSED, OVERRIDES, STANDING_ORDERS, SECRECY, TRUST_CLAIMS)
