"""The configuration is read strictly, and every mistake is one line that says what, where and what to do."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from knowarchive.config import (
    ANCHOR,
    EVERY_YEAR,
    SERVED,
    find_config,
    load_config,
    load_served_config,
    parse_duration,
    parse_rule,
)
from knowarchive.errors import ConfigError

ARCHIVE = '[archive]\nurl = "archive"\n'
CHAT = '[[chat]]\nname = "critlib"\nhashtags = ["critlib"]\n'


@pytest.fixture
def load(tmp_path):
    def load(text, name="knowarchive.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(path)

    return load


@pytest.fixture
def complain(load, tmp_path):
    """What is said of a text, without the file's name."""

    def complain(text):
        with pytest.raises(ConfigError) as caught:
            load(text)
        message = str(caught.value)
        assert message.startswith(f"{tmp_path / 'knowarchive.toml'}: ")
        assert "\n" not in message
        assert caught.value.exit_code == 3
        return message.removeprefix(f"{tmp_path / 'knowarchive.toml'}: ")

    return complain


def chat(**values):
    lines = {"name": '"critlib"', "hashtags": '["critlib"]', **values}
    return ARCHIVE + "[[chat]]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())


def test_the_contracts_example_is_read(load):
    config = load("""
        [archive]
        url = "archive"
        [[chat]]
        name = "critlib"
        title = "Critical librarianship"
        hashtags = ["critlib"]
        timezone = "America/New_York"
        schedule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0"
        margin = ["15m", "30m"]
        duration = "1h"
        moderators = []
          [[chat.source]]
          platform = "mastodon"
          server = "https://fosstodon.org"
        """)
    (one,) = config.chat
    assert (one.length, one.margins) == (timedelta(hours=1), (timedelta(minutes=15), timedelta(minutes=30)))
    assert config.archive_url == str(config.path.parent / "archive")


def test_a_schedule_may_be_a_list_of_rules(load):
    rule = '{rule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21", from = 2015-03-03, until = 2019-12-31}'
    (one,) = load(chat(schedule=f"[{rule}]")).chat
    assert [(str(rule.since), str(rule.until)) for rule in one.rules] == [("2015-03-03", "2019-12-31")]


UNKNOWN = {
    "titel = 1": 'unknown key `titel` in chat "critlib"; did you mean `title`?',
    "Hashtags = 1": 'unknown key `Hashtags` in chat "critlib"; did you mean `hashtags`?',
    "url = 1": 'unknown key `url` in chat "critlib"; it belongs in [archive]',
    "bearer_token = 1": 'unknown key `bearer_token` in chat "critlib"; secrets are read from the environment '
    "(such as KNOWARCHIVE_X_BEARER), never from this file",
    "schedule = [{rule = 'FREQ=DAILY', form = 2015-03-03}]": 'unknown key `form` in rule 1 of chat "critlib"; '
    "did you mean `from`?",
    "[[chat.source]]\nplatform = 'x'\n[[chat.source]]\nplatfrom = 'x'": "unknown key `platfrom` in source 2 of chat "
    '"critlib"; did you mean `platform`?',
    "[[chat.source]]\nplatform = 'x'\nduration = '1h'": 'unknown key `duration` in source 1 of chat "critlib"; '
    "it belongs in [[chat]]",
}


