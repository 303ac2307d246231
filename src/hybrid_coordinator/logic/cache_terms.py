"""The words that the cache knows: which mean opposite things, which exclude each other, and which say little."""

from collections.abc import Iterable, Mapping

ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "ers", "est", "er", "ed", "es", "ly", "s", "e")
SHORTEST_STEM = 3


def words_of(table: str) -> list[str]:
    """A table of words, apart."""
    return table.split()


FUNCTION_WORDS = frozenset(
    words_of("""a about actually all also am an and any are as at be been being but by can could did do does doing
    for from get
    give had has have having he her here him his how i if in into is it its just let like made make may me might most
    much must my of on or our over please really shall she should show so some tell than that the their them then there
    these they this those to too us very was way ways we well were what when where which while who whom whose why will
    with would you your""")
)

NEGATIONS = frozenset(
    words_of("""not no never without cannot none neither nobody nothing nowhere except unless lack lacks lacking
    missing non
    dont doesnt didnt isnt arent wasnt werent cant couldnt wont wouldnt shouldnt hasnt havent hadnt aint
    hardly barely rarely absence absent""")
)

NEGATING_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "de", "anti", "mis")

EXCLUSIVE = """
enable disable | activate deactivate | on off | increase decrease | raise lower=reduce | grow shrink | before after
start stop restart pause | begin end finish | open close | allow deny=forbid=block | accept reject | permit prohibit
add remove=delete | insert delete | install uninstall | attach detach | connect disconnect | mount unmount | push pull
upload download | import export | encode decode | encrypt decrypt | compress decompress | lock unlock | show hide
include exclude | join leave split | merge split rebase | commit revert | upgrade downgrade | encourage discourage
login logout | subscribe unsubscribe | create destroy drop | read write | send receive | buy sell | lend borrow
win lose | love hate | like dislike | gain lose | save spend | push pop | append prepend | expand collapse | zoom pan
true false | yes no | success failure=error | pass fail | valid invalid | safe dangerous | legal illegal | good bad
best worst | better worse | positive negative | pro con | advantage disadvantage=drawback | benefit risk=harm
strength weakness | cause effect | cheap expensive | easy hard=difficult | fast slow | quick slow | early late
old new young | big small | large small=tiny | high low | tall short | long short | wide narrow | deep shallow
heavy light | hot cold warm | rich poor | strong weak | hard soft | full empty | wet dry | clean dirty | light dark
loud quiet | thick thin | above below | over under | up down | left right | top bottom | front back
inside outside | internal external | upstream downstream | inbound outbound | ingress egress | input output
source destination target | client server | parent child | master slave=replica | primary secondary | public private
local remote | global local | static dynamic | synchronous asynchronous | sync async | serial parallel
mutable immutable | signed unsigned | ascending descending | min max | minimum maximum | least most | more less=fewer
first second third fourth fifth last | next previous | oldest newest latest | forward backward | horizontal vertical
row column | odd even | all none some | always never | everyone nobody | male female | man woman | men women
boy girl | husband wife | boyfriend girlfriend | mother father | son daughter | brother sister | king queen | born die
alive dead | marry divorce | introvert extrovert | left centre right | north south east west
northern southern eastern western | morning afternoon evening night | day week month year decade
monday tuesday wednesday thursday friday saturday sunday | spring summer autumn winter
january february march april june july august september october november december
red green blue yellow black white purple orange brown pink grey | vegetarian vegan meat | undergraduate graduate
python java javascript=js typescript=ts rust golang kotlin swift ruby php c++=cpp c#=csharp perl haskell scala \
elixir matlab lua cobol fortran
bash zsh fish powershell | linux windows macos=mac android ios | ubuntu debian fedora arch nixos centos alpine
postgresql=postgres mysql sqlite mongodb=mongo redis mariadb oracle cassandra | aws azure gcp
nginx apache caddy haproxy | docker podman kubernetes=k8s | git svn mercurial | npm yarn pnpm pip cargo
react angular vue svelte | django flask fastapi | tensorflow pytorch jax keras | chrome firefox safari edge
json yaml=yml xml csv toml | http https ftp ssh | tcp udp | get post put patch | select insert update delete
left inner outer | list dictionary=dict tuple set array | string integer=int float boolean=bool
prod=production dev=development staging testing | ipv4 ipv6 | cpu gpu | ram disk
debug info warning=warn error critical fatal | vim emacs nano | intel amd nvidia
facebook twitter instagram whatsapp snapchat | google bing yahoo | apple samsung microsoft | gmail outlook hotmail
uber lyft ola | amazon ebay flipkart
english french german spanish italian portuguese russian chinese japanese korean arabic hindi
india china usa=america uk=britain=england canada australia germany france japan pakistan russia spain italy brazil \
mexico
paris london berlin madrid rome tokyo beijing moscow sydney toronto delhi mumbai bangalore chennai hyderabad pune \
kolkata
he she | his her | him her | christian muslim hindu jewish buddhist | democrat republican
physics chemistry biology mathematics=math=maths history geography | celsius fahrenheit kelvin
mile kilometre=kilometer
"""
"""Groups separated by a bar or the end of a line: a text that holds one member of a group is not answered by what was
said of another member. `=` joins names of one thing."""

