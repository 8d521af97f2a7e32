"""The words of the generated archives: Zipf's law over 30,000 of them, drawn alike on every machine."""

import random
from collections.abc import Callable
from functools import cache
from itertools import accumulate

TYPOS = 0.015  # of words
SLOTS = 1 << 20
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

COMMON_WORDS = """
the to and a of in is i that for you it on we with this are be have as at not but was they so what can my if our from or
by about do how an all just more me one your will there when who like up out has think their people would know them some
than get no which make also work because time good been new really how very had much need see should way use other into
then want only where don't its it's i'm that's we're learning were these could here first now too many those any did us
he she his her him over even back well still after thing things lot same great share help love being best better own
does doesn't can't i've you're isn't might always never often sometimes maybe yes sure agree question answer today last
week year years day days hour chat thanks thank welcome hello everyone everybody anyone someone something nothing
anything right left long short little big small old young early late high low hard easy open closed clear free full
empty different important possible public private common local real true false ready sorry happy sad glad hope feel
felt find found keep kept give gave given take took taken tell told say said says ask asked asking answers questions
read reading write writing wrote written learn learned teach teaching taught talk talking talked speak listen hear heard
show shown shows look looking looked seem seems become became start started stop stopped begin began end ended try
trying tried done doing goes going gone come came coming go went bring brought build building built made making change
changes changed move moving moved turn turned run running ran hold held let put set meet meeting meetings met lead
leading led leave leaving leaves call called name named word words text book books paper papers article articles post
posts page pages link links blog story stories idea ideas thought thoughts point points example examples reason reasons
problem problems solution solutions process processes practice practices project projects team teams group groups
community communities member members staff student students teacher teachers school schools class classroom course
courses library libraries librarian librarians museum archive archives archivist record records data information
knowledge skill skills experience expert experts tool tools system systems software technology online web site search
find catalogue collection collections resource resources material materials research researcher study studies evidence
report reports plan plans planning policy policies rule rules law right rights power access support service services
user users customer reader readers audience public society world country city town place places space spaces room house
home office street job jobs career boss manager management leadership organisation organisations company business
money cost costs price budget value values quality number numbers part parts whole half kind kinds sort type types form
forms level levels line lines list lists order case cases fact facts truth trust culture cultural history social media
political critical digital physical personal professional academic local global general special certain simple
complex difficult useful helpful interesting amazing wonderful brilliant terrible strange funny serious honest fair
human person man woman men women child children kid kids family friend friends parent parents mother father life lives
living death body head hand hands eye eyes face heart mind voice food water coffee tea lunch night morning evening
afternoon weekend monday tuesday wednesday thursday friday month summer winter spring future past present moment while
during before again once twice next until since through between against without within across around near far away down
under above behind together alone almost enough quite rather actually especially usually probably perhaps definitely
totally absolutely exactly simply mostly instead although though however therefore unless whether either neither both
each every another such few several most least less two three four five six ten hundred thousand million second third
join joined joining connect connected create created creating design designed develop development grow growing growth
understand understanding remember forget forgot believe wonder guess mean means matter matters happen happens happened
allow offer include included including require follow following test tests testing check review feedback goal goals
focus challenge challenges opportunity opportunities success failure mistake mistakes risk change impact effort
strategy conversation discussion debate argument voice comment comments note notes email phone video photo picture image
"""

EMOJI_CHARACTERS = "😀 😂 🤣 😊 😍 🤔 😅 🙌 👏 👍 🙏 🔥 💯 ✨ 🎉 💡 📚 📖 📝 ✅ ❤️ 💜 💙 🤷 🙄 😭 😎 🤓 👋 👀 💪 🌱 🌍 ☕ 🐱 🎯 🚀 🧵 👇 👉 ⭐ 🗂️ 🔎 🕯️ ⛵ 🧠"
ONSET_LETTERS = "b br c ch cl cr d dr f fl fr g gr h j k l m n p pl pr qu r s sc sh sl st str t th tr v w"
NUCLEUS_LETTERS = "a a a a e e e e e i i i o o o u u ai ea ee ie io oa ou"
CODA_LETTERS = "b ck d l ll m n n nd ng nt p r r rd rn s s st t t x"

