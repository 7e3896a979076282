"""One Delta Lake table that takes records from Kafka exactly once.

Rows and the offsets they came from go into one commit: each partition has an application transaction `topic/partition`
whose version is the next offset to read. Whatever dies, the table itself says where to go on, so the table and not a
consumer group is the authority. One process writes a table: Delta refuses the second of two writers that move the same
transaction, and `append` looks at the marks first, because the same version written twice in turn is not refused.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    QueryBuilder,
    Schema,
    Transaction,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError

Marks = Mapping[str, int]
"""Next offset to read, by `topic/partition`."""

POSITION: Final = (("topic", pa.string()), ("partition", pa.int32()), ("offset", pa.int64()))
"""Columns that every table of Kafka records begins with."""

COMPACT_AFTER: Final = 200
"""New files after which small ones are joined; a read of 300 files of 100 rows takes three times that of one file."""

LARGE: Final = 32 << 20
"""Bytes of a file, some 300,000 reports, that is not joined again: joining writes all anew what it joins."""

RETENTION: Final = "interval 1 hours"
"""How long a replaced file and the log of it stay. A training reads its snapshot within minutes, and makes an earlier
one by its marks. At a commit a second a longer one would heap up files and log entries faster than they can be listed.
"""

FRESH_EVERY: Final = 50
"""Commits after which the table is opened anew: an open one keeps some 30 kB in memory of each commit that it made."""

TIDY_EVERY: Final = timedelta(days=1)
"""How often small files are joined, however few came, so that what was replaced does not stay beyond its retention."""

ORPHAN_HOURS: Final = 1
"""Age from which on a file that no commit names is a dead writer's and no living one's."""

ATTEMPTS: Final = 20
"""How often an erasure, and what is written beside one, begins anew when the other came first."""

# Cleaning the log lists all of it: 45 ms a commit once 1,500 commits lie there. `compact` does it instead.
_QUICK: Final = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


def mark(topic: str, partition: int) -> str:
    """Name of a partition in marks and in the table's application transactions."""
    return f"{topic}/{partition}"


