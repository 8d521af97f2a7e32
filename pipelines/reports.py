"""What Prefect keeps of a session for people to look at: its coverage and its activity, in numbers alone. Pure."""

import re
from collections.abc import Mapping
from datetime import timedelta

from transcripts.model import Transcript
from transcripts.writers.plain import figures

BARS = " ▁▂▃▄▅▆▇█"
MOST_BARS = 60
COLUMNS = ("status", "pages", "seen", "new", "changed", "quarantined", "requests")


def report_key(chat: str, label: str) -> str:
    """The name of a session's report, of the letters that Prefect takes: every collection is a new version of it."""
    return re.sub(r"[^a-z0-9]+", "-", f"session-{chat}-{label}".lower())


def write_report(transcript: Transcript) -> str:
    """Write a session's report as Markdown: no person's words, names or handles are in it, and no error's words."""
    window = transcript.window
    lines = [
        f"# {window.chat} {window.label}",
        "",
        f"{figures(transcript)}.",
        "",
        f"| source | {' | '.join(COLUMNS)} | gaps |",
        f"|---|{'---|' * len(COLUMNS)}---|",
        *(_row(row) for row in transcript.coverage),
        "",
        *_activity(transcript),
        f"Read it with `knowarchive transcript {window.chat} {window.label}`.",
    ]
    return "\n".join(lines) + "\n"


def _row(row: Mapping[str, object]) -> str:
    gaps = row.get("gaps")
    cells = [str(row.get("source") or ""), *("" if row.get(name) is None else str(row[name]) for name in COLUMNS)]
    cells.append(str(len(gaps)) if isinstance(gaps, tuple) else "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _activity(transcript: Transcript) -> list[str]:
    """Posts over time as a line of bars, one for each minute or a few."""
    window = transcript.window
    times = [post.created_at for entry in transcript.entries for post in entry.posts]
    minutes = max(1, -(-int((window.closes - window.opens).total_seconds()) // (60 * MOST_BARS)))
    step = timedelta(minutes=minutes)
    counts = [0] * max(1, -(-(window.closes - window.opens) // step))
    for moment in times:
        if window.opens <= moment < window.closes:
            counts[(moment - window.opens) // step] += 1
    peak = max(counts)
    if not peak:
        return []
    drawn = "".join(BARS[-(-count * (len(BARS) - 1) // peak)] for count in counts).rstrip()
    every = "minute" if minutes == 1 else f"{minutes} minutes"
    return ["```", f"│{drawn}", "```", f"Posts every {every} from {window.opens:%H:%M} UTC; at most {peak}.", ""]
