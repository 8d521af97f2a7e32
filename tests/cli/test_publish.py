"""`knowarchive publish` and `knowarchive policy`, as people run them."""

import pytest

PUBLISH = '\n[publish]\nurl = "https://lantern.example/"\ncontact = "keeper@lantern.example"\n'


@pytest.fixture
def configured(demo):
    path = demo / "knowarchive.toml"
    path.write_text(path.read_text() + PUBLISH + 'x = "as-archived"\n')
    return demo


@pytest.fixture(autouse=True)
def _one_process(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0})


def test_publish_says_what_it_wrote_and_then_that_nothing_changed(run, configured):
    first = run("publish")
    assert first.code == 0, first.err
    assert "3 sessions and 25 people" in first.out
    assert (configured / "site" / "chats" / "lanternkm" / "2023-03-01.html").exists()
    assert "0 changed" in run("publish").out
    again = run("publish", "--json").json
    assert (again["sessions"], again["changed"], again["removed"]) == (3, 0, 0)


def test_what_has_not_been_checked_is_left_out_and_said_with_the_remedy(run, demo):
    (demo / "knowarchive.toml").write_text((demo / "knowarchive.toml").read_text() + PUBLISH)
    said = run("publish").out
    assert "Nobody has looked lately" in said
    assert 'knowarchive refresh, or set publish.x = "as-archived"' in said
    policy = run("policy", "lanternkm")
    assert "Nobody has looked lately whether they are still there" in policy.out
    assert "only if somebody has looked in the last 30 days" in policy.out
    assert run("policy", "--json").json["left_out"]["unchecked"]["x"] > 200


def test_policy_says_what_would_be_shown_and_what_is_still_missing(run, demo):
    text = (demo / "knowarchive.toml").read_text()
    (demo / "knowarchive.toml").write_text(text + '\n[publish]\nx = "as-archived"\n')
    found = run("policy")
    assert found.code == 0
    assert "Shown on the site" in found.out
    assert "Nothing can be published yet" in found.out
    assert run("policy", "--json").json["public"]["x"] > 200


@pytest.mark.parametrize(
    ("publish", "code", "said"),
    [
        ("", 3, "[publish] has no `contact`"),
        ('[publish]\ncontact = "no address"\n', 3, "publish.contact cannot be"),
        ('[publish]\nurl = "site.example"\n', 3, "publish.url cannot be"),
        ('[publish]\nx = "always"\n', 3, "it is one of refreshed, as-archived"),
        ('[publish]\nx_max_age = "30 days"\n', 3, "is not a duration"),
        ('[publish]\nopt_out = ["ada"]\n', 3, 'opt_out "ada" is not known'),
        ('[publish]\nconntact = "a@b"\n', 3, "did you mean `contact`?"),
    ],
)
def test_a_configuration_that_cannot_be_published_is_said_in_one_line(run, demo, publish, code, said):
    path = demo / "knowarchive.toml"
    path.write_text(f"{path.read_text()}\n{publish}")
    found = run("publish")
    assert (found.code, found.out) == (code, "")
    assert said in found.line
    assert not (demo / "site").exists()


def test_a_folder_of_other_things_is_refused(run, configured):
    (configured / "mine").mkdir()
    (configured / "mine" / "precious.txt").write_text("mine")
    found = run("publish", "--output", "mine")
    assert found.code == 1
    assert "holds other things than a site" in found.line
