"""Pictures of chats as SVG: pure functions from plain values to text, drawn without a library.

| function | what it shows |
|---|---|
| `session.draw` | one session over time, with its questions |
| `years.draw` | every session of a chat, a row a year |
| `ties.draw` | who answers whom |
| `regulars.draw` | newcomers and regulars, session by session |
| `waits.draw` | questions by the time to their first answer |

Each gives an `svg.Picture`: its `element` goes into a page that has `svg.STYLE` in its style sheet, its `file` is a file
of its own, for light and dark. Either asks for nothing from outside and has a title and a description for those who
cannot see it; every foreign word in it is cleaned and escaped. `gathering` counts what they need from transcripts.
"""
