"""What a session store over a server survives: tests of longtake-redis and longtake-postgres."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
import threading
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import longtake as lt
from tests.contrib.cutting_proxy import CuttingProxy
from tests.contrib.session_workers import advance_until, next_segment
from tests.sdk.sessions.killing import Folder, prompt_of, truth
from tests.sdk.sessions.rooms import asked
from tests.sdk.toy_family import FOG
from tests.servers import PostgresServer, RedisServer

__all__ = ["SessionFaults", "SessionRowsOnAServer"]

WORKERS = Path(__file__).with_name("session_workers.py")
NUM_SEGMENTS = 200
NUM_KILLS = 6
NUM_CUTS = 40

KEYS = ("a", "a/0", "a0", "b", "b/1")
VALUES = (b"", b"\x00", b"one", b"two\xff")
CHANGES = st.builds(
    lambda expected, puts, deletes: lt.RowChange(expected=expected, puts=puts, deletes=deletes),
    st.dictionaries(st.sampled_from(KEYS), st.none() | st.sampled_from(VALUES), max_size=2),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3),
    st.lists(st.sampled_from(KEYS), max_size=2),
)


def say(what: str) -> None:
    """Shown by ``pytest -s``: how much of it there was."""
    sys.stdout.write(f"{what}\n")


class SessionRowsOnAServer:
    """Rows as a backend must have them; ``rows`` are empty."""

    @pytest.fixture
    def rows(self, url: str) -> Iterator[Any]:
        store: Any = lt.open_session_store(url)
        with closing(store):
            yield store.rows

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
    )
    @given(changes=st.lists(CHANGES, min_size=1, max_size=6))
    def test_rows_are_as_a_dictionary_has_them(
        self, rows: Any, changes: Sequence[lt.RowChange]
    ) -> None:
        rows.write(lt.RowChange(deletes=KEYS))
        model: dict[str, bytes] = {}
        for change in changes:
            met = all(model.get(key) == row for key, row in change.expected.items())
            assert rows.write(change) is met
            if met:
                for key in change.deletes:
                    model.pop(key, None)
                model |= change.puts
            assert rows.read(KEYS) == [model.get(key) for key in KEYS]
            inside = sorted(item for item in model.items() if "a/" <= item[0] < "b/")
            assert rows.scan("a/", "b/", 10) == inside
            assert rows.scan("a/", "b/", 1) == inside[:1]

    def test_a_long_key_and_a_large_row(self, rows: Any) -> None:
        key, row = "k" * 1000, os.urandom(3 * 2**20)
        assert rows.write(lt.RowChange(puts={key: row}))
        assert rows.read([key, "other"]) == [row, None]
        assert rows.write(lt.RowChange(expected={key: row}, deletes=[key]))
        assert rows.scan("", "~", 10) == []

    def test_many_rows_at_once(self, rows: Any) -> None:
        puts = {f"row/{index:05d}": b"%d" % index for index in range(3000)}
        assert rows.write(lt.RowChange(puts=puts))
        assert rows.scan("row/", "row0", 5000) == sorted(puts.items())
        assert rows.read(list(puts)) == list(puts.values())
        assert rows.write(lt.RowChange(deletes=list(puts)))
        assert rows.scan("", "~", 10) == []

    def test_the_clock_is_the_servers(self, rows: Any) -> None:
        before = rows.now()
        assert abs(before - time.time()) < 60
        assert rows.now() > before

    def test_of_those_who_expect_a_row_to_be_absent_one_wins(self, rows: Any) -> None:
        for index in range(40):
            change = lt.RowChange(expected={f"one/{index}": None}, puts={f"one/{index}": b"x"})
            assert sorted(self.together(lambda _, c=change: rows.write(c), 6))[-2:] == [False, True]

    def test_of_two_who_expect_the_others_row_to_be_absent_one_wins(self, rows: Any) -> None:
        for index in range(40):
            pair = (f"left/{index}", f"right/{index}")
            changes = [
                lt.RowChange(expected={pair[1 - side]: None}, puts={pair[side]: b"x"})
                for side in (0, 1)
            ]
            won = self.together(lambda side, c=changes: rows.write(c[side]), 2)
            assert sorted(won) == [False, True]
            assert sum(row is not None for row in rows.read(pair)) == 1

    def test_changes_of_the_same_rows_in_any_order_are_all_made_once(self, rows: Any) -> None:
        keys = [f"count/{index}" for index in range(6)]
        rows.write(lt.RowChange(puts=dict.fromkeys(keys, b"0")))

        def count(worker: int) -> None:
            order = random.Random(worker)
            for _ in range(15):
                some = order.sample(keys, 3)
                while True:
                    now = dict(zip(some, rows.read(some), strict=True))
                    puts = {key: b"%d" % (int(row) + 1) for key, row in now.items()}
                    if rows.write(lt.RowChange(expected=now, puts=puts)):
                        break

        self.together(count, 6)
        assert sum(map(int, rows.read(keys))) == 6 * 15 * 3

    def test_writes_of_the_same_rows_in_any_order_do_not_block_each_other(self, rows: Any) -> None:
        keys = [f"any/{index}" for index in range(6)]

        def write(worker: int) -> None:
            order = random.Random(worker)
            for _ in range(15):
                some = order.sample(keys, 6)
                puts = dict.fromkeys(some[:3], b"x")
                assert rows.write(lt.RowChange(puts=puts, deletes=some[3:]))

        self.together(write, 6)

    @staticmethod
    def together(use: Any, count: int) -> list[Any]:
        """What ``use`` gives in each of so many threads that begin at once."""
        barrier = threading.Barrier(count)

        def begin(index: int) -> Any:
            barrier.wait()
            return use(index)

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(begin, range(count)))


class SessionFaults:
    """Races, kills, cuts and hangs. ``server`` keeps what it acknowledged over a kill."""

    @pytest.fixture
    @abstractmethod
    def server(self) -> Any:
        """A running server of the test's own or one that is empty."""

    @pytest.fixture
    def url(self, server: RedisServer | PostgresServer) -> str:
        return server.new_url()

    @pytest.fixture
    def store(self, url: str) -> Iterator[Any]:
        with closing(self.opened(url)) as store:
            store.create("take", family="pendulum")
            yield store

    @staticmethod
    def opened(url: str) -> Any:
        return lt.open_session_store(url)

    @staticmethod
    def attempts(store: Any) -> list[str]:
        """Of the committed segments, whose indices are in order."""
        segments = store.history("take")
        assert [each.index for each in segments] == list(range(len(segments)))
        assert store.read("take").num_segments == len(segments)
        return [each.attempt for each in segments]

    @pytest.mark.parametrize("num_workers", [2, 8])
    def test_of_processes_that_race_one_wins_each_segment(
        self, store: Any, url: str, num_workers: int
    ) -> None:
        command = [sys.executable, str(WORKERS), url, "take", str(NUM_SEGMENTS)]
        workers = [
            subprocess.Popen([*command, f"w{index}"], stdout=subprocess.PIPE, text=True)
            for index in range(num_workers)
        ]
        printed = [worker.communicate(timeout=240)[0].split() for worker in workers]
        assert [worker.returncode for worker in workers] == [0] * num_workers
        won = Counter(attempt for lines in printed for attempt in lines)
        assert set(won.values()) == {1}
        assert sorted(won) == sorted(self.attempts(store))
        assert len(won) == NUM_SEGMENTS
        say(f"{num_workers} workers: {NUM_SEGMENTS} segments, {list(map(len, printed))}")

    def test_a_restart_heals_by_itself(self, store: Any, server: Any) -> None:
        store.advance("take", 0, next_segment(0, "before"), None)
        with server.stopped():
            pass
        assert store.read("take").last.attempt == "before-0"
        store.advance("take", 1, next_segment(1, "after"), None)
        assert self.attempts(store) == ["before-0", "after-1"]

    def test_a_server_that_is_killed_while_others_commit_loses_nothing(
        self, url: str, store: Any, server: Any
    ) -> None:
        done = threading.Event()
        won: list[str] = []

        def work() -> None:
            try:
                won.extend(advance_until(store, "take", NUM_SEGMENTS * 5, "worker"))
            finally:
                done.set()

        worker = threading.Thread(target=work)
        worker.start()
        kills = 0
        moments = random.Random(4)
        while kills < NUM_KILLS and not done.wait(moments.uniform(0.05, 0.3)):
            with server.stopped():
                kills += 1
        worker.join(120)
        assert won == self.attempts(store)
        assert len(won) == NUM_SEGMENTS * 5
        say(f"{kills} kills, {len(won)} segments, each once")

    def test_a_connection_that_is_cut_in_the_middle_of_a_commit(
        self, store: Any, url: str, server: Any
    ) -> None:
        """Before it is there, in its middle, or before its answer is: again does it once."""
        proxy = CuttingProxy(server.port)
        outcomes: Counter[str] = Counter()
        moments = random.Random(7)
        through = url.replace(f":{server.port}/", f":{proxy.port}/")
        with proxy.running(), closing(self.opened(through)) as cut:
            cut.read("take")
            for index in range(NUM_CUTS):
                segment = next_segment(index, "cut")
                if index % 2:
                    proxy.cut_reply_after = moments.randrange(0, 4)
                else:
                    proxy.cut_request_after = moments.randrange(0, 600)
                try:
                    cut.advance("take", index, segment, None)
                    outcomes["not cut"] += 1
                except lt.SessionStoreUnavailable:
                    there = store.read("take").num_segments > index
                    outcomes["committed" if there else "not committed"] += 1
                    again = cut.advance("take", index, segment, None)
                    assert again.attempt == segment.attempt
                proxy.cut_request_after = proxy.cut_reply_after = None
        assert self.attempts(store) == [f"cut-{index}" for index in range(NUM_CUTS)]
        assert outcomes["committed"] > 0
        assert outcomes["not committed"] > 0
        say(f"{proxy.cuts} cuts: {dict(outcomes)}")

    def test_a_server_that_hangs_is_unavailable_in_bounded_time(
        self, store: Any, url: str, server: Any
    ) -> None:
        with closing(self.opened(f"{url}&timeout=1")) as impatient:
            impatient.read("take")
            segment = next_segment(0, "hung")
            with server.hung():
                begin = time.monotonic()
                with pytest.raises(lt.SessionStoreUnavailable, match="time"):
                    impatient.advance("take", 0, segment, None)
                assert time.monotonic() - begin < 20
            committed = impatient.advance("take", 0, segment, None)
            assert committed.attempt == segment.attempt
        assert self.attempts(store) == ["hung-0"]

    def test_a_server_that_hung_for_five_seconds_is_as_it_was(
        self, store: Any, server: Any
    ) -> None:
        won: list[str] = []
        worker = threading.Thread(
            target=lambda: won.extend(advance_until(store, "take", NUM_SEGMENTS, "patient"))
        )
        worker.start()
        with server.hung():
            time.sleep(5)
        worker.join(60)
        assert won == self.attempts(store)
        assert len(won) == NUM_SEGMENTS

    def test_a_roll_waits_for_a_server_that_is_away(
        self, url: str, server: Any, tmp_path: Path
    ) -> None:
        """Killed before it begins, and there again a second later; the segment is made once."""
        folder = Folder.made(tmp_path / "rolled", 1, url)
        sessions, blobs = folder.opened()
        rolled: list[lt.RolledSegment] = []

        def roll() -> None:
            with lt.Pipeline(FOG) as pipeline:
                request = asked(prompt_of(1))
                rolled.append(lt.roll(sessions, "s", request, pipeline=pipeline, blobs=blobs))

        worker = threading.Thread(target=roll)
        with server.stopped():
            worker.start()
            time.sleep(1)
        worker.join(60)
        sessions.close()
        assert [each.is_new for each in rolled] == [True]
        assert folder.check_whole() == 2
        assert folder.digests() == truth(2)
        folder.check_swept()

    def test_a_forked_process_uses_the_store_of_its_parent(self, store: Any) -> None:
        store.advance("take", 0, next_segment(0, "parent"), None)
        child = os.fork()
        if not child:
            ended = 1
            try:
                store.advance("take", 1, next_segment(1, "child"), None)
                ended = 0
            finally:
                os._exit(ended)
        assert os.waitpid(child, 0)[1] == 0
        store.advance("take", 2, next_segment(2, "parent"), None)
        assert self.attempts(store) == ["parent-0", "child-1", "parent-2"]

    def test_a_pickle_opens_the_same_sessions(self, store: Any) -> None:
        with closing(pickle.loads(pickle.dumps(store))) as other:
            other.advance("take", 0, next_segment(0, "other"), None)
        assert self.attempts(store) == ["other-0"]

    def test_a_process_that_does_not_close_its_store_ends_quietly(self, url: str) -> None:
        code = "import sys, longtake as lt; s = lt.open_session_store(sys.argv[1]); s.list()"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, url],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert (done.stdout, done.stderr) == ("", "")