@pytest.mark.parametrize(("line", "said"), UNKNOWN.items())
def test_an_unknown_key_is_named_with_its_table_and_the_nearest_one(complain, line, said):
    assert complain(ARCHIVE + CHAT + line) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[archive]\nulr = 'a'", "unknown key `ulr` in [archive]; did you mean `url`?"),
        ("chats = 1\n" + ARCHIVE, "unknown key `chats` in the file; did you mean `chat`?"),
        ("path = 'x'\n" + ARCHIVE, "unknown key `path` in the file; the nearest is `chat`; valid are archive, chat, person, limits, schedule, publish, web"),
        ("zzz = 1\n" + ARCHIVE, "unknown key `zzz` in the file; the nearest is `chat`; valid are archive, chat, person, limits, schedule, publish, web"),
        ("x_password = 's'\n" + ARCHIVE, ("unknown key `x_password` in the file; secrets are read from the environment "
         "(such as KNOWARCHIVE_X_BEARER), never from this file")),
        ("", 'the file has no `archive`; add [archive] with url = "archive"'),
        ("[archive]", '[archive] has no `url`; add url = "archive"'),
        (ARCHIVE + "[[chat]]\nname = 'a'", 'chat "a" has no `hashtags`; add hashtags = ["critlib"]'),
        (ARCHIVE + "[[chat]]\nhashtags = ['a']", 'chat 1 has no `name`; add name = "critlib"'),
    ],
)  # fmt: skip
def test_what_is_missing_or_too_much_at_the_top_is_named(complain, text, said):
    # `the nearest` of two equally far keys is the first that difflib finds: only that there is one matters
    found = complain(text)
    assert re.sub(r"nearest is `\w+`", "nearest is `chat`", found) == said


WRONG_TYPES = {
    "name": ("3", '`name` in chat 1 must be text in quotes, not a whole number; write name = "critlib"'),
    "hashtags": ('"critlib"', '`hashtags` in chat "critlib" must be a list, not text in quotes; write hashtags = ["critlib"]'),
    "title": ("2015-01-01", '`title` in chat "critlib" must be text in quotes, not a date'),
    "margin": ('["15m"]', '`margin` in chat "critlib" must be a list of 2, not of 1; write margin = ["15m", "30m"]'),
    "duration": ("60", '`duration` in chat "critlib" must be text in quotes, not a whole number'),
    "moderators": ("[1]", ('each value of `moderators` in chat "critlib" must be text in quotes, not a whole number; '
                   'write moderators = ["x:handle"]')),
    "schedule": ("3", ('`schedule` in chat "critlib" must be text in quotes or a list, not a whole number; '
                 'write schedule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0"')),
    "source": ("{platform = 'x'}", '`source` in chat "critlib" is a table of its own; write [[chat.source]] with two brackets'),
}  # fmt: skip


@pytest.mark.parametrize("key", WRONG_TYPES)
def test_a_value_of_the_wrong_type_is_said_in_words(complain, key):
    value, said = WRONG_TYPES[key]
    assert complain(chat(**{key: value})) == said


def test_a_date_in_a_rule_is_shown_how_to_be_written(complain):
    for value in ("3", '"the third"', "2015-03-03T01:00:00"):
        said = complain(chat(schedule=f"[{{rule = 'FREQ=DAILY', from = {value}}}]"))
        assert said.startswith('`from` in rule 1 of chat "critlib"')
        assert said.endswith("write from = 2015-03-03, without quotes")


def test_a_table_with_one_bracket_too_few_is_understood(complain):
    assert complain(ARCHIVE + '[chat]\nname = "a"') == (
        "`chat` in the file is a table of its own; write [[chat]] with two brackets"
    )


@pytest.mark.parametrize("name", ["../../x", "", "Critlib", "a b", "-a", "a/b", "ü", "a" * 65, "..", "con\n"])
def test_a_chats_name_that_is_no_safe_file_name_is_refused(complain, name):
    assert "a name is up to 64 lower-case letters" in complain(chat(name=repr(name).replace("\\n", "\\u000a")))


def test_two_chats_of_one_name_are_refused(complain):
    assert complain(ARCHIVE + CHAT + CHAT) == 'chat "critlib": there are two of this name; give each its own'


@pytest.mark.parametrize(
    "tag", ["critlib", "#critlib", "＃critlib", "crit_lib", "Ünïcode", "हिन्दी", "読書会", "a1", "col·lecció"]
)
def test_hashtags_of_every_script_are_known_with_or_without_the_sign(load, tag):
    assert load(chat(hashtags=f'["{tag}"]')).chat[0].hashtags == (tag,)