SYNONYMS = """
best good great top nice favourite favorite | big huge large | picture pic photo image | ability skill
repair fix mend solve resolve | find get obtain determine locate | learn understand study | legit legitimate real
happen occur exist | speak talk | technology tech | add upload | remove delete erase | show display view
make create build
begin start | quick fast rapid | error failure problem issue | improve increase enhance
way method approach technique
explain describe | use utilise utilize employ | need require | buy purchase | app application | site website
phone mobile
movie film | job work career | cost price | people person folk | company firm | kid child | country nation | earn make
important essential crucial | configure setup | directory folder | launch run start execute | get retrieve fetch
parameter argument option | function method | guide tutorial
"""
"""Groups as in `EXCLUSIVE`, of words that may stand for each other."""

FOREIGN: Mapping[str, frozenset[str]] = {
    "es": frozenset(words_of("el la los las una para por como cómo qué es del con donde dónde puedo hacer mi")),
    "fr": frozenset(words_of("le la les des une est pour avec comment dans pourquoi quel quelle puis je mon sur")),
    "de": frozenset(words_of("der das und wie ist nicht ein eine mit ich für warum kann auf den mein von zu")),
    "pt": frozenset(words_of("o os uma para como não por que eu fazer meu com do da em posso")),
    "it": frozenset(words_of("il lo gli una per come che non posso fare mio con di del sono")),
}
"""Words by which a text is known to be of another language than English."""

UNITS: Mapping[str, str] = {
    name: names[0]
    for names in (
        line.split()
        for line in """
        b byte bytes
        kb kilobyte kilobytes kib
        mb megabyte megabytes mib
        gb gigabyte gigabytes gib
        tb terabyte terabytes tib
        ns nanosecond nanoseconds
        us microsecond microseconds
        ms millisecond milliseconds
        s sec secs second seconds
        min mins minute minutes
        h hr hrs hour hours
        d day days
        week weeks
        month months
        y yr yrs year years
        mm millimetre millimetres millimeter millimeters
        cm centimetre centimetres centimeter centimeters
        m metre metres meter meters
        km kilometre kilometres kilometer kilometers
        inch inches
        ft foot feet
        mi mile miles
        g gram grams gm gms
        kg kilogram kilograms kgs kilo kilos
        lb lbs pound pounds
        oz ounce ounces
        l litre litres liter liters
        k thousand
        million millions
        billion billions
        lakh lakhs lac
        crore crores
        % percent
        px pixel pixels
        hz hertz
        mhz
        ghz
        c celsius
        f fahrenheit
        v volt volts
        w watt watts
        usd dollar dollars
        euro euros
        rs rupee rupees
        """.strip().splitlines()
    )
    for name in names
}
"""Every name of a unit to its first name."""

NUMBER_WORDS: Mapping[str, str] = {
    word: str(number)
    for number, word in enumerate(
        words_of("""zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen
        seventeen eighteen nineteen twenty""")
    )
    if word != "one"  # more often a pronoun than a number
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "hundred": "100"}


def stem(word: str) -> str:
    """The word without its ending, lower case; good for comparing two words, not for showing one."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
            return _undouble(word[: -len(ending)])
    return word


def _undouble(word: str) -> str:
    doubled = len(word) > SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in "aeiouls"
    return word[:-1] if doubled else word.removesuffix("i") if len(word) > SHORTEST_STEM else word


def _groups(table: str) -> Iterable[list[str]]:
    return (group.split() for line in table.strip().splitlines() for group in line.split("|"))


def _memberships(table: str) -> Mapping[str, Mapping[int, str]]:
    """For each stem, the groups it belongs to, and the member that it is there."""
    found: dict[str, dict[int, str]] = {}
    for number, group in enumerate(_groups(table)):
        for names in (member.split("=") for member in group):
            for name in names:
                found.setdefault(stem(name), {})[number] = names[0]
    return found


MEMBERSHIPS = _memberships(EXCLUSIVE)
KINSHIPS = _memberships(SYNONYMS)
