"""One session over time, as its page shows it, as a file of its own."""

from transcripts.writers.activity import BASE, TOP, Activity
from transcripts.writers.as_html import environment

from . import svg


def draw(activity: Activity, *, title: str = "Activity over time") -> svg.Picture:
    """The picture on a session's page, for itself: that page has it already (`transcript.html`).

    Args:
        activity: as `transcripts.writers.activity.draw` measures it.
        title: what the picture is called.
    """
    template = environment().get_template("activity.svg").module
    inside: str = template.drawing(activity, TOP, BASE)  # type: ignore[attr-defined]
    words = f"{activity.summary} {activity.details}"
    return svg.Picture("session", title, words, BASE + 28, [inside])