@pytest.mark.parametrize("start", ["7pm", "25:00", "19:00Z", "19:00+02:00", "19:00:30"])
def test_a_session_starts_at_a_minute_of_the_local_day(complain, start):
    text = chat() + f'\n[[chat.session]]\ndate = 2015-05-19\nstart = "{start}"\n'
    assert f'start "{start}" is not a time of the day; write start = "19:00"' in complain(text)


@pytest.mark.parametrize("tag", ["crit lib", "##a", "", "#", "a-b", "2015", "_", "a\u202eb", "a.b", "@a"])
def test_what_no_network_takes_for_a_hashtag_is_refused(complain, tag):
    assert complain(chat(hashtags=f'["{tag}"]')) == (
        f'chat "critlib": "{tag}" is not a hashtag; it is one word of letters and digits'
    )


def test_a_chat_needs_a_hashtag(complain):
    assert complain(chat(hashtags="[]")) == 'chat "critlib": hashtags is empty; name at least one'


@pytest.mark.parametrize("zone", ["America/New_Yrok", "../../etc/passwd", "/etc/localtime", "", "EST5EDT4", "America"])
def test_a_time_zone_that_does_not_exist_is_refused(complain, zone):
    assert complain(chat(timezone=f'"{zone}"')) == (
        f'chat "critlib": "{zone}" is not a time zone; use a name such as "America/New_York"'
    )


GOOD_RULES = [
    "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0",
    "RRULE:FREQ=WEEKLY;BYDAY=TU",
    "freq=monthly;byday=1tu;byhour=20",
    "FREQ=WEEKLY;BYDAY=TU;UNTIL=20200101T000000Z",
    "FREQ=WEEKLY;BYDAY=TU;UNTIL=20200101T000000",
    "FREQ=WEEKLY;BYDAY=TU;UNTIL=20200101",
    "FREQ=WEEKLY;BYDAY=TU;COUNT=10",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYHOUR=12",
    "FREQ=DAILY;BYHOUR=9,21",
    "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21\\nEXDATE:20151225T210000",
]


@pytest.mark.parametrize("rule", GOOD_RULES)
def test_rules_of_rfc_5545_are_taken_and_give_sessions(load, rule):
    from transcripts.sessions import windows

    (one,) = load(chat(schedule=f'"{rule}"', timezone='"America/New_York"')).chat
    assert windows(one, datetime(2006, 1, 1, tzinfo=UTC), datetime(2010, 1, 1, tzinfo=UTC))


BAD_RULES = {
    "FREQ=WEEKLY;BYDAY=XX": "is not an RFC 5545 rule",
    "FREQ=FORTNIGHTLY": "is not an RFC 5545 rule",
    "every Tuesday at nine": "is not an RFC 5545 rule",
    " ": "is not an RFC 5545 rule",
    "BYDAY=TU": "is not an RFC 5545 rule",
    "FREQ=WEEKLY;BYHOUR=25": "is not an RFC 5545 rule",
    "FREQ=MINUTELY": "gives a session every minute or second",
    "freq=secondly": "gives a session every minute or second",
    "FREQ=WEEKLY;INTERVAL=0": "is not a number from 1 to 999",
    "FREQ=WEEKLY;INTERVAL=-1": "is not a number from 1 to 999",
    "FREQ=YEARLY;INTERVAL=100000000000000": "is not a number from 1 to 999",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30": "never happens; correct the rule",
    "FREQ=MONTHLY;BYDAY=6TU": "never happens; correct the rule",
    "FREQ=WEEKLY;COUNT=0": "never happens; correct the rule",
    "FREQ=WEEKLY;UNTIL=19990101T000000Z": "never happens; correct the rule",
    "EXDATE:20200101T000000": "never happens; correct the rule",
    "DTSTART:20150303T210000\\nRRULE:FREQ=WEEKLY": "a schedule takes no DTSTART",
}


@pytest.mark.parametrize(("rule", "said"), BAD_RULES.items())
def test_a_rule_that_gives_no_sessions_or_too_many_is_refused(complain, rule, said):
    message = complain(chat(schedule=f'"{rule}"'))
    assert message.startswith('chat "critlib": ')
    assert said in message


