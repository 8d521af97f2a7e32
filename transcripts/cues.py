"""The phrases with which people arrive, leave, agree and thank, in the languages that chats were seen in."""

import re

from transcripts.labels import Place, before_words
from transcripts.reading import Reading

GREETING = re.compile(
    r"(?:hi+|hello+|hey+|hiya|heya|howdy|greetings|good (?:evening|morning|afternoon|day)|evening|"
    r"hola|bonjour|bonsoir|salut|hallo|ciao|olá|boa noite|buenas)\b",
    re.IGNORECASE,
)
PRESENTS = re.compile(
    r"\b(?:i'm|i am|im|my name is|this is|name'?s|\w+ here|here (?:from|in)|from|librarian|teacher|student|joining|"
    r"(?:first|1st)[- ]timer?|lurking|in and out|in & out|introduc\w+|intros?)\b",
    re.IGNORECASE,
)
ARRIVES = re.compile(
    r"(?:(?:a bit |little |so )?late to\b|(?:showing up|arriving|running|joining|coming in|jumping in) (?:a bit |so |very )?late\b|"
    r"(?:just )?(?:joining|tuning) in|this is \w+,|\w+ (?:here )?from @?\w+\b.{0,40}\b(?:lurking|joining|here)|"
    r"\w+ here[.,!]|(?:lurking|joining) (?:tonight|today|in|from))",
    re.IGNORECASE,
)
THANKS = re.compile(
    r"\b(?:thank(?:s|\s?you)?|thx|thnx|ty|gracias|merci|danke|obrigad[oa]|grazie|kudos)\b", re.IGNORECASE
)
LEAVES = re.compile(
    r"\b(?:good ?night|g'night|nite nite|night,? all|signing off|(?:heading|head|off) (?:out|to bed)|"
    r"(?:gotta|have to|got to|must|need to|time to) (?:go|run|head|leave|bounce|call it|sign off)|call(?:ing)? it a night|"
    r"bye|see (?:you|ya)|buenas noches|bonne nuit|gute nacht)\b",
    re.IGNORECASE,
)
FAREWELL = re.compile(
    r"\b(?:(?:great|good|awesome|terrific|excellent|fab|fabulous|wonderful|amazing|fantastic|exciting) (?:\w+ ){0,2}"
    r"(?:chat|#?\w*chat|discussion|conversation|convo|session|hour|talk)|next (?:#?\w+ ){0,2}(?:chat|week|session|month)|"
    r"storify|recap|transcript|our (?:hour|time) is|for (?:moderating|hosting|facilitating)|until next|"
    r"missed (?:\w+ )?(?:tonight|today|it|the)|time'?s up|that is time)\b",
    re.IGNORECASE,
)
CONTINUES = re.compile(
    r"(?<![\w/])\(?([2-9])\s?(?:/|of)\s?([2-9]|n|x)?\)?(?![\w/])|(?<!\w)\(?cont(?:\.|'?d|inued)", re.IGNORECASE
)
SHORT = 8  # words

# Words that add nothing of their own.
AGREEING = (
    "yes yeah yep yup no nope agreed agree exactly this true totally same great good "
    "awesome amazing lol haha ha hah thanks thank you thx ty love it so much indeed "
    "absolutely definitely ok okay cool nice wow welcome sorry oh hmm hm brilliant idea "
    "point title too me and a the that that's is i very really well said of course "
    "right problem np here"
)
AGREEMENT = frozenset(AGREEING.split())


def greets(reading: Reading, *, early: bool) -> bool:
    """Whether somebody says hello and who they are, or arrives late; in the beginning hello is enough."""
    text, head = reading.text, before_words(reading.text)
    if ARRIVES.match(text, head):
        return len(reading.words) <= SHORT or PRESENTS.search(text) is not None
    return GREETING.match(text, head) is not None and (early or PRESENTS.search(text) is not None)


def says_goodbye(reading: Reading) -> int:
    """Count the signs that somebody bids farewell: thanks, and words of the end of the chat."""
    return (THANKS.search(reading.text) is not None) + (FAREWELL.search(reading.text) is not None)


def is_contribution(reading: Reading) -> bool:
    """Tell something said from mere agreement, thanks and repetition."""
    if reading.repeats:
        return False
    substance = len([word for word in reading.words if word not in AGREEMENT])
    return substance > 2 or any(label.place is not Place.MIDDLE for label in reading.labels)