COMMON = COMMON_WORDS.split()
EMOJI = EMOJI_CHARACTERS.split()
ONSETS, NUCLEI = ONSET_LETTERS.split(), NUCLEUS_LETTERS.split()
CODAS = [*[""] * 24, *CODA_LETTERS.split()]

Draw = Callable[[], float]


def make_word(draw: Draw, syllables: int) -> str:
    """A pronounceable word."""
    return "".join(
        ONSETS[int(draw() * len(ONSETS))] + NUCLEI[int(draw() * len(NUCLEI))] + CODAS[int(draw() * len(CODAS))]
        for _ in range(syllables)
    )


@cache
def vocabulary() -> list[str]:
    """30,000 words, the most frequent first: the common ones of English, then invented ones."""
    words = dict.fromkeys(COMMON)
    draw = random.Random("vocabulary").random
    while len(words) < 30_000:
        syllables = 1 + int(draw() * 1.5) + (len(words) > 4000) + int(draw() * 1.2)  # frequent words are short
        words.setdefault(make_word(draw, syllables))
    return list(words)


def spread(items: list[str]) -> list[str]:
    """A table to draw from with one multiplication, in which items have Zipf's shares."""
    weights = [1 / (rank + 2.7) for rank in range(1, len(items) + 1)]
    owed = list(accumulate(weights))  # not sum(), whose rounding differs between versions of Python
    table: list[str] = []
    for item, total in zip(items, owed, strict=True):
        table += [item] * (int(total / owed[-1] * SLOTS) - len(table))
    return table


@cache
def tables() -> tuple[list[str], list[str], list[str]]:
    """What to draw words, further hashtags and domains from."""
    words = vocabulary()
    rare = words[len(COMMON) :]
    tags = [first + second for first, second in zip(rare[:2000], words[:2000], strict=True)]
    domains = [f"{word}{ending}.example" for word in rare[2000:3500] for ending in ("", "-press")]
    return spread(words), spread(tags), spread(domains)


def code(bits: int) -> str:
    """Ten characters as X's link shortener makes them, from 60 random bits."""
    characters = []
    for _ in range(10):
        bits, place = divmod(bits, 62)
        characters.append(BASE62[place])
    return "".join(characters)


class Writer:
    """Draws everything that people type."""

    def __init__(self, source: random.Random) -> None:
        self.draw = source.random
        self.bits = source.getrandbits
        self.words, self.tags, self.domains = tables()

    def sentence(self, length: int) -> str:
        """That many words with a capital, a comma here and there, and a typo in a few of them."""
        draw, table = self.draw, self.words
        words = [table[int(draw() * SLOTS)] for _ in range(length)]
        if draw() < TYPOS * length:
            place = int(draw() * length)
            word = words[place]
            cut = int(draw() * len(word))
            words[place] = word[:cut] + word[cut + 1 : cut + 2] + word[cut : cut + 1] + word[cut + 2 :]
        if length > 6:
            place = int(draw() * (length - 2))
            words[place] += (",", ",", ".", ";", "?", " &amp;")[int(draw() * 6)]
        text = " ".join(words)
        return text[:1].upper() + text[1:]

    def title(self, length: int) -> str:
        return self.sentence(length).replace(" &amp;", "")

    def address(self, year: int) -> str:
        draw, table = self.draw, self.words
        domain = self.domains[int(draw() * len(self.domains))]
        slug = "-".join(table[int(draw() * SLOTS)].replace("'", "") for _ in range(2 + int(draw() * 5)))
        kind = draw()
        if kind < 0.3:
            return f"https://{domain}/{year}/{1 + int(draw() * 12):02}/{slug}"
        if kind < 0.6:
            return f"https://www.{domain}/{slug}?utm_source=x&id={self.bits(34)}"
        return f"https://{domain}/articles/{self.bits(40):x}/{slug}"