@pytest.mark.parametrize(
    ("stretch", "said"),
    [
        ("from = 2019-01-01, until = 2018-01-01", "ends on 2018-01-01, before it starts on 2019-01-01; exchange them"),
        ("from = 2019-01-02, until = 2019-01-03", "never happens in its time; correct the rule"),
        ("from = 0001-01-01", "lie between 1970 and 2200, not in 1"),
        ("until = 9999-12-31", "lie between 1970 and 2200, not in 9999"),
    ],
)
def test_a_stretch_in_which_nothing_can_happen_is_refused(complain, stretch, said):
    assert said in complain(chat(schedule=f"[{{rule = 'FREQ=WEEKLY;BYDAY=TU', {stretch}}}]"))


@pytest.mark.parametrize("text", ["-15m", "15", "1.5h", "", "1 h", "15M", "٣m", "1w", "-0m"])
def test_what_is_no_duration_is_refused_and_shown_one(complain, text):
    said = f'"{text}" is not a duration; write "15m", "1h" or "1d"'
    assert complain(chat(margin=f'["{text}", "30m"]')) == f'chat "critlib": {said}'
    assert complain(chat(duration=f'"{text}"')) == f'chat "critlib": {said}'
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0m", "30s", "32d", "999999999d", "9999999999d"])
def test_a_session_lasts_between_a_minute_and_a_month(complain, text):
    assert complain(chat(duration=f'"{text}"')).startswith('chat "critlib": ')


def test_margins_may_be_nothing_and_at_most_a_week(load, complain):
    assert load(chat(margin='["0m", "7d"]')).chat[0].margins == (timedelta(), timedelta(days=7))
    assert complain(chat(margin='["15m", "8d"]')) == 'chat "critlib": margin "8d" is more than 7d'


@pytest.mark.parametrize(
    "one", ["x:handle", "x:@handle", "bluesky:a.example", "mastodon:a@b.example", "mastodon:@a@b.example"]
)
def test_moderators_have_their_network(load, one):
    assert load(chat(moderators=f'["{one}"]')).chat[0].moderators == (one,)


@pytest.mark.parametrize("one", ["handle", "@handle", "x:", "twitter:handle", "mastodon:handle", "x:a b", ""])
def test_a_moderator_without_a_network_or_server_is_refused(complain, one):
    assert complain(chat(moderators=f'["{one}"]')) == (
        f'chat "critlib": moderator "{one}" is not known; write "x:handle", "bluesky:handle" or "mastodon:handle@server"'
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("platform = 'mastodon'", 'a mastodon source needs its server, as in server = "https://example.social"'),
        ("platform = 'mastodon'\nserver = 'fosstodon.org'", 'server "fosstodon.org" is not an address; write server'),
        ("platform = 'mastodon'\nserver = 'https://'", 'server "https://" is not an address; write server'),
        ("platform = 'x'\nserver = 'https://a:99999'", 'server "https://a:99999" is not an address; write server'),
        ("platform = 'mastodon'\nserver = 'https://me:pw@a.example'", "the server's address holds credentials"),
        ("platform = 'friendster'", ("`platform` in source 1 of chat \"critlib\" cannot be 'friendster'; "
         "it is one of x, bluesky, mastodon")),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_reached_is_refused(complain, source, said):
    assert said in complain(ARCHIVE + CHAT + "[[chat.source]]\n" + source)


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        ("url = ''", "archive.url is empty"),
        ("url = ' '", "archive.url is empty"),
        ("url = 'https://example.org/archive'", 'archive.url cannot be "https://example.org/archive"'),
        ("url = 's3://'", 'archive.url cannot be "s3://"'),
        ("url = 's3://key:secret@bucket/a'", "archive.url holds credentials; take them out"),
        ('url = "a\\u0000b"', "archive.url holds a control character"),
        ("url = 'a'\nstate = 'a'", "archive.state lies in the archive"),
        ("url = 'a'\nstate = './a/../a/state'", "archive.state lies in the archive"),
        ("url = 'a'\nstate = 's3://b'", 'archive.state cannot be "s3://b"'),
        ("url = '~nobody-of-this-name/a'", "write the folder without ~"),
    ],
)  # fmt: skip
def test_an_archive_that_cannot_be_is_refused(complain, archive, said):
    assert said in complain(f"[archive]\n{archive}\n")


