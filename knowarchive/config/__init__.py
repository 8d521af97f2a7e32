"""The configuration: one TOML file, read strictly. Secrets are never in it."""

from knowarchive.config.checks import EVERY_YEAR, FIRST_YEAR, LAST_YEAR, MARKS_IN_HASHTAGS
from knowarchive.config.loading import SERVED, find_config, load_config, load_served_config, read_config
from knowarchive.config.rules import ANCHOR, parse_duration, parse_rule, with_local_until
from knowarchive.config.shapes import (
    DEFAULT_PATH,
    SAME_DAY,
    Archive,
    Chat,
    Config,
    Identity,
    Limits,
    Occasion,
    Policy,
    Publish,
    Rule,
    Source,
    Web,
    digest_of,
)

__all__ = [
    "ANCHOR",
    "DEFAULT_PATH",
    "EVERY_YEAR",
    "FIRST_YEAR",
    "LAST_YEAR",
    "MARKS_IN_HASHTAGS",
    "SAME_DAY",
    "SERVED",
    "Archive",
    "Chat",
    "Config",
    "Identity",
    "Limits",
    "Occasion",
    "Policy",
    "Publish",
    "Rule",
    "Source",
    "Web",
    "digest_of",
    "find_config",
    "load_config",
    "load_served_config",
    "parse_duration",
    "parse_rule",
    "read_config",
    "with_local_until",
]
