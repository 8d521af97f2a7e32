"""What should come first, over real chats: queries of general words, and the id of the post that each means.

Written down before anything was tuned. The posts themselves are not part of the project.
"""

from pathlib import Path

import pytest

from knowarchive.config import load_config
from pipelines.indexing import bring_up_to_date, index_folder
from storage.archive import Archive
from tests.archives import ROOT, configure, import_path
from transcripts.search.index import open_index
from transcripts.search.language import parse
from transcripts.search.results import search

REAL = ROOT.parent / "shared" / "data" / "critlib"
CHAT = """
[[chat]]
name = "critlib"
hashtags = ["critlib"]
timezone = "America/New_York"
schedule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0"
"""
FIRST, RECIPROCAL = 0.75, 0.85  # the least that is good enough: first places, and the mean reciprocal rank


@pytest.mark.skipif(not REAL.is_dir(), reason="real data is not here: ../shared/data/critlib")
def test_what_people_mean_comes_first(tmp_path, capsys):
    config = load_config(configure(tmp_path, CHAT))
    archive = Archive(config.archive_url, config.state_dir)
    for file in sorted(REAL.glob("*.gz")):
        import_path(archive, file)
    bring_up_to_date(archive, config)
    index = open_index(index_folder(config))
    lines = Path(__file__).with_name("relevance.tsv").read_text().splitlines()[1:]
    ranks = {}
    for query, uid in (line.split("\t") for line in lines):
        hits = search(index, parse(query)).hits
        places = [place for place, hit in enumerate(hits, 1) if uid in {hit.post.uid, *(one.uid for one in hit.also)}]
        ranks[query] = places[0] if places else None
    first = sum(rank == 1 for rank in ranks.values()) / len(ranks)
    reciprocal = sum(1 / rank for rank in ranks.values() if rank) / len(ranks)
    missed = {query: rank for query, rank in ranks.items() if rank != 1}
    with capsys.disabled():
        print(f"\n{len(ranks)} queries: first {first:.2f}, mean reciprocal rank {reciprocal:.2f}; not first: {missed}")  # noqa: T201
    assert first >= FIRST, missed
    assert reciprocal >= RECIPROCAL, missed