def test_credentials_are_never_repeated(complain):
    assert "hunter2" not in complain("[archive]\nurl = 's3://key:hunter2@bucket'")
    assert "hunter2" not in complain(ARCHIVE + "token = 'hunter2'")
    assert "hunter2" not in complain(ARCHIVE + CHAT + "[[chat.source]]\nplatform = 'x'\nserver = 'https://a:hunter2@b'")


FILES = {
    "not TOML": (b"[archive]\nurl = archive\n", r"is not valid TOML: .*\(at line 2, column 7\); correct it"),
    "twice the same key": (b"[archive]\nurl = 'a'\nurl = 'b'", r"is not valid TOML: Cannot overwrite a value"),
    "not UTF-8": (b"# \n# caf\xe9\n[archive]", r"is not UTF-8 \(line 2\); save it as UTF-8"),
    "UTF-16": ("[archive]".encode("utf-16"), r"is not UTF-8 \(line 1\)"),
    "nested": (b"a = " + b"[" * 20000, r"is not valid TOML: nested too deeply; correct it"),
    "a number too long": (b"a = " + b"9" * 5000, r"is not valid TOML|unknown key"),
    "an impossible date": (b"a = 2015-02-30", r"is not valid TOML"),
    "too large": (b"#" * 1_000_001, r"is larger than 1 MB, so it is no configuration; name another"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_understood_says_where(complain, name):
    content, said = FILES[name]
    assert re.search(said, complain(content))


def test_the_mark_that_editors_put_before_utf_8_is_no_mistake(load):
    assert load(b"\xef\xbb\xbf" + ARCHIVE.encode()).archive.url == "archive"


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(
        ConfigError, match=r"no such file; write one with: knowarchive init, or name one with --config$"
    ):
        load_config(tmp_path / "none.toml")


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match=r"is a folder; name the configuration file in it$"):
        load_config(tmp_path)


@pytest.mark.parametrize("path", [Path("a" * 300), Path("a\0b")])
def test_a_path_that_cannot_be_opened_is_one_line(path):
    with pytest.raises(ConfigError, match=r"check the path and its permissions$"):
        load_config(path)


def test_the_file_is_the_given_one_or_the_environments_or_the_folders(monkeypatch):
    monkeypatch.delenv("KNOWARCHIVE_CONFIG", raising=False)
    assert find_config(None) == Path("knowarchive.toml")
    monkeypatch.setenv("KNOWARCHIVE_CONFIG", "/a/b.toml")
    assert find_config(None) == Path("/a/b.toml")
    assert find_config("c.toml") == Path("c.toml")


def test_what_a_schedule_started_goes_by_its_copy_and_relative_to_the_file(tmp_path):
    path, copy = tmp_path / "knowarchive.toml", tmp_path / "state" / "copy.toml"
    path.write_text("[archive")
    copy.parent.mkdir()
    copy.write_text("[archive]\nurl = 'kept'\n")
    assert load_served_config(path, {SERVED: str(copy)}).archive_url == str(tmp_path / "kept")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_served_config(path, {})
    copy.unlink()
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_served_config(path, {SERVED: str(copy)})


def test_folders_are_relative_to_the_configuration(load, monkeypatch, tmp_path):
    config = load(ARCHIVE + "state = 'private'\n")
    monkeypatch.chdir("/")
    assert (config.archive_url, config.state_dir) == (str(tmp_path / "archive"), tmp_path / "private")
    assert config.overrides_path == tmp_path / "knowarchive.overrides.toml"


def test_the_state_is_where_the_user_keeps_state(load, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert load(ARCHIVE).state_dir.parent == tmp_path / "s" / "knowarchive"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(ARCHIVE).state_dir.parent == tmp_path / ".local/state/knowarchive"


def test_each_archive_has_a_state_of_its_own_unless_one_is_configured(load):
    one, other = (load(f'[archive]\nurl = "{url}"').state_dir for url in ("a", "b"))
    assert one != other
    assert one == load('[archive]\nurl = "a"').state_dir


def test_an_address_of_an_object_store_is_left_alone(load):
    assert load('[archive]\nurl = "s3://bucket/prefix"').archive_url == "s3://bucket/prefix"


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_an_unreadable_file_says_so(tmp_path, monkeypatch):
    path = tmp_path / "knowarchive.toml"
    path.write_text(ARCHIVE)

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    with pytest.raises(ConfigError, match=r"knowarchive.toml: Permission denied; check the path and its permissions$"):
        load_config(path)


PERSON = (
    '[[person]]\nname = "Wren Alder"\naccounts = ["x:wren", "bluesky:wren.example", "mastodon:@wren@birds.example"]\n'
)


def person(name='"Wren Alder"', accounts='["x:wren", "bluesky:wren.example"]'):
    return ARCHIVE + f"[[person]]\nname = {name}\naccounts = {accounts}\n"


def test_one_persons_accounts_are_read(load):
    (one,) = load(ARCHIVE + PERSON).person
    assert (one.name, len(one.accounts)) == ("Wren Alder", 3)
    assert load(ARCHIVE).person == ()


MISTAKES_WITH_PEOPLE = [
    (ARCHIVE + "[[person]]\naccounts = []\n", 'person 1 has no `name`; add name = "Their Name"'),
    (
        ARCHIVE + '[[person]]\nname = "Wren"\n',
        'person "Wren" has no `accounts`; add accounts = ["x:handle", "bluesky:handle", "mastodon:handle@server"]',
    ),
    (
        ARCHIVE + '[person]\nname = "Wren"\naccounts = []\n',
        "`person` in the file is a table of its own; write [[person]] with two brackets",
    ),
    (
        person() + 'handle = "x"\n',
        'unknown key `handle` in person "Wren Alder"; the nearest is `name`; valid are name, accounts',
    ),
    (person(name='" "'), 'person " ": a name is text on one line; write the name to show'),
    (
        person(accounts='["x:wren"]'),
        'person "Wren Alder": accounts joins two or more; name all of them, or take the table out',
    ),
    (
        person(accounts='["x:wren", "mastodon:wren"]'),
        (
            'person "Wren Alder": account "mastodon:wren" is not known; '
            'write "x:handle", "bluesky:handle" or "mastodon:handle@server"'
        ),
    ),
    (
        person(accounts='["x:wren", "x:@Wren"]'),
        'person "Wren Alder": account "x:@Wren" is given twice; leave one of them',
    ),
    (
        ARCHIVE + PERSON + '[[person]]\nname = "Rook"\naccounts = ["x:rook", "x:WREN"]\n',
        'person "Rook": account "x:WREN" is given to person "Wren Alder" too; leave one of them',
    ),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES_WITH_PEOPLE)
def test_a_mistake_with_a_person_is_named(complain, text, message):
    assert complain(text) == message


@pytest.mark.parametrize("day", ["DAILY", "WEEKLY;BYDAY=SU", "MONTHLY;BYDAY=4MO"])
@pytest.mark.parametrize("time", ["BYHOUR=0;BYMINUTE=0", "BYHOUR=23;BYMINUTE=59", "BYHOUR=9;BYMINUTE=30"])
def test_a_rule_that_is_taken_without_asking_dateutil_happens(day, time):
    rule = f"FREQ={day};{time}"
    assert EVERY_YEAR.fullmatch(rule)
    start = datetime.combine(ANCHOR, datetime.min.time())
    assert next(iter(parse_rule(rule, start, ZoneInfo("UTC"))))


@pytest.mark.parametrize("time", ["BYHOUR=24;BYMINUTE=0", "BYHOUR=21;BYMINUTE=60", "BYHOUR=21", "BYHOUR=07;BYMINUTE=0"])
def test_any_other_rule_is_put_to_dateutil(time):
    assert not EVERY_YEAR.fullmatch(f"FREQ=DAILY;{time}")