class Table:
    """A Delta table under `uri` with the given columns, made when absent.

    `statistics` names the columns whose least and greatest value the log keeps; identities stay out of it, so that
    erasing a report's rows leaves no trace in the log. A table that an older version made gets the columns it lacks.
    """

    def __init__(self, uri: str | Path, schema: pa.Schema, statistics: Sequence[str]) -> None:
        self._uri = uri
        self._schema = schema
        self._tidied: datetime | None = None
        configuration = {
            "delta.dataSkippingStatsColumns": ",".join(statistics),
            "delta.checkpointInterval": "100",
            "delta.logRetentionDuration": RETENTION,
            "delta.deletedFileRetentionDuration": RETENTION,
        }
        self._table = DeltaTable.create(uri, schema=schema, mode="ignore", configuration=configuration)
        if configuration.items() - self._table.metadata().configuration.items():
            self._table.alter.set_table_properties(configuration)
        known = {field.name for field in self._table.schema().fields}
        if more := [field for field in Schema.from_arrow(schema).fields if field.name not in known]:
            self._table.alter.add_columns(more)
        self._joined = 0
        self._files = self._file_count()

    @property
    def schema(self) -> pa.Schema:
        """Columns of the table."""
        return self._schema

    def mark(self, name: str) -> int | None:
        """Next offset to read of partition `topic/partition`, None when nothing of it was ever taken."""
        return self._table.transaction_version(name)

    def version(self) -> int:
        """Number of the newest commit."""
        self._table.update_incremental()
        return self._table.version()

    def count(self) -> int:
        """Rows in the table, from the log alone."""
        self._table.update_incremental()
        return int(self._table.count())

    def read(self, columns: str, where: str = "true") -> pa.Table:
        """Columns of the rows for which an SQL condition holds, in the newest snapshot; both texts are the caller's."""
        builder = QueryBuilder()
        self.register("here", builder)
        return pa.table(builder.execute(f"SELECT {columns} FROM here WHERE {where}").read_all())  # noqa: S608

    def append(self, rows: pa.Table, marks: Marks) -> int:
        """Add rows and move the marks in one commit; rows below a stored mark are there already and left out.

        Returns how many rows were added. Raises `deltalake.exceptions.CommitFailedError` when another writer moved a
        mark meanwhile: nothing was written then, and whoever asked must start again from the marks. An erasure
        meanwhile moves no mark, and the rows are added after it.
        """
        stored = {name: self.mark(name) or 0 for name in marks}
        moved = {name: offset for name, offset in marks.items() if offset > stored[name]}
        if not moved:
            return 0
        rows = _without_known(rows, stored)
        transactions = [Transaction(name, offset) for name, offset in moved.items()]
        properties = CommitProperties(app_transactions=transactions)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._write(rows, properties)
                break
            except CommitFailedError:
                self._table.update_incremental()
                if attempt == ATTEMPTS or any((self.mark(name) or 0) != offset for name, offset in stored.items()):
                    raise
        return int(rows.num_rows)

    def add(self, rows: pa.Table) -> None:
        """Add rows that come from no topic."""
        self._write(rows, None)

    def register(self, name: str, builder: QueryBuilder) -> None:
        """Let `builder` query the table's newest snapshot under `name`."""
        self._table.update_incremental()
        builder.register(name, self._table)

    def due(self, now: datetime) -> bool:
        """Whether to `compact`: many files came since, or it was not done for `TIDY_EVERY`, or not since the start."""
        many = self._files > self._joined + COMPACT_AFTER
        return many or self._tidied is None or now - self._tidied >= TIDY_EVERY

    def tidied(self, now: datetime) -> None:
        """`compact` was tried, by whichever process: it is due again a day later, or once many files came."""
        self._table = DeltaTable(self._uri)
        self._tidied = now
        self._files = self._joined = self._file_count()

    def compact(self) -> None:
        """Join small files, and remove from disk and log what no snapshot of the last hour uses.

        Files that a killed writer left, which no commit names, go then as well.
        """
        try:
            self._table.update_incremental()
            self._table.optimize.compact(target_size=LARGE, post_commithook_properties=_QUICK)
            self._table.vacuum(dry_run=False, full=True, post_commithook_properties=_QUICK)
        except CommitFailedError:  # an erasure came between, or commits came too fast for it: it is tried when next due
            self._table.update_incremental()
        self._table.create_checkpoint()
        self._table.cleanup_metadata()

    def erase(self, columns: Mapping[str, str]) -> int:
        """Delete the rows whose columns have these values, from every file on the disk; how many there were.

        The log names the rows by their places in Kafka, so that it does not keep what was erased. Every file that is
        not part of the newest snapshot goes at once: a query that reads an older one fails, and is made again. One that
        no commit names, left by a killed writer, goes when it is so old that nobody can be writing it.
        """
        deleted = 0
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if places := self._places(columns):
                    self._table.delete(_at(places), post_commithook_properties=_QUICK)
                    deleted += len(places)
                    continue  # look again: more may have come meanwhile
                self._remove_replaced()
                break
            except CommitFailedError:
                if attempt == ATTEMPTS:
                    raise
        self._files = self._file_count()
        return deleted

    def _remove_replaced(self) -> None:
        for hours, unnamed in ((0, False), (ORPHAN_HOURS, True)):
            self._table.vacuum(
                hours,
                dry_run=False,
                enforce_retention_duration=False,
                full=unnamed,
                post_commithook_properties=_QUICK,
            )

    def _places(self, columns: Mapping[str, str]) -> list[tuple[str, int, int]]:
        """Topic, partition and offset of the rows whose columns have these values; nothing of the query is kept."""
        where = " AND ".join(f"{name} = {_quoted(value)}" for name, value in columns.items())
        found = self.read('topic, partition, "offset"', where)
        return [(row["topic"], row["partition"], row["offset"]) for row in found.to_pylist()]

    def _write(self, rows: pa.Table, properties: CommitProperties | None) -> None:
        write_deltalake(
            self._table, rows, mode="append", commit_properties=properties, post_commithook_properties=_QUICK
        )
        self._files += 1
        if self._files % FRESH_EVERY == 0:
            self._table = DeltaTable(self._uri)

    def _file_count(self) -> int:
        return len(self._table.file_uris())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _at(places: Sequence[tuple[str, int, int]]) -> str:
    """SQL condition: the row lies at one of these places."""
    by_partition: dict[tuple[str, int], list[str]] = {}
    for topic, partition, offset in places:
        by_partition.setdefault((topic, partition), []).append(str(offset))
    return " OR ".join(
        f'(topic = {_quoted(topic)} AND partition = {partition} AND "offset" IN ({", ".join(offsets)}))'
        for (topic, partition), offsets in by_partition.items()
    )


def _without_known(rows: pa.Table, stored: Marks) -> pa.Table:
    places = zip(rows["topic"].to_pylist(), rows["partition"].to_pylist(), rows["offset"].to_pylist(), strict=True)
    fresh = [offset >= stored[mark(topic, partition)] for topic, partition, offset in places]
    return rows if all(fresh) else rows.filter(pa.array(fresh, pa.bool_()))
